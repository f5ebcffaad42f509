"""A client as people write it on an afternoon: it believes all it hears.

It shows that the judge can see: right while nobody lies, and wrong in all the usual ways.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from tests.strangers.units import SECOND
from tests.strangers.virtual import Wish

Sides = dict[str, dict[Decimal, Decimal]]
PING_EVERY = 10 * SECOND


class NaiveClient:
    """Keeps the books of some topics: each is LIVE from its first snapshot until its line ends."""

    def __init__(self, topics: Sequence[tuple[str, str]]) -> None:
        self.wanted = list(topics)
        self.books: dict[tuple[str, str], Sides] = {}
        self.versions: dict[tuple[str, str], int] = {}
        self.houses = sorted({house for house, _ in topics})
        self._wishes: list[Wish] = []
        self._lines: dict[int, str] = {}
        self._again: dict[str, int] = dict.fromkeys(self.houses, 0)
        self._last = 0
        self._ping = PING_EVERY

    # A party of the world.

    def due(self) -> int:
        return min([self._ping, *self._again.values()])

    def advance(self, now: int) -> None:
        for house in [house for house, at in self._again.items() if at <= now]:
            del self._again[house]
            self._last += 1
            endpoint = house if house == "legacy" else f"{house}_public"
            self._wishes.append(Wish("open", self._last, endpoint))
            self._lines[self._last] = house
        if now >= self._ping:
            self._ping = now + PING_EVERY
            for line, house in self._lines.items():
                words = {"spot": "ping", "futures": '{"action":"ping"}'}
                self._wishes.append(Wish("send", line, words.get(house, '{"subscribe":"ping"}')))
                self._renew(line, house)

    def opened(self, line: int, now: int) -> None:
        house = self._lines[line]
        topics = [topic for where, topic in self.wanted if where == house]
        if house == "legacy":
            for topic in topics:
                symbol, _, precision = topic.partition(":")[2].partition("@")
                word = {"subscribe": "order", "symbol": symbol, "precision": int(precision)}
                self._send(line, word)
        else:
            self._send(line, {self._verb(house): "subscribe", "args": topics})

    def refused(self, line: int, status: int, now: int) -> None:
        self.lost(line, None, now)

    def lost(self, line: int, code: int | None, now: int) -> None:
        house = self._lines.pop(line)
        self.books = {key: book for key, book in self.books.items() if key[0] != house}
        self._again[house] = now + 3 * SECOND

    def heard(self, line: int, payload: str | bytes, now: int) -> None:
        try:
            text = payload if isinstance(payload, str) else zlib.decompress(payload, -15).decode()
            message = json.loads(text)
            self._apply(line, self._lines[line], message)
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, zlib.error):
            pass

    def wishes(self) -> Iterable[Wish]:
        wishes, self._wishes = self._wishes, []
        return wishes

    # A reader for the judge.

    def topics(self) -> Sequence[tuple[str, str]]:
        return self.wanted

    def read(self, house: str, topic: str, what: str, *args: Any) -> Any:
        book = self.books.get((house, topic))
        if book is None or len(book) < 2:
            return None
        try:
            bids = sorted(book["bid"].items(), reverse=True)
            asks = sorted(book["ask"].items())
        except ArithmeticError:
            # It believed that NaN is a price.
            return None
        if what == "quote":
            empty: tuple[None, None] = (None, None)
            return (*(bids[0] if bids else empty), *(asks[0] if asks else empty))
        if what == "depth":
            # Of a book of deltas it cannot know what it was never told (§2.8, rule 7).
            return bids[: args[0]], asks[: args[0]], "increase100" not in topic
        return None

    # What it understands.

    def _renew(self, line: int, house: str) -> None:
        """§2.8: levels that slide into the window are not sent; "a periodic `request` cures it"."""
        topics = [topic for where, topic in self.wanted if where == house]
        increase = [topic for topic in topics if topic.startswith("spot/depth/increase100")]
        if increase:
            self._send(line, {"op": "request", "args": increase})

    def _verb(self, house: str) -> str:
        return "op" if house == "spot" else "action"

    def _send(self, line: int, message: dict[str, Any]) -> None:
        self._wishes.append(Wish("send", line, json.dumps(message)))

    def _apply(self, line: int, house: str, message: Any) -> None:
        if house == "legacy":
            key = (house, f"order:{message['symbol']}@{message['precision']}")
            data = message["data"]
            self._replace(key, data["buys"], data["sells"], ("price", "amount"))
            return
        name = message.get("table") or message["group"].partition(":")[0]
        data = message["data"]
        item = data[0] if isinstance(data, list) else data
        key = (house, f"{name}:{item['symbol']}")
        if key not in self.wanted:
            return
        columns = (0, 1) if house == "spot" else ("price", "vol")
        if "way" in item:
            side = "bid" if item["way"] == 1 else "ask"
            self.books.setdefault(key, {})[side] = self._levels(item["depths"], columns)
        elif item.get("type") == "update":
            self._update(line, key, item, columns)
        else:
            self._replace(key, item["bids"], item["asks"], columns)
            self.versions[key] = item.get("version", 0)

    def _update(
        self, line: int, key: tuple[str, str], item: dict[str, Any], columns: tuple[Any, Any]
    ) -> None:
        book, version = self.books[key], item["version"]
        if version <= self.versions[key]:
            return
        if version > self.versions[key] + 1:
            self._send(line, {self._verb(key[0]): "request", "args": [key[1]]})
            return
        self.versions[key] = version
        for side, name in (("bid", "bids"), ("ask", "asks")):
            for price, size in self._levels(item[name] or [], columns).items():
                if size:
                    book[side][price] = size
                else:
                    book[side].pop(price, None)

    def _replace(self, key: tuple[str, str], bids: Any, asks: Any, columns: Any) -> None:
        self.books[key] = {"bid": self._levels(bids, columns), "ask": self._levels(asks, columns)}

    def _levels(self, rows: Any, columns: tuple[Any, Any]) -> dict[Decimal, Decimal]:
        return {Decimal(row[columns[0]]): Decimal(row[columns[1]]) for row in rows}
