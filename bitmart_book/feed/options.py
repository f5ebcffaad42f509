"""What a feed can be told: its keywords, spelled once for both faces, and what is wrong with them.

Whoever mistypes a keyword or passes a list where names are wanted gets one sentence that says
what to write instead, before anything has been opened.
"""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, cast

from bitmart_book.client.limits import Limiter
from bitmart_book.client.times import PATIENCE, Timeouts
from bitmart_book.credentials import Credentials
from bitmart_book.errors import UnknownKeyword, UsageError
from bitmart_book.log.journal import Logger
from bitmart_book.model import Event, Instrument
from bitmart_book.venues.profile import Venue
from bitmart_book.wire.transports import Transport, opener

if TYPE_CHECKING:
    from bitmart_book.sim import Simulator

__all__ = ["Options", "Source", "Wait", "filled", "is_capture", "names", "spelled_out"]

FilePath = str | os.PathLike[str]
Wait = Literal["all", "none"]
F = TypeVar("F", bound=Callable[..., Any])
if TYPE_CHECKING:
    Source = str | os.PathLike[str] | Simulator | Sequence[FilePath]
else:
    Source = object


class Options(TypedDict, total=False):
    """The keywords of `bitmart_book.Feed`, of its blocking twin, and of `connect`."""

    source: Source
    credentials: Credentials | Mapping[str, Credentials] | None
    demo: bool
    instruments: Mapping[str, Instrument] | None
    urls: Mapping[str, str] | None
    allow_other_hosts: bool
    ca_file: FilePath | None
    record: FilePath | None
    shadow: bool
    max_levels: int
    max_books: int
    timeout: float
    wait: Wait
    on_error: Callable[[str, BaseException], object] | None
    on_outage: Callable[[Event], object] | None
    speed: float | None
    on_bad_line: Literal["raise", "skip"]
    progress: Callable[[int, int], None] | None
    logger: Logger | None
    limiter: Limiter | None
    timeouts: Timeouts | None
    venue: str | Venue | Sequence[str | Venue] | None
    transport: Transport


DEFAULTS: Options = {
    "source": "live",
    "credentials": None,
    "demo": False,
    "instruments": None,
    "urls": None,
    "allow_other_hosts": False,
    "ca_file": None,
    "record": None,
    "shadow": False,
    "max_levels": 50_000,
    "max_books": 2_000,
    "timeout": PATIENCE,
    "wait": "all",
    "on_error": None,
    "on_outage": None,
    "speed": None,
    "on_bad_line": "raise",
    "progress": None,
    "logger": None,
    "limiter": None,
    "timeouts": None,
    "venue": None,
    "transport": "websockets",
}


def filled(options: Options) -> Options:
    """All keywords, with the default of each that was not said. UsageError for what cannot be."""
    for name in options:
        if name not in DEFAULTS:
            near = difflib.get_close_matches(name, DEFAULTS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(DEFAULTS)}"
            raise UnknownKeyword(f"a feed takes no keyword {name!r}; {hint}")
    every = cast(Options, {**DEFAULTS, **options})
    check_wait(every["wait"])
    _check_source(every["source"])
    _check_urls(every["urls"])
    # "picows" where it cannot be had.
    opener(every["transport"])
    return every


def check_wait(wait: object) -> None:
    """UsageError for what `wait` cannot be."""
    if wait not in ("all", "none"):
        raise UsageError(f'wait must be "all" or "none", was {wait!r}')


def is_capture(source: object) -> bool:
    """Whether a source is a recording: a file, or several."""
    return not (source in ("live", "sim") or hasattr(source, "exchange"))


def _check_source(source: object) -> None:
    if not is_capture(source):
        return
    if isinstance(source, Sequence) and not isinstance(source, (str, bytes)):
        wrong = [path for path in source if not isinstance(path, (str, os.PathLike))]
    else:
        wrong = [] if isinstance(source, (str, os.PathLike)) else [source]
    if wrong:
        raise UsageError(
            'source must be "live", "sim", a Simulator, a capture file, or a list of such files; '
            f"was {wrong[0]!r}"
        )
    if isinstance(source, str) and "://" in source:
        raise UsageError(
            f'source={source!r} is the address of a server: write source="live", '
            f'urls={{"spot_public": {source!r}}}, with the name of each endpoint that it serves'
        )
    if isinstance(source, str) and not Path(source).exists():
        near = difflib.get_close_matches(source, ("live", "sim"), n=1)
        if near:
            raise UsageError(
                f'there is no file {source!r} to read; did you mean source="{near[0]}"?'
            )


def _check_urls(urls: object) -> None:
    if urls is None:
        return
    if not isinstance(urls, Mapping):
        address = urls if isinstance(urls, str) else "ws://127.0.0.1:8080/"
        raise UsageError(
            "urls is a mapping of endpoint to address, as in "
            f'urls={{"spot_public": {address!r}}}; was {urls!r}'
        )
    for url in urls.values():
        is_region = isinstance(url, str) and url.isalpha()
        if not isinstance(url, str) or not (is_region or url.startswith(("ws://", "wss://"))):
            raise UsageError(f"an address begins with wss:// or ws://, was {url!r}")


def names(call: str, given: Sequence[object]) -> tuple[str, ...]:
    """Symbols or topics that were given to a call one by one. UsageError for anything else."""
    for name in given:
        if isinstance(name, str):
            continue
        if isinstance(name, (list, tuple, set, frozenset)):
            one_by_one = ", ".join(map(repr, list(name)[:2])) or '"BTC_USDT"'
            raise UsageError(
                f"{call}() takes names one by one, not in a {type(name).__name__}: "
                f"{call}({one_by_one}), or {call}(*names)"
            )
        raise UsageError(f"{call}() takes symbols or topics, which are texts; was {name!r}")
    return cast(tuple[str, ...], tuple(given))


def listed(call: str, given: object) -> tuple[str, ...]:
    """Symbols or topics that were given to a call as one list. UsageError for anything else."""
    if isinstance(given, str):
        raise UsageError(f"{call}() takes a list of names: {call}([{given!r}])")
    try:
        every = tuple(cast(Sequence[object], given))
    except TypeError:
        raise UsageError(f"{call}() takes a list of names, was {given!r}") from None
    return names(call, every)


def spelled_out(function: F) -> F:
    """Shows the options one by one where a person asks for the signature of `function`."""
    signature = inspect.signature(function)
    leading = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    hints = {name: getattr(hint, "__forward_arg__", hint)
             for name, hint in Options.__annotations__.items()}  # fmt: skip
    spelled = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[name]
        )
        for name, default in DEFAULTS.items()
    ]
    shown = signature.replace(parameters=[*leading, *spelled])
    function.__signature__ = shown  # type: ignore[attr-defined]
    return function
