"""The words of Bybit's public websocket v5, as its servers speak them: spot, linear and inverse.

Topics are the same on all three addresses; only the address tells what is meant.

Sources: bybit-exchange.github.io, "V5", WebSocket; dated probes of the live addresses as they were
published. Not documented, and therefore guesses: that "u" goes up by one with each message of a
topic; that one bad topic refuses its whole request; the texts of errors other than for a topic
that there is not.
"""

from __future__ import annotations

import json
import random
import re
import uuid
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

from bitmart_book.sim.market.market import Listing, Print
from bitmart_book.sim.venue.lines import Connection, Rules, decoded
from bitmart_book.sim.venue.public import Address, Channel, PublicFeed, Topic
from bitmart_book.sim.venue.windows import Rows
from bitmart_book.sim.venue.wire import padded

__all__ = ["ADDRESSES", "Bybit"]

# The best prices are repeated after so long without a change.
REPEAT_SECONDS = 3.0
SPOT_ARGS = 10
MOST_CHARACTERS = 21_000
# Between the matching of orders and the push.
MATCHED_MS = 3
RULES = Rules(
    connections=1_000,
    connects=(500, 300.0),
    messages=None,
    idle=600.0,
    lifeless=None,
    opcode="text",
    compress_replies=False,
    pong_frames=True,
)
_SPOT = (
    Listing("BTCUSDT", 6_123_571, 2, 6, 30, 200_000, 60.0, 0),
    Listing("ETHUSDT", 192_254, 2, 5, 4, 120_000, 50.0, 0),
    Listing("SOLUSDT", 18_455, 2, 3, 1, 40_000, 30.0, 0),
    # Hardly traded: minutes pass without a change.
    Listing("DLCUSDT", 28_110, 5, 2, 9, 90_000, 0.05, 0),
)
_LINEAR = (
    Listing("BTCUSDT", 6_123_900, 2, 3, 20, 300, 60.0, 0),
    Listing("ETHUSDT", 192_260, 2, 2, 4, 900, 50.0, 0),
    Listing("1000PEPEUSDT", 123_456, 7, 0, 9, 50_000, 8.0, 0),
    Listing("BTCPERP", 612_391, 1, 3, 6, 900, 10.0, 0),
    Listing("IOTXUSDT", 28_410, 6, 0, 9, 90_000, 0.05, 0),
)
_INVERSE = (
    Listing("BTCUSD", 612_310, 1, 0, 8, 20_000, 20.0, 0),
    Listing("ETHUSD", 192_240, 2, 0, 4, 9_000, 10.0, 0),
    Listing("XRPUSD", 252_110, 5, 0, 60, 4_000, 0.05, 0),
)


def _books(deepest: float) -> dict[str, Channel]:
    depths = ((50, 0.02), (200, deepest), (1000, 0.2))
    best = Channel("orderbook.1", "pictures", 1, 0.01, REPEAT_SECONDS)
    return {
        best.name: best,
        **{
            f"orderbook.{depth}": Channel(f"orderbook.{depth}", "changes", depth, interval)
            for depth, interval in depths
        },
        "publicTrade": Channel("publicTrade", "trades"),
        "tickers": Channel("tickers", "ticker", 0, 0.1),
    }


class Bybit(PublicFeed):
    """One of the public addresses of Bybit's contracts."""

    channels = _books(0.1)
    counts = True
    most_args: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._names: dict[int, str] = {}

    # What a client says

    def receive(self, connection: Connection, payload: str | bytes) -> None:
        """A message of a client. A request has one answer."""
        message = decoded(payload)
        if not isinstance(message, dict):
            self._refuse(connection, "", "error:invalid request", "")
            return
        operation, id_ = message.get("op"), message.get("req_id")
        if operation == "ping":
            self._lines.reply(connection, self._pong(connection, id_))
            return
        named = id_ if isinstance(id_, str) else ""
        if operation not in ("subscribe", "unsubscribe"):
            self._refuse(connection, str(operation or ""), "error:invalid op", named)
            return
        args = message.get("args")
        problem = self._problem(connection, operation, args)
        if problem is not None:
            self._refuse(connection, operation, problem, named)
            return
        self._answer(connection, operation, "", named, success=True)
        for arg in args or ():
            if operation == "subscribe":
                channel, symbol = _taken_apart(arg)
                self._push_first(connection, self._join(connection, arg, symbol, channel))
            elif arg in connection.topics:
                self._leave(connection, arg)

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        super().left(connection)
        self._names.pop(connection.id, None)

    def _problem(self, connection: Connection, operation: str, args: Any) -> str | None:
        """Why a request is refused, as a whole."""
        if not isinstance(args, list) or not args or not all(isinstance(a, str) for a in args):
            return "error:args is empty"
        most = len(args) if self.most_args is None else self.most_args
        if len(args) > most and self._lines.breach("args"):
            return f"args size >{most}"
        if operation == "unsubscribe":
            return None
        characters = sum(map(len, (*connection.topics, *args)))
        if characters > MOST_CHARACTERS and self._lines.breach("characters"):
            return f"args length >{MOST_CHARACTERS}"
        seen = set(connection.topics)
        for arg in args:
            channel, symbol = _taken_apart(arg)
            if channel not in self.channels:
                return f"error:handler not found,topic:{arg}"
            if symbol not in self.listings:
                return f"Invalid symbol :[{arg}]"
            if arg in seen:
                return f"error:already subscribed,topic:{arg}"
            seen.add(arg)
        return None

    def _refuse(self, connection: Connection, operation: str, why: str, id_: str) -> None:
        self._answer(connection, operation, why, id_, success=False)

    def _answer(
        self, connection: Connection, operation: str, message: str, id_: str, *, success: bool
    ) -> None:
        said = "true" if success else "false"
        self._lines.reply(
            connection,
            f'{{"success":{said},"ret_msg":{json.dumps(message)},'
            f'"conn_id":"{self._name(connection)}","req_id":{json.dumps(id_)},'
            f'"op":{json.dumps(operation)}}}',
        )

    def _pong(self, connection: Connection, id_: Any) -> str:
        named = f'"req_id":{json.dumps(id_)},' if isinstance(id_, str) else ""
        ms, name = self._clock.ms(self._lines.now), self._name(connection)
        return f'{{{named}"op":"pong","args":["{ms}"],"conn_id":"{name}"}}'

    def _name(self, connection: Connection) -> str:
        """What the venue calls a connection."""
        name = self._names.get(connection.id)
        if name is None:
            bits = self._chance.getrandbits(128)
            name = f"{bits:032x}"
            name = "-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:]))
            self._names[connection.id] = name
        return name

    def _facts(self, symbol: str) -> dict[str, Any]:
        """A contract of an inverse one is a dollar; all other sizes are in the base currency."""
        quote = next((name for name in ("USDT", "USDC", "USD") if name in symbol), "")
        facts: dict[str, Any] = {"quote": quote or None, "status": "Trading"}
        if quote:
            facts["base"] = symbol[: symbol.index(quote)]
        if self.market == "bybit-inverse":
            facts |= {"inverse": True, "contract_size": Decimal(1)}
        return facts

    # Books

    def _unheard(self, topic: Topic) -> None:
        self._count(topic)

    def _first(self, topic: Topic) -> str:
        if topic.channel.kind == "trades":
            return ""
        if topic.channel.kind == "ticker":
            values = self._prices(topic)
            if values is None:
                return ""
            topic.last = values if topic.last is None else topic.last
            return self._price_frame(topic, "snapshot", values)
        return self._book(topic, "snapshot", topic.bids, topic.asks)

    def _picture(self, topic: Topic) -> str:
        self._count(topic)
        return self._book(topic, "snapshot", topic.bids, topic.asks)

    def _update(self, topic: Topic, bids: Rows, asks: Rows) -> str:
        self._count(topic)
        return self._book(topic, "delta", bids, asks)

    def _repeated(self, topic: Topic) -> str:
        """The best prices once more, under the number that they had."""
        if topic.channel.kind != "pictures":
            return ""
        return self._book(topic, "snapshot", topic.bids, topic.asks)

    def restart(self, symbol: str, number: int) -> None:
        """The service restarts: each book comes whole, with "u" 1, and counts from there. Another
        number than 1 it never begins with."""
        del number
        for topic in self._desk(symbol).topics.values():
            if topic.channel.levels:
                topic.look()
                topic.mark = topic.number = 1
                self._push(topic, self._book(topic, "snapshot", topic.bids, topic.asks))
                topic.remember(self._history, changed=True)

    @staticmethod
    def _count(topic: Topic) -> None:
        topic.number += 1
        topic.mark = topic.number

    def _book(self, topic: Topic, kind: str, bids: Rows, asks: Rows) -> str:
        listing = topic.desk.publisher.listing
        ms = self._clock.ms(self._lines.now)
        return (
            f'{{"topic":"{topic.channel.name}.{listing.symbol}","type":"{kind}","ts":{ms},'
            f'"data":{{"s":"{listing.symbol}","b":[{_levels(bids, listing)}],'
            f'"a":[{_levels(asks, listing)}],"u":{topic.number},"seq":{topic.desk.number}}},'
            f'"cts":{ms - MATCHED_MS}}}'
        )

    # Trades and tickers

    def _trades(self, topic: Topic, prints: Collection[tuple[int, Print]]) -> str:
        publisher, listing = topic.desk.publisher, topic.desk.publisher.listing
        id_ = publisher.tape.trades - len(prints)
        rows = ",".join(
            f'{{"T":{time_ms},"s":"{listing.symbol}","S":"{row.taker.capitalize()}",'
            f'"v":"{padded(row.size, listing.size_decimals)}",'
            f'"p":"{padded(row.price, listing.price_decimals)}",{self._direction(row)}'
            f'"i":"{self._trade_id(listing.symbol, id_ + place)}","BT":false,"RPI":false,'
            f'"seq":{topic.desk.number}}}'
            for place, (time_ms, row) in enumerate(prints, 1)
        )
        ms = self._clock.ms(self._lines.now)
        name = f"publicTrade.{listing.symbol}"
        return f'{{"topic":"{name}","type":"snapshot","ts":{ms},"data":[{rows}]}}'

    def _direction(self, print_: Print) -> str:
        """Whether a trade was above or below the one before it; only contracts say so."""
        return '"L":"PlusTick",' if print_.taker == "buy" else '"L":"MinusTick",'

    def _trade_id(self, symbol: str, number: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.market} {symbol} {number}"))

    def _ticker(self, topic: Topic) -> tuple[Any, str] | None:
        values = self._prices(topic)
        if values is None:
            return None
        before = topic.last or {}
        news = {name: text for name, text in values.items() if before.get(name) != text}
        return values, self._price_frame(topic, "delta", {"symbol": values["symbol"], **news})

    def _prices(self, topic: Topic) -> dict[str, str] | None:
        """What a ticker says, by its names."""
        publisher = topic.desk.publisher
        best, tape, listing = publisher.best(), publisher.tape, publisher.listing
        if best is None:
            return None
        day, (bid, bid_size), (ask, ask_size) = tape.day, *best
        price, size = listing.price_decimals, listing.size_decimals
        change = padded((tape.last - day.open) * 10**4 // day.open, 4)
        return {
            "symbol": listing.symbol,
            "tickDirection": "PlusTick" if tape.last >= day.open else "MinusTick",
            "price24hPcnt": change,
            "lastPrice": padded(tape.last, price),
            "prevPrice24h": padded(day.open, price),
            "highPrice24h": padded(day.high, price),
            "lowPrice24h": padded(day.low, price),
            "turnover24h": padded(day.quote, price + size),
            "volume24h": padded(day.base, size),
            "bid1Price": padded(bid, price),
            "bid1Size": padded(bid_size, size),
            "ask1Price": padded(ask, price),
            "ask1Size": padded(ask_size, size),
        }

    def _price_frame(self, topic: Topic, kind: str, values: dict[str, str]) -> str:
        desk, ms = topic.desk, self._clock.ms(self._lines.now)
        data = json.dumps(values, separators=(",", ":"))
        return (
            f'{{"topic":"tickers.{desk.publisher.symbol}","type":"{kind}","data":{data},'
            f'"cs":{desk.number},"ts":{ms}}}'
        )


class BybitSpot(Bybit):
    """The public address of Bybit's spot."""

    channels = _books(0.2)
    most_args = SPOT_ARGS
    _TOLD = (
        "symbol", "lastPrice", "highPrice24h", "lowPrice24h", "prevPrice24h", "volume24h",
        "turnover24h", "price24hPcnt",
    )  # fmt: skip

    def _pong(self, connection: Connection, id_: Any) -> str:
        named = f'"req_id":{json.dumps(id_)},' if isinstance(id_, str) else ""
        name = self._name(connection)
        return f'{{"success":true,"ret_msg":"pong","conn_id":"{name}",{named}"op":"ping"}}'

    def _direction(self, print_: Print) -> str:
        del print_
        return ""

    def _trade_id(self, symbol: str, number: int) -> str:
        del symbol
        return str(2_290_000_000_000_000_000 + number)

    def _ticker(self, topic: Topic) -> tuple[Any, str] | None:
        """Whole each time."""
        values = self._prices(topic)
        return None if values is None else (values, self._price_frame(topic, "snapshot", values))

    def _prices(self, topic: Topic) -> dict[str, str] | None:
        """Without the best prices, and with an index."""
        values = super()._prices(topic)
        if values is None:
            return None
        return {name: values[name] for name in self._TOLD} | {"usdIndexPrice": values["lastPrice"]}


def _taken_apart(topic: str) -> tuple[str, str]:
    """The channel and the symbol of a topic: depths belong to the channel."""
    channel, _, symbol = topic.rpartition(".")
    return channel, symbol


def _levels(rows: Rows, listing: Listing) -> str:
    """Prices and sizes with all their decimals; a size of zero is a bare one."""
    price, size = listing.price_decimals, listing.size_decimals
    return ",".join(
        f'["{padded(at, price)}","{padded(units, size) if units else 0}"]' for at, units in rows
    )


def _spelled(ending: str) -> Callable[[str, float], Listing | None]:
    """Makes up what nobody knows, if its name ends so."""
    form = re.compile(rf"[A-Z0-9]+(?:{ending})")

    def made_up(symbol: str, rate: float) -> Listing | None:
        if not form.fullmatch(symbol):
            return None
        chance = random.Random(f"listing {symbol}")
        price, decimals = chance.randint(20_000, 900_000), chance.randint(2, 6)
        return Listing(symbol, price, decimals, chance.randint(0, 4), 3, 90_000, rate, 0)

    return made_up


_TETHER = "USDT|USDC"
ADDRESSES = (
    Address(
        "bybit_public",
        "/bybit/v5/public/linear",
        "bybit",
        RULES,
        Bybit,
        _LINEAR,
        _spelled(f"{_TETHER}|PERP"),
        "SYM{:04d}USDT",
    ),
    Address(
        "bybit_spot_public",
        "/bybit/v5/public/spot",
        "bybit-spot",
        RULES,
        BybitSpot,
        _SPOT,
        _spelled(_TETHER),
        "SYM{:04d}USDT",
    ),
    Address(
        "bybit_inverse_public",
        "/bybit/v5/public/inverse",
        "bybit-inverse",
        RULES,
        Bybit,
        _INVERSE,
        _spelled("USD"),
        "SYM{:04d}USD",
    ),
)
