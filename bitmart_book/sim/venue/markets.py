"""What is true of every symbol of an exchange, and what may be done to it, whoever lists it.

A symbol of another venue than BitMart says whose it is where that is not plain: "kraken:BTC/USD",
"bybit-spot:BTCUSDT".
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Literal

from bitmart_book.errors import UsageError
from bitmart_book.sim.market.market import Listing
from bitmart_book.sim.venue.futures import Futures
from bitmart_book.sim.venue.glimpses import Glimpse
from bitmart_book.sim.venue.public import PublicFeed
from bitmart_book.sim.venue.publisher import Publisher, Side
from bitmart_book.sim.venue.spot import Spot

__all__ = ["Markets"]


class Markets:
    """The markets of one exchange: `spot` with its `listings`, those of contracts, and those of
    other venues' `feeds`, by their names."""

    def __init__(
        self,
        spot: Spot,
        listings: Mapping[str, Listing],
        contracts: tuple[Futures, ...],
        feeds: Mapping[str, PublicFeed],
    ) -> None:
        self._spot = spot
        self._listings = listings
        self._contracts = contracts
        self._feeds = feeds
        # Those that stand still; None: all.
        self._paused: set[str] | None = set()

    def key(self, symbol: str) -> str:
        """How this exchange calls a symbol where all venues are meant: "kraken:BTC/USD"; BitMart's
        own spot symbols stay as they are."""
        market, between, _ = symbol.partition(":")
        if symbol in self._listings or (between and market in self._feeds):
            return symbol
        homes = [market for market, feed in self._feeds.items() if symbol in feed.listings]
        return f"{homes[0]}:{symbol}" if homes else symbol

    def _home(self, symbol: str) -> tuple[Spot | PublicFeed, str]:
        """Where a symbol is traded, and what it is called there."""
        market, between, name = self.key(symbol).partition(":")
        return (self._feeds[market], name) if between and market in self._feeds else (
            self._spot, symbol)  # fmt: skip

    def publisher(self, symbol: str) -> Publisher:
        """What publishes a symbol. UsageError for one that is not listed."""
        home, name = self._home(symbol)
        return home.publisher(name)

    def version(self, symbol: str) -> int:
        """The version of the latest book of a symbol. UsageError for one that is not listed."""
        return self.publisher(symbol).version

    def told_version(self, symbol: str, channel: str, mark: int | str) -> int | None:
        """The version that a message of another venue told of; see `PublicFeed.version`."""
        home, name = self._home(symbol)
        if isinstance(home, Spot):
            raise UsageError(f"{symbol}: a message of BitMart has its version in it")
        return home.version(name, channel, mark)

    def window(
        self, symbol: str, version: int, levels: int | None = None
    ) -> tuple[Side, Side] | None:
        """(bids, asks) after a version, rows of (price, size), best first; None: not remembered.

        It is the whole book behind the channel, or the best 100 levels with `window_only`; of it
        the best so many `levels`. For contracts see `futures.window`.
        """
        home, name = self._home(symbol)
        publisher = home.known_publisher(name)
        return None if publisher is None else publisher.window(version, levels)

    def glimpse(self, symbol: str, version: int) -> Glimpse | None:
        """The best levels after a version, and how long it was the latest; None: not remembered.

        Says the same as `window` at a hundredth of its cost.
        """
        home, name = self._home(symbol)
        publisher = home.known_publisher(name)
        return None if publisher is None else publisher.glimpses.of(version)

    def subscribed(self) -> dict[str, list[int]]:
        """Each symbol whose sequenced book is subscribed, and the connections that hear of it."""
        found = self._spot.subscribed()
        for market, feed in self._feeds.items():
            found.update((f"{market}:{name}", ids) for name, ids in feed.subscribed().items())
        return found

    def is_two_sided(self, symbol: str) -> bool:
        """Whether its book has bids and asks now."""
        return self.publisher(symbol).best() is not None

    def is_paused(self, symbol: str) -> bool:
        """Whether `pause` holds it."""
        return self._paused is None or self.key(symbol) in self._paused

    def feed_for(self, symbol: str) -> PublicFeed | None:
        """The other venue's address that lists a symbol; None: BitMart's."""
        home, _ = self._home(symbol)
        return home if isinstance(home, PublicFeed) else None

    def snapshot(self, symbol: str) -> str:
        """The frame that would answer a request now, or a new subscription."""
        home, name = self._home(symbol)
        return home.snapshot(name)

    # Interventions

    def tell_snapshot(self, symbol: str) -> None:
        """Push the present book to every subscriber, though nobody asked."""
        home, name = self._home(symbol)
        home.tell_snapshot(name)

    def tell_again(self, symbol: str) -> None:
        """Push a heartbeat, though it is not due."""
        home, name = self._home(symbol)
        home.tell_again(name)

    def tell_nothing(self, symbol: str) -> None:
        """Push an update without levels that is a version of its own."""
        home, name = self._home(symbol)
        home.tell_nothing(name)

    def take(self, symbol: str, side: Literal["bid", "ask"], levels: int | None = None) -> None:
        """Let the best so many levels of a side (None: all of them) go at once; own orders stay."""
        home, name = self._home(symbol)
        home.take(name, side, levels)

    def restart(self, symbol: str, version: int) -> None:
        """Let the versions of a symbol go on from another number, without a word to anybody; other
        venues say of it what they do."""
        home, name = self._home(symbol)
        home.restart(name, version)

    def pause(self, symbol: str | None = None) -> None:
        """From the latest `now` on the market of a symbol stands still (None: every market).

        What has happened before is still told, and then nothing; requests and subscriptions are
        answered as ever.
        """
        if symbol is None:
            self._paused = None
        elif self._paused is not None:
            self._paused.add(self.key(symbol))
        self._tell_pauses()

    def resume(self, symbol: str | None = None) -> None:
        """End `pause`. After a pause of all, they can only be resumed together."""
        if symbol is None:
            self._paused = set()
        elif self._paused is not None:
            self._paused.discard(self.key(symbol))
        self._tell_pauses()

    def _tell_pauses(self) -> None:
        self._spot.pauses(self.is_paused)
        for contracts in self._contracts:
            contracts.pauses(self.is_paused)
        for market, feed in self._feeds.items():
            feed.pauses(functools.partial(self._is_paused_at, market))

    def _is_paused_at(self, market: str, name: str) -> bool:
        return self.is_paused(f"{market}:{name}")
