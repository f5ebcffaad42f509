"""The gen-1 feed of the simulated exchange: the same markets in the words of 2018 to 2020.

Source: bitmart-official-api-docs (2020), `WEBSOCKET.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bitmart_book.errors import UsageError
from bitmart_book.sim.market.market import Listing
from bitmart_book.sim.venue import wire
from bitmart_book.sim.venue.feeds import Feed, Picture
from bitmart_book.sim.venue.knobs import SpotKnobs
from bitmart_book.sim.venue.lines import Connection, Lines, decoded
from bitmart_book.sim.venue.publisher import Publisher

__all__ = ["Legacy"]

STEPS = (1, 3, 5, 15, 30, 45, 60, 120, 180, 240, 1_440, 10_080, 43_200)
LEVELS = 20
TRADES = 15


class Legacy:
    """Who listens to what of spot's markets in the old words."""

    def __init__(
        self,
        lines: Lines,
        knobs: SpotKnobs,
        listings: Mapping[str, Listing],
        publisher: Callable[[str], Publisher],
    ) -> None:
        self._lines = lines
        self._knobs = knobs
        self._listings = listings
        self._publisher = publisher
        self._feeds: dict[str, dict[str, Feed]] = {}
        """By symbol and what is pushed of it, like "depth/6"."""
        self._running: set[str] = set()

    def receive(self, connection: Connection, payload: str | bytes) -> None:
        """A message of a client."""
        message = decoded(payload)
        if not isinstance(message, dict) or ("subscribe" in message) == ("unsubscribe" in message):
            self._refuse(connection, "invalid request")
            return
        if message.get("subscribe") == "ping":
            self._lines.push('{"subscribe":"pong"}', (connection,))
            return
        key = self._key(message.get("subscribe", message.get("unsubscribe")), message)
        if isinstance(key, Exception):
            self._refuse(connection, str(key))
            return
        symbol = message["symbol"]
        name = f"{symbol}/{key}"
        feed = self._feeds.setdefault(symbol, {}).setdefault(key, Feed())
        if "unsubscribe" in message:
            connection.topics.pop(name, None)
            feed.subscribers.pop(connection.id, None)
            return
        if name not in connection.topics:
            connection.topics[name] = feed
            connection.subscribed = True
            feed.join(connection)
            self._start(symbol)
        picture = self._picture(self._publisher(symbol), key, self._lines.now)
        if feed.last is None:
            feed.last = picture.content
        self._lines.push(picture.text, (connection,))

    def too_fast(self, connection: Connection) -> bool:
        """No limit of messages is documented."""
        del connection
        return True

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        for feed in connection.topics.values():
            del feed.subscribers[connection.id]

    def _key(self, topic: Any, message: dict[str, Any]) -> str | UsageError:
        """Which feed is meant, "depth/6"; or what is wrong with it.

        BitMart documents that an error has a `message`, not what it says.
        """
        symbol, step = message.get("symbol"), message.get("step", 1)
        if topic not in ("price", "kline", "order", "trade"):
            return UsageError(f"unknown subscribe: {topic}")
        listing = self._listings.get(symbol) if isinstance(symbol, str) else None
        if listing is None:
            return UsageError(f"unknown symbol: {symbol}")
        if topic == "price":
            return "price"
        if topic == "kline":
            known = type(step) is int and step in STEPS
            return f"kline/{step}" if known else UsageError(f"unknown step: {step}")
        precision = message.get("precision", listing.price_decimals)
        if type(precision) is not int or not (
            listing.min_price_decimals <= precision <= listing.price_decimals
        ):
            return UsageError(f"unknown precision: {precision}")
        return f"{'depth' if topic == 'order' else topic}/{precision}"

    def _refuse(self, connection: Connection, message: str) -> None:
        self._lines.push(wire.legacy_error(message), (connection,))

    # What is pushed

    def _start(self, symbol: str) -> None:
        if symbol not in self._running:
            self._running.add(symbol)
            later = self._lines.now + self._knobs.legacy_interval
            self._lines.schedule(later, self._tell, symbol)

    def _tell(self, symbol: str, now: float) -> None:
        self._running.discard(symbol)
        publisher, listened = self._publisher(symbol), False
        for key, feed in self._feeds[symbol].items():
            if not feed.subscribers:
                continue
            listened = True
            seen = (publisher.version, publisher.tape.trades)
            if feed.seen == seen:
                continue
            feed.seen = seen
            picture = self._picture(publisher, key, now)
            if picture.content != feed.last:
                text = self._later(publisher, key, feed.last, picture)
                feed.last = picture.content
                self._lines.push(text, feed.subscribers.values())
        if listened:
            self._start(symbol)

    @staticmethod
    def _picture(publisher: Publisher, key: str, now: float) -> Picture:
        topic, *rest = key.split("/")
        symbol, stamp = publisher.symbol, publisher.clock.ms(now)
        option = int(rest[0]) if rest else 0
        if topic == "depth":
            sides = publisher.grouped(option, LEVELS)
            return Picture(sides, wire.legacy_depth(symbol, option, *sides))
        if topic == "trade":
            rows = publisher.tape.legacy_trades(option, TRADES)
            return Picture(publisher.tape.trades, wire.legacy_trade(symbol, option, rows))
        if topic == "kline":
            values = publisher.tape.legacy_bar(publisher.tape.bar(option * 60, now))
            text = wire.legacy_kline(symbol, option, wire.bar_frame(values), stamp)
            return Picture(values, text)
        values = publisher.tape.legacy_bar(publisher.tape.day)
        change = publisher.tape.fluctuation()
        sign = "" if change < 0 else "+"
        text = wire.legacy_price(
            symbol,
            wire.bar_frame(values),
            sign + wire.padded(change, 4),
            publisher.tape.legacy_rate(),
            stamp,
        )
        return Picture(values, text)

    def _later(self, publisher: Publisher, key: str, last: Any, picture: Picture) -> str:
        """The text of a push that is not the first; the knobs know shorter forms."""
        option = key.rpartition("/")[2]
        if key.startswith("trade") and self._knobs.legacy_trades == "new":
            rows = publisher.tape.legacy_trades(int(option), picture.content - last)
            return wire.legacy_trade(publisher.symbol, int(option), rows)
        if key.startswith("depth") and self._knobs.legacy_depth == "delta":
            sides = [_changed(*pair) for pair in zip(last, picture.content, strict=True)]
            return wire.legacy_depth(publisher.symbol, int(option), sides[0], sides[1])
        return picture.text


def _changed(before: list[wire.BookRow], after: list[wire.BookRow]) -> list[wire.BookRow]:
    """The rows that differ, and those that are gone with nothing in them.

    Totals do not count: below one changed level they all differ.
    """
    known = {row.price: (row.amount, row.orders) for row in before}
    prices = {row.price for row in after}
    gone = [row._replace(amount="0", orders=0) for row in before if row.price not in prices]
    return [row for row in after if known.get(row.price) != (row.amount, row.orders)] + gone
