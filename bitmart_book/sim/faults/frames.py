"""Looking at the exchange's frames from outside: which they are, and how to make one of two.

For those who stand between exchange and client. Knows only the shapes that this exchange writes.
"""

from __future__ import annotations

import json
import random
import re
import zlib

from bitmart_book.sim.faults.shapes import Shape, place_of
from bitmart_book.sim.venue import futures_wire
from bitmart_book.sim.venue.wire import ack

__all__ = [
    "Seen",
    "acks",
    "book_of",
    "extra_frames",
    "frozen_heartbeat",
    "merged",
    "server_error",
    "wrong_ack",
]

_BOOK = re.compile(
    r'"symbol":"([^"]+)","type":"(snapshot|update)","version":(\d+)\}\],'
    r'"table":"spot/depth/increase100"\}'
)
_TABLE = re.compile(r'"table":"([^":]+)')
_GROUP = re.compile(r'"group":"([^"@]+)')
_NAMED = re.compile(r'"symbol":"([^"]+)"')
_LEGACY = re.compile(r'"subscribe":"(\w+)"(?:,"precision":\d+)?,"symbol":"([^"]+)"')
_BOOKS = re.compile(r"(?:spot|futures|legacy)/depth")
_PRIVATE = re.compile(r"spot/user/|futures/(?:order|position|asset)|bybit-private/")
_BYBIT_PRIVATE = re.compile(r'\{"id":"\w+","topic":"(\w+)')
_SUBSCRIBED = re.compile(r'"topic":"([^"]+)"')


def book_of(symbol: str) -> str:
    """The topic of a symbol's sequenced book, as the exchange calls symbols."""
    if ":" in symbol:
        return place_of(symbol)
    return f"spot/depth/increase100:{symbol}"


class Seen:
    """One frame that passes by. What is not of a sequenced book has an empty symbol.

    `shape` says how frames look on its connection; None: as BitMart's.
    """

    __slots__ = ("_kind", "_topic", "connection", "payload", "shape", "symbol", "text", "version")

    def __init__(self, connection: int, payload: str | bytes, shape: Shape | None = None) -> None:
        self.connection = connection
        self.shape = shape
        self.payload = payload
        if isinstance(payload, bytes):
            self.text = zlib.decompress(payload, -zlib.MAX_WBITS).decode()
        else:
            self.text = payload
        self._topic: str | None = None
        self.symbol, self._kind, self.version = ("", "", -1)
        if shape is not None:
            look = shape.look(self.text)
            self._kind = look.kind
            self.symbol = shape.key(look.symbol) if look.kind else ""
            self._topic = shape.place(look.channel, look.symbol) if look.channel else ""
            return
        match = _BOOK.match(self.text, self.text.rfind('"symbol":'))
        if match is not None:
            self.symbol, self._kind, self.version = match[1], match[2], int(match[3])

    @property
    def topic(self) -> str:
        """Of a push of any channel, like "futures/depth20:BTCUSDT"; "" of all else."""
        if self._topic is None:
            self._topic = book_of(self.symbol) if self.symbol else _topic(self.text)
        return self._topic

    @property
    def is_book(self) -> bool:
        """Whether it is of a book, of whatever channel."""
        if self.shape is not None:
            return self.shape.books.fullmatch(self.shape.look(self.text).channel) is not None
        return _BOOKS.match(self.topic) is not None

    @property
    def is_private(self) -> bool:
        """Whether it tells of somebody's account."""
        return _PRIVATE.match(self.topic) is not None

    @property
    def is_pong(self) -> bool:
        """Whether it answers a ping."""
        text = self.text
        if self.shape is not None:
            return self.shape.pong.match(text) is not None
        return text == "pong" or '"data":"pong+' in text or text == '{"subscribe":"pong"}'

    @property
    def is_update(self) -> bool:
        return self._kind == "update"

    @property
    def is_snapshot(self) -> bool:
        return self._kind == "snapshot"

    @property
    def is_ack(self) -> bool:
        """Of a subscription."""
        if self.shape is not None:
            return self.shape.ack.match(self.text) is not None
        return '"event":"subscribe"' in self.text and '"errorCode"' not in self.text

    @property
    def levels(self) -> bool:
        """Whether it has any: a heartbeat has none."""
        if self.shape is not None:
            return self.shape.empty not in self.text
        return '"asks":[],"bids":[]' not in self.text[:40]

    @property
    def place(self) -> str:
        """Its topic, or its connection if it has none."""
        return self.topic or str(self.connection)

    def is_of(self, other: Seen) -> bool:
        """Whether both are of one book on one connection."""
        return self.symbol == other.symbol and self.connection == other.connection

    def like(self, frame: str | bytes) -> str | bytes:
        """Another frame, compressed if this one is."""
        if isinstance(self.payload, str) or isinstance(frame, bytes):
            return frame
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = frame.encode("utf-8", "surrogateescape")
        return deflate.compress(data) + deflate.flush()


def _topic(text: str) -> str:
    if '"action"' in text or '"event"' in text:
        return ""
    if '"table":"' in text:
        table, symbol = _TABLE.search(text), _NAMED.search(text)
        channel = table[1] if table else ""
        return f"{channel}:{symbol[1]}" if symbol else channel
    group = _GROUP.search(text)
    if group is not None:
        return "" if group[1] == "System" else group[1]
    bybit = _BYBIT_PRIVATE.match(text)
    if bybit is not None:
        return f"bybit-private/{bybit[1]}"
    legacy = _LEGACY.search(text)
    return f"legacy/{legacy[1]}:{legacy[2]}" if legacy else ""


def merged(first: Seen, then: Seen) -> list[str | bytes] | None:
    """Two updates in one frame, in this order; None where a frame cannot hold two."""
    if first.shape is not None:
        frame_ = first.shape.merged(first.text, then.text)
        return None if frame_ is None else [frame_]
    items = json.loads(first.text)["data"] + json.loads(then.text)["data"]
    frame = {"data": items, "table": "spot/depth/increase100"}
    return [first.like(json.dumps(frame, separators=(",", ":")))]


def extra_frames(name: str, seen: Seen, rng: random.Random) -> str | bytes:
    """A frame of something that nobody subscribed: an unknown table or symbol, or, for the name
    "misspell", the same symbol as others would spell it."""
    symbol = seen.symbol
    if seen.shape is not None:
        return _extra_elsewhere(name, seen, seen.shape.look(seen.text).symbol, rng)
    if name == "misspell":
        other = rng.choice(
            (
                symbol.swapcase(),
                symbol.replace("_", "-"),
                symbol.replace("_", ""),
                symbol.replace("_", "/"),
                symbol + " ",
            )
        )
        return seen.like(seen.text.replace(f'"{symbol}"', f'"{other}"'))
    if rng.random() < 0.5:
        return seen.like(seen.text.replace(f'"{symbol}"', '"NOBODY_USDT"'))
    table = rng.choice(("spot/depth/increase7", "spot/depth", "", "spot/user/order", "x" * 200))
    return seen.like(seen.text.replace("spot/depth/increase100", table))


def _extra_elsewhere(name: str, seen: Seen, symbol: str, rng: random.Random) -> str:
    if name == "misspell":
        other = rng.choice((symbol.swapcase(), symbol.replace("/", "-"), symbol + " "))
        if other == symbol:
            other = symbol + "X"
        return seen.text.replace(symbol, other)
    if rng.random() < 0.5:
        return seen.text.replace(symbol, "NOBODY")
    return re.sub(r'"(book|books|orderbook[.]\d+)(?=["._])', '"nothing', seen.text, count=1)


def frozen_heartbeat(snapshot: str) -> str:
    """The heartbeat that a server would repeat that got stuck after this snapshot."""
    item = json.loads(snapshot)["data"][0]
    item.update(asks=[], bids=[], type="update")
    return json.dumps({"data": [item], "table": "spot/depth/increase100"}, separators=(",", ":"))


def acks(text: str, shape: Shape | None = None) -> list[str]:
    """The acknowledgements of a client's subscription, in the words of its address."""
    if shape is not None:
        return shape.acknowledged(text)
    message = json.loads(text)
    if "op" in message:
        return [ack("subscribe", topic, topic_first=False) for topic in message["args"]]
    if "action" in message:
        args = message["args"]
        return [futures_wire.ack("subscribe", topic, args) for topic in args]
    return []  # the legacy feed acknowledges nothing


def server_error(text: str, shape: Shape | None = None) -> list[str]:
    """What a client's subscription meets when the server itself is in trouble: only spot has codes
    that tell it from a refusal."""
    if shape is not None:
        return []
    if "op" not in json.loads(text):
        return []
    return ['{"event":"subscribe","errorCode":"95000","errorMessage":"Internal error"}']


def wrong_ack(seen: Seen, rng: random.Random) -> list[str | bytes] | None:
    """An acknowledgement of a topic that was not meant."""
    if seen.shape is not None:
        text = seen.shape.renamed(seen.text, rng)
        return None if text is None else [text]
    match = _SUBSCRIBED.search(seen.text)
    if match is None:
        return None
    topic = rng.choice(("spot/depth5:NOBODY_USDT", match[1].swapcase(), "", match[1] + "X"))
    return [seen.like(seen.text.replace(match[0], f'"topic":"{topic}"'))]
