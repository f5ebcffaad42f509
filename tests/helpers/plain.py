"""Clients of Kraken, OKX and Bybit that follow the rules by a dictionary, and nothing else.

Written from the venues' own texts. Each keeps books of texts, and notes in `wrong` whatever does
not fit: a checksum, a predecessor, a number.
"""

import json
import re
import zlib
from decimal import Decimal

NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")


class Plain:
    """Books by their topics: two dictionaries of price to size, both as they were written."""

    def __init__(self):
        self.books = {}
        self.marks = {}
        """What names the last message of each."""
        self.wrong = []
        self.applied = 0
        self.others = []
        """All that is not of a book."""

    def sides(self, topic):
        """Bids and asks as the exchange itself says them: best first, exact."""
        bids, asks = self.books[topic]
        return tuple(
            tuple(sorted(((Decimal(price), Decimal(size)) for price, size in side.items()),
                         reverse=side is bids))
            for side in (bids, asks)
        )  # fmt: skip

    def lost(self, topic, why):
        """Note what is wrong, and forget the book: it is not to be shown."""
        self.wrong.append((topic, why))
        self.books.pop(topic, None)

    def uncrossed(self, topic):
        """A book that is crossed cannot be right, and an empty one is not believed."""
        bids, asks = self.books[topic]
        if not bids and not asks:
            self.lost(topic, "empty")
        if bids and asks and max(map(Decimal, bids)) >= min(map(Decimal, asks)):
            self.lost(topic, "crossed")

    def put(self, side, price, size):
        """One level. ValueError for what is no price or no size."""
        if not NUMBER.fullmatch(price) or not NUMBER.fullmatch(size) or Decimal(price) == 0:
            raise ValueError(f"no level: {price} {size}")
        if Decimal(size) == 0:
            side.pop(price, None)
        else:
            side[price] = size


class PlainKraken(Plain):
    """Of one depth."""

    def __init__(self, depth):
        super().__init__()
        self.depth = depth

    def hear(self, text):
        frame = json.loads(text, parse_float=str)
        if frame.get("channel") != "book":
            self.others.append(frame)
            return
        for item in frame["data"]:
            self.apply(frame["type"], item)

    def apply(self, kind, item):
        symbol = item["symbol"]
        if kind == "snapshot":
            self.books[symbol] = {}, {}
        elif symbol not in self.books:
            return
        for side, name in zip(self.books[symbol], ("bids", "asks"), strict=True):
            for level in item[name]:
                self.put(side, level["price"], level["qty"])
            for price in sorted(side, key=Decimal, reverse=name == "bids")[self.depth :]:
                del side[price]
        self.applied += 1
        self.marks[symbol] = item["timestamp"]
        if item["checksum"] != self.checksum(symbol):
            self.lost(symbol, "checksum")

    def checksum(self, symbol):
        bids, asks = self.books[symbol]
        best = [(price, asks[price]) for price in sorted(asks, key=Decimal)[:10]]
        best += [(price, bids[price]) for price in sorted(bids, key=Decimal, reverse=True)[:10]]
        text = "".join(number.replace(".", "").lstrip("0") for row in best for number in row)
        return zlib.crc32(text.encode())


class PlainOkx(Plain):
    def hear(self, text):
        frame = {} if text == "pong" else json.loads(text)
        channel = frame.get("arg", {}).get("channel", "") if "data" in frame else ""
        if not channel.startswith(("books", "bbo")):
            self.others.append(frame)
            return
        topic = f"{channel}:{frame['arg']['instId']}"
        for item in frame["data"]:
            assert type(item["seqId"]) is int
            assert item["seqId"] < 2**63
            if channel != "books" or frame["action"] == "snapshot":
                self.books[topic] = {}, {}
                if channel == "books":
                    assert item["prevSeqId"] == -1
            elif topic not in self.books:
                continue
            elif item["prevSeqId"] != self.marks[topic]:
                self.lost(topic, "prevSeqId")
                continue
            for side, name in zip(self.books[topic], ("bids", "asks"), strict=True):
                for price, size, zero, orders in item[name]:
                    assert zero == "0"
                    assert (orders == "0") == (Decimal(size) == 0)
                    self.put(side, price, size)
            self.applied += 1
            self.marks[topic] = item["seqId"]
            self.uncrossed(topic)


class PlainBybit(Plain):
    def hear(self, text):
        frame = json.loads(text)
        topic = frame.get("topic", "")
        if not topic.startswith("orderbook."):
            self.others.append(frame)
            return
        data = frame["data"]
        assert topic.endswith("." + data["s"])
        assert type(data["u"]) is int
        assert data["u"] < 2**63
        if frame["type"] == "snapshot":
            self.books[topic] = {}, {}
        elif topic not in self.books:
            return
        elif data["u"] != self.marks[topic] + 1:
            self.lost(topic, "u")
            return
        for side, name in zip(self.books[topic], ("b", "a"), strict=True):
            for price, size in data[name]:
                self.put(side, price, size)
        self.applied += 1
        self.marks[topic] = data["u"]
        self.uncrossed(topic)
