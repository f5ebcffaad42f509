"""The words of OKX's public websocket v5, as its server speaks them.

Sources: okx.com, "API v5", WebSocket; dated probes of the live addresses as they were published.
Not documented, and therefore guesses: how far a sequence id jumps; what is said to a topic that is
subscribed twice (here: it is acknowledged again, and its snapshot comes again).
"""

from __future__ import annotations

import json
import random
import re
from collections import deque
from collections.abc import Collection
from decimal import Decimal
from typing import Any, TypeGuard

from bitmart_book.sim.market.market import Listing, Print
from bitmart_book.sim.venue.lines import Connection, Rules, decoded
from bitmart_book.sim.venue.public import Address, Channel, PublicFeed, Topic
from bitmart_book.sim.venue.windows import Rows
from bitmart_book.sim.venue.wire import stripped

__all__ = ["ADDRESSES", "Okx"]

BOOK_LEVELS = 400
# A quiet book is spoken of about once a minute.
QUIET_SECONDS = 60.0
# Subscribe, unsubscribe and login together, on one connection.
OPERATIONS = 480
OPERATIONS_SECONDS = 3_600.0
MOST_BYTES = 64 * 1024
RULES = Rules(
    connections=None,
    connects=(3, 1.0),
    messages=None,
    idle=30.0,
    lifeless=None,
    opcode="text",
    compress_replies=False,
    pong_frames=True,
)
_ID = re.compile(r"[A-Za-z0-9]{0,32}")
_LISTINGS = (
    Listing("BTC-USDT", 612_357, 1, 8, 3, 20_000_000, 60.0, 0),
    Listing("ETH-USDT", 192_254, 2, 6, 4, 1_200_000, 50.0, 0),
    Listing("BTC-USDT-SWAP", 612_391, 1, 2, 3, 90_000, 60.0, 0),
    Listing("BTC-USD-SWAP", 612_310, 1, 0, 3, 2_000, 20.0, 0),
    Listing("BTC-USDT-261225", 615_002, 1, 2, 8, 9_000, 5.0, 0),
    # Hardly traded: minutes pass without a change.
    Listing("DHT-USDT", 759_000, 6, 6, 900, 20_000_000, 0.06, 0),
    Listing("PAY-BTC", 24_310, 9, 4, 40, 5_000_000, 0.04, 0),
)


class Okx(PublicFeed):
    """The public address of OKX, for instruments of every type."""

    channels = {
        channel.name: channel
        for channel in (
            Channel("books", "changes", BOOK_LEVELS, 0.1, QUIET_SECONDS),
            Channel("books5", "pictures", 5, 0.1),
            Channel("bbo-tbt", "pictures", 1, 0.01),
            Channel("trades", "trades"),
            Channel("tickers", "ticker", 0, 0.1),
        )
    }
    counts = True
    repeats = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._operations: dict[int, deque[float]] = {}
        self._names: dict[int, str] = {}

    # What a client says

    def receive(self, connection: Connection, payload: str | bytes) -> None:
        """A message of a client."""
        if payload == "ping":
            self._lines.reply(connection, "pong")
            return
        message = decoded(payload)
        if not isinstance(message, dict) or message.get("op") not in ("subscribe", "unsubscribe"):
            self._illegal(connection, payload)
            return
        operation, args, id_ = message["op"], message.get("args"), message.get("id", "")
        if not (_are_args(args) and isinstance(id_, str) and _ID.fullmatch(id_)):
            self._illegal(connection, payload)
        elif self._is_served(connection):
            named = f'"id":"{id_}",' if id_ else ""
            for arg in args:
                self._serve(connection, operation, arg, named)

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        super().left(connection)
        self._operations.pop(connection.id, None)
        self._names.pop(connection.id, None)

    def notice(self) -> None:
        """Announce to everybody that connections will be closed in a minute, for an upgrade."""
        message = "The connection will soon be closed for a service upgrade. Please reconnect."
        for connection in self._lines.of(self):
            text = f'{{"event":"notice","code":"64008","msg":"{message}",{self._name(connection)}}}'
            self._lines.push(text, (connection,))

    def _is_served(self, connection: Connection) -> bool:
        """Whether a connection may ask for anything more in this hour."""
        times, now = self._operations.setdefault(connection.id, deque()), self._lines.now
        while times and times[0] <= now - OPERATIONS_SECONDS:
            times.popleft()
        times.append(now)
        if len(times) > OPERATIONS and self._lines.breach("operations"):
            self._error(connection, "60014", "Requests too frequent")
            return False
        return True

    def _serve(
        self, connection: Connection, operation: str, arg: dict[str, Any], named: str
    ) -> None:
        """Each argument is answered by itself."""
        channel, symbol = str(arg.get("channel")), str(arg.get("instId"))
        if channel not in self.channels or symbol not in self.listings:
            wrong = ",".join(f"{name}:{value}" for name, value in arg.items())
            self._error(connection, "60018", f"{wrong} doesn't exist", named)
            return
        key = f"{channel}:{symbol}"
        if key in connection.topics:
            self._leave(connection, key)
        elif operation == "unsubscribe":
            self._error(connection, "60018", f"{key} is not subscribed", named)
            return
        self._lines.reply(
            connection,
            f'{{{named}"event":"{operation}","arg":{_arg(channel, symbol)},'
            f"{self._name(connection)}}}",
        )
        if operation == "subscribe":
            self._push_first(connection, self._join(connection, key, symbol, channel))

    def _illegal(self, connection: Connection, payload: str | bytes) -> None:
        text = payload if isinstance(payload, str) else payload.decode(errors="replace")
        self._error(connection, "60012", f"Illegal request: {text}")

    def _error(self, connection: Connection, code: str, message: str, named: str = "") -> None:
        self._lines.reply(
            connection,
            f'{{{named}"event":"error","code":"{code}","msg":{json.dumps(message)},'
            f"{self._name(connection)}}}",
        )

    def _name(self, connection: Connection) -> str:
        """What the venue calls a connection."""
        name = self._names.get(connection.id)
        if name is None:
            name = self._names[connection.id] = f"{self._chance.getrandbits(32):08x}"
        return f'"connId":"{name}"'

    def _facts(self, symbol: str) -> dict[str, Any]:
        """A contract is a hundredth of a coin, or of inverse ones a hundred dollars."""
        base, quote, *kind = symbol.split("-")
        facts: dict[str, Any] = {"base": base, "quote": quote, "status": "live"}
        if kind:
            inverse = quote == "USD"
            facts |= {"inverse": inverse, "contract_size": Decimal(100 if inverse else "0.01")}
        return facts

    # Books

    def _unheard(self, topic: Topic) -> None:
        topic.mark = topic.number = topic.desk.number

    def _first(self, topic: Topic) -> str:
        if topic.channel.kind == "trades":
            return ""
        if topic.channel.kind == "ticker":
            picture = self._ticker(topic)
            return "" if picture is None else picture[1]
        if topic.channel.kind == "pictures":
            return self._picture(topic)
        return self._book(topic, "snapshot", topic.bids, topic.asks, -1)

    def _update(self, topic: Topic, bids: Rows, asks: Rows) -> str:
        before, topic.number = topic.number, topic.desk.number
        topic.mark = topic.number
        return self._book(topic, "update", bids, asks, before)

    def _repeated(self, topic: Topic) -> str:
        """The book has not changed since that sequence id."""
        return "" if topic.channel.kind == "pictures" else (
            self._book(topic, "update", [], [], topic.number)
        )  # fmt: skip

    def restart(self, symbol: str, number: int) -> None:
        """A reset for maintenance: the next update names its predecessor as ever, and has a
        smaller sequence id itself."""
        self._desk(symbol).number = number

    def _book(self, topic: Topic, action: str, bids: Rows, asks: Rows, previous: int) -> str:
        """The checksum is the constant that it has been since 2026-06-23."""
        listing = topic.desk.publisher.listing
        return (
            f'{{"arg":{_arg("books", listing.symbol)},"action":"{action}","data":[{{'
            f'"asks":[{_levels(asks, listing)}],"bids":[{_levels(bids, listing)}],'
            f'"ts":"{self._clock.ms(self._lines.now)}","checksum":0,'
            f'"prevSeqId":{previous},"seqId":{topic.number}}}]}}'
        )

    def _picture(self, topic: Topic) -> str:
        listing = topic.desk.publisher.listing
        topic.mark = topic.number = topic.desk.number
        # Only the five levels repeat the instrument.
        named = f'"instId":"{listing.symbol}",' if topic.channel.name == "books5" else ""
        return (
            f'{{"arg":{_arg(topic.channel.name, listing.symbol)},"data":[{{'
            f'"asks":[{_levels(topic.asks, listing)}],"bids":[{_levels(topic.bids, listing)}],'
            f'{named}"ts":"{self._clock.ms(self._lines.now)}","seqId":{topic.number}}}]}}'
        )

    # Trades and tickers

    def _trades(self, topic: Topic, prints: Collection[tuple[int, Print]]) -> str:
        publisher = topic.desk.publisher
        listing, id_ = publisher.listing, publisher.tape.trades - len(prints)
        rows = ",".join(
            f'{{"instId":"{listing.symbol}","tradeId":"{id_ + place}",'
            f'"px":"{stripped(row.price, listing.price_decimals)}",'
            f'"sz":"{stripped(row.size, listing.size_decimals)}","side":"{row.taker}",'
            f'"ts":"{time_ms}","count":"1","source":"0","seqId":{topic.desk.number}}}'
            for place, (time_ms, row) in enumerate(prints, 1)
        )
        return f'{{"arg":{_arg("trades", listing.symbol)},"data":[{rows}]}}'

    def _ticker(self, topic: Topic) -> tuple[Any, str] | None:
        publisher = topic.desk.publisher
        best, tape, listing = publisher.best(), publisher.tape, publisher.listing
        if best is None:
            return None
        day, (bid, bid_size), (ask, ask_size) = tape.day, *best
        price, size = listing.price_decimals, listing.size_decimals
        traded = tape.prints[-1][1].size if tape.prints else 0
        kind = "SPOT" if listing.symbol.count("-") == 1 else (
            "SWAP" if listing.symbol.endswith("-SWAP") else "FUTURES"
        )  # fmt: skip
        text = (
            f'{{"arg":{_arg("tickers", listing.symbol)},"data":[{{"instType":"{kind}",'
            f'"instId":"{listing.symbol}","last":"{stripped(tape.last, price)}",'
            f'"lastSz":"{stripped(traded, size)}","askPx":"{stripped(ask, price)}",'
            f'"askSz":"{stripped(ask_size, size)}","bidPx":"{stripped(bid, price)}",'
            f'"bidSz":"{stripped(bid_size, size)}","open24h":"{stripped(day.open, price)}",'
            f'"high24h":"{stripped(day.high, price)}","low24h":"{stripped(day.low, price)}",'
            f'"sodUtc0":"{stripped(day.open, price)}","sodUtc8":"{stripped(day.open, price)}",'
            f'"volCcy24h":"{stripped(day.quote, price + size)}",'
            f'"vol24h":"{stripped(day.base, size)}",'
            f'"ts":"{self._clock.ms(self._lines.now)}"}}]}}'
        )
        return (best, tape.trades), text


def _are_args(args: Any) -> TypeGuard[list[dict[str, Any]]]:
    if not isinstance(args, list) or not args or len(json.dumps(args)) > MOST_BYTES:
        return False
    return all(isinstance(arg, dict) for arg in args)


def _arg(channel: str, symbol: str) -> str:
    return f'{{"channel":"{channel}","instId":"{symbol}"}}'


def _levels(rows: Rows, listing: Listing) -> str:
    """Price, size, a zero that once meant something, and the number of orders."""
    price, size = listing.price_decimals, listing.size_decimals
    return ",".join(
        f'["{stripped(at, price)}","{stripped(units, size)}","0","{1 + units % 3 if units else 0}"]'
        for at, units in rows
    )


def _made_up(symbol: str, rate: float) -> Listing | None:
    if not re.fullmatch(r"[A-Z0-9]+(-[A-Z0-9]+){1,2}", symbol):
        return None
    chance = random.Random(f"listing {symbol}")
    price, decimals = chance.randint(20_000, 900_000), chance.randint(1, 6)
    return Listing(symbol, price, decimals, chance.randint(2, 8), 3, 900_000, rate, 0)


ADDRESSES = (
    Address(
        "okx_public",
        "/okx/ws/v5/public",
        "okx",
        RULES,
        Okx,
        _LISTINGS,
        _made_up,
        "SYM{:04d}-USDT",
    ),
)
