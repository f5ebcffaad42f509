"""What a feed that is open has beside its core: its client, and who shows its books elsewhere."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

from bitmart_book.client.client import Client
from bitmart_book.client.limits import Limiter
from bitmart_book.credentials import Credentials
from bitmart_book.errors import UsageError
from bitmart_book.feed.core import Core
from bitmart_book.share.publishing import Publisher
from bitmart_book.wire.recorder import Recorder

__all__ = ["make_client", "publish"]


def make_client(
    core: Core,
    urls: dict[str, str],
    credentials: Mapping[str, Credentials] | None,
    recorder: Recorder | None,
) -> Client:
    """The client of a feed that opens now. credentials: those of a simulator, if it has any.
    recorder: where what the client tells the engine is written down too."""
    options = core.options
    live, limiter = options["source"] == "live", options["limiter"]
    if limiter is None and not live and not options["urls"]:
        # An exchange of our own counts for itself: its limits are not BitMart's memory of us.
        limiter = Limiter()
    core.client = Client(
        core.engine if recorder is None else recorder.told(core.engine),
        core.venue,
        rng=random.Random(),
        urls=_regions(core, _demo_urls(core, urls)),
        elsewhere=live and not options["urls"],
        limiter=limiter,
        timeouts=options["timeouts"],
        other_hosts=options["allow_other_hosts"],
        credentials=options["credentials"] or credentials,
        wall_ms=lambda: time.time_ns() // 1_000_000,
    )
    core.client.account.across = core.across
    core.client.account.instruments = core.instruments
    if recorder is not None:
        recorder.name_of = core.client.connections.name_of
    return core.client


def _demo_urls(core: Core, urls: dict[str, str]) -> dict[str, str]:
    if not core.options["demo"]:
        return urls
    # A server of ours has its demo trading beside the other, at addresses of its own.
    demo = {k.removeprefix("demo_"): v for k, v in urls.items() if k.startswith("demo_")}
    return {**urls, **demo}


def _regions(core: Core, urls: dict[str, str]) -> dict[str, str]:
    """An address may be the name of a region: {"okx_public": "eea"}."""
    profiles = {profile.endpoint: profile for profile in core.venue.profiles}
    return {
        endpoint: profiles[endpoint].server.in_region(url, profiles[endpoint].venue)
        if "://" not in url and endpoint in profiles
        else url
        for endpoint, url in urls.items()
    }


def publish(core: Core, name: str, levels: int) -> None:
    """Show all books to other programs of this machine, under that name."""
    if core.is_capture:
        raise UsageError("the books of a capture are of another time, and are not published")
    _, driver = core.running()
    if core.publisher is not None:
        raise UsageError(f"this feed is published already, as {core.publisher.name!r}")
    core.engine.require_quiet()
    core.publisher = Publisher(
        core.engine, name, levels, lambda error: core.journal.error(str(error), error)
    )
    core.publisher.start(driver.later)
