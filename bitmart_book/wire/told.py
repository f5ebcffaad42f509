"""What a client tells its engine, written down as events of a recording and told again from there.

Frames alone do not make a replay equal to what was live: a book is LIVE because its connection is
open, its snapshot was asked for, and something was heard in time. Both directions stand here, side
by side, so that what is written is what is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from bitmart_book._book import Book, Engine
from bitmart_book.errors import BitmartBookError, CaptureError, printable
from bitmart_book.model import BookState
from bitmart_book.venues.profile import Profile, Topic
from bitmart_book.wire.capture import CapturedEvent

__all__ = ["ToldEngine", "retell", "telling"]

Tell = Callable[[str, int | None, dict[str, Any]], None]
"""Takes an event, the generation that it is about, and its facts."""


class ToldEngine:
    """An engine that tells what it is told; all else is the engine's own."""

    def __init__(self, engine: Engine, tell: Tell, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._tell = tell
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def open_line(
        self,
        generation: int,
        valid_for: float,
        *,
        host: str | None = None,
        unseen: float = 0.0,
        profile: Profile | None = None,
    ) -> None:
        self._engine.open_line(generation, valid_for, host=host, unseen=unseen, profile=profile)
        line = self._engine.line(generation)
        known = None if line is None else line.host
        # What this process has learned of the host before, whoever was connected.
        punctual = None if known is None else known.punctual(self._clock())
        facts = {"seconds": valid_for, "host": host, "unseen": unseen, "punctual_ns": punctual}
        if profile is not None:
            facts["endpoint"] = profile.endpoint
        self._tell("opened", generation, facts)

    def set_floor(self, host: str, punctual_ns: int | None) -> None:
        self._tell("floor", None, {"host": host, "punctual_ns": punctual_ns})
        self._engine.set_floor(host, punctual_ns)

    def forget_generation(self, generation: int) -> None:
        self._tell("closed", generation, {})
        self._engine.forget_generation(generation)

    def hold(self, generation: int, reason: str) -> None:
        self._tell("held", generation, {"reason": reason})
        self._engine.hold(generation, reason)

    def release(self, generation: int) -> None:
        self._tell("released", generation, {})
        self._engine.release(generation)

    def book(self, symbol: str, *, channel: str | None = None, market: str | None = None) -> Book:
        book = self._engine.book(symbol, channel=channel, market=market)
        self._tell("wanted", None, {"topic": _topic(book)})
        return book

    def close_book(self, book: Book) -> None:
        self._tell("unwanted", None, {"topic": _topic(book)})
        self._engine.close_book(book)

    def assign(self, book: Book, generation: int) -> None:
        self._tell("subscribed", generation, {"topic": _topic(book)})
        self._engine.assign(book, generation)

    def expect(self, book: Book, *, subscribed: bool = False, acknowledged: bool = True) -> int:
        facts = {"topic": _topic(book), "subscribed": subscribed}
        if not acknowledged:
            facts["acknowledged"] = False
        self._tell("asked", None, facts)
        return self._engine.expect(book, subscribed=subscribed, acknowledged=acknowledged)

    def acknowledge(self, book: Book) -> None:
        self._tell("acknowledged", None, {"topic": _topic(book)})
        self._engine.acknowledge(book)

    def invalidate(self, book: Book, reason: str, *, state: BookState = BookState.GAP) -> None:
        self._tell("doubted", None, {"topic": _topic(book), "state": state, "reason": reason})
        self._engine.invalidate(book, reason, state=state)

    def confirm(
        self, book: Book, until_ns: int, *, by: str = "connection", known_ns: int | None = None
    ) -> None:
        now = self._clock()
        facts = {"topic": _topic(book), "for_ns": until_ns - now, "by": by}
        if known_ns is not None:
            facts["known_for_ns"] = now - known_ns
        self._tell("confirmed", None, facts)
        self._engine.confirm(book, until_ns, by=by, known_ns=known_ns)


def telling(engine: Engine, tell: Tell, clock: Callable[[], int]) -> Engine:
    """The engine, for a client whose words are to be recorded."""
    return cast(Engine, ToldEngine(engine, tell, clock))


def _topic(book: Book) -> str:
    return f"{book.channel}:{book.symbol}"


# --- told again ---


def retell(engine: Engine, event: CapturedEvent, generation: int, now_ns: int, path: str) -> None:
    """Tell an engine what a recording says that its client told it; `generation` is that of the
    connection of the event. Unknown events mean nothing. CaptureError for one without its facts."""
    again = _EVENTS.get(event.event)
    if again is None:
        return
    try:
        again(engine, event.facts, generation, now_ns)
    except (
        BitmartBookError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
    ) as error:
        problem = printable(f"no such {event.event!r}: {error}")
        raise CaptureError(path, event.line, problem) from None


def _wanted(engine: Engine, topic: str) -> Book:
    parsed = Topic.parse(topic)
    market = engine.venue.topic_profile(topic).market
    return engine.book(parsed.symbol, channel=parsed.channel, market=market)


def _spoken(engine: Engine, endpoint: str | None) -> Profile | None:
    """What is spoken at an endpoint; older recordings do not name it."""
    profiles: tuple[Profile, ...] = engine.venue.profiles
    return next((one for one in profiles if one.endpoint == endpoint), None)


_EVENTS: dict[str, Callable[[Engine, Any, int, int], object]] = {
    "opened": lambda engine, facts, generation, _: engine.open_line(
        generation,
        facts["seconds"],
        host=facts.get("host"),
        unseen=facts.get("unseen", 0.0),
        punctual_ns=facts.get("punctual_ns"),
        profile=_spoken(engine, facts.get("endpoint")),
    ),
    "floor": lambda engine, facts, _, __: engine.set_floor(facts["host"], facts["punctual_ns"]),
    "closed": lambda engine, _, generation, __: engine.forget_generation(generation),
    "held": lambda engine, facts, generation, _: engine.hold(
        generation, printable(facts["reason"])
    ),
    "released": lambda engine, _, generation, __: engine.release(generation),
    "wanted": lambda engine, facts, _, __: _wanted(engine, facts["topic"]),
    "unwanted": lambda engine, facts, _, __: engine.close_book(engine[facts["topic"]]),
    "subscribed": lambda engine, facts, generation, _: engine.assign(
        engine[facts["topic"]], generation
    ),
    "asked": lambda engine, facts, _, __: engine.expect(
        engine[facts["topic"]],
        subscribed=facts.get("subscribed", False),
        acknowledged=facts.get("acknowledged", True),
    ),
    "acknowledged": lambda engine, facts, _, __: engine.acknowledge(engine[facts["topic"]]),
    "doubted": lambda engine, facts, _, __: engine.invalidate(
        engine[facts["topic"]],
        printable(facts["reason"]),
        state=BookState(facts["state"]),
    ),
    "confirmed": lambda engine, facts, _, now: engine.confirm(
        engine[facts["topic"]],
        now + facts["for_ns"],
        by=printable(facts["by"]),
        known_ns=now - facts["known_for_ns"] if "known_for_ns" in facts else None,
    ),
}
