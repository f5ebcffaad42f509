"""The words of Kraken's Spot websocket v2, as its server speaks them.

Sources: docs.kraken.com, "Spot WebSocket v2" and "book-checksum-v2"; a recording of the live
address of 2026-08-16. Not documented, and therefore guesses: the texts of errors other than for a
depth and a pair that there is not; what an update looks like whose levels are beyond the depth
(here: it is not sent).
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from bitmart_book.sim.market.market import Listing, Print
from bitmart_book.sim.venue.lines import Connection, Rules, decoded
from bitmart_book.sim.venue.public import Address, Channel, PublicFeed, Topic
from bitmart_book.sim.venue.windows import Rows
from bitmart_book.sim.venue.wire import padded

__all__ = ["ADDRESSES", "Kraken", "checksum"]

DEPTHS = (10, 25, 100, 500, 1000)
DEFAULT_DEPTH = 10
# The best so many levels a side are in the checksum, whatever the depth.
SUMMED = 10
HEARTBEAT_SECONDS = 1.0
RULES = Rules(
    connections=None,
    connects=(150, 600.0),
    messages=None,
    idle=60.0,
    lifeless=None,
    opcode="text",
    compress_replies=False,
    pong_frames=True,
)
_LISTINGS = (
    Listing("BTC/USD", 612_357, 1, 8, 3, 20_000_000, 60.0, 0),
    Listing("ETH/USD", 192_254, 2, 8, 4, 120_000_000, 50.0, 0),
    Listing("SOL/USD", 18_455, 2, 8, 1, 4_000_000_000, 30.0, 0),
    Listing("XRP/USD", 252_130, 5, 8, 12, 150_000_000_000, 20.0, 0),
    # Hardly traded: minutes pass without a word.
    Listing("MINA/GBP", 2_865, 5, 8, 1, 187_500_000_000, 0.06, 0),
    Listing("KAVA/EUR", 62_311, 6, 8, 40, 15_000_000_000, 0.04, 0),
)
# A new subscriber of trades gets as many, if it asks for any.
PAST_TRADES = 50


class Kraken(PublicFeed):
    """The public address of Kraken."""

    channels = {
        **{f"book{depth}": Channel(f"book{depth}", "changes", depth) for depth in DEPTHS},
        "trade": Channel("trade", "trades"),
        "ticker trades": Channel("ticker trades", "ticker"),
        "ticker bbo": Channel("ticker bbo", "ticker"),
    }

    # Connections

    def greet(self, connection: Connection) -> None:
        """What is said to whoever has just connected."""
        # Beyond what a signed 64-bit integer holds, as seen.
        id_ = self._chance.randrange(2**63, 2**64)
        self._lines.push(
            '{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online",'
            f'"api_version":"v2","connection_id":{id_}}}]}}',
            (connection,),
        )

    def _begin_beating(self, connection: Connection) -> None:
        if not connection.subscribed:
            self._lines.schedule(self._lines.now + HEARTBEAT_SECONDS, self._beat, connection)

    def _beat(self, connection: Connection, now: float) -> None:
        """A heartbeat for each second in which nothing else was sent."""
        if not self._lines.is_open(connection):
            return
        if now >= connection.told + HEARTBEAT_SECONDS:
            self._lines.push('{"channel":"heartbeat"}', (connection,))
        self._lines.schedule(connection.told + HEARTBEAT_SECONDS, self._beat, connection)

    # What a client says

    def receive(self, connection: Connection, payload: str | bytes) -> None:
        """A message of a client."""
        message = decoded(payload)
        if not isinstance(message, dict):
            self._refuse(connection, None, None, "Malformed request")
            return
        method, id_ = message.get("method"), _request(message.get("req_id"))
        if method == "ping":
            stamps = self._stamps()
            self._lines.reply(connection, f'{{"method":"pong"{id_},{stamps}}}')
        elif method not in ("subscribe", "unsubscribe"):
            self._refuse(connection, None, None, "Method not supported", id_)
        elif not isinstance(params := message.get("params"), dict):
            self._refuse(connection, method, None, "Params missing", id_)
        elif params.get("channel") == "instrument":
            self._instrument(connection, method, params, id_)
        else:
            self._serve(connection, method, params, id_)

    def _serve(self, connection: Connection, method: str, params: dict[str, Any], id_: str) -> None:
        """Each symbol of a request is answered by itself."""
        channel, symbols = params.get("channel"), params.get("symbol")
        if channel not in ("book", "trade", "ticker"):
            self._refuse(connection, method, None, "Channel not supported", id_)
        elif not isinstance(symbols, list) or not symbols:
            self._refuse(connection, method, None, "Symbol(s) not found", id_)
        elif channel == "book" and params.get("depth", DEFAULT_DEPTH) not in DEPTHS:
            self._refuse(connection, method, None, "Subscription depth not supported", id_)
        else:
            for symbol in symbols:
                if not isinstance(symbol, str) or symbol not in self.listings:
                    error = f"Currency pair not supported {symbol}"
                    self._refuse(connection, method, str(symbol), error, id_)
                elif method == "subscribe":
                    self._subscribe(connection, channel, symbol, params, id_)
                else:
                    self._unsubscribe(connection, channel, symbol, params, id_)

    def _subscribe(
        self, connection: Connection, channel: str, symbol: str, params: dict[str, Any], id_: str
    ) -> None:
        key = f"{channel}:{symbol}"
        # One depth of a book for each pair and connection.
        if key in connection.topics:
            self._refuse(connection, "subscribe", symbol, "Already subscribed", id_)
            return
        depth, trigger = params.get("depth", DEFAULT_DEPTH), params.get("event_trigger", "trades")
        name, facts = channel, ""
        if channel == "book":
            name, facts = f"book{depth}", f'"depth":{depth},'
        elif channel == "ticker":
            name, facts = f"ticker {trigger}", f'"event_trigger":"{trigger}",'
        if name not in self.channels:
            self._refuse(connection, "subscribe", symbol, "Event trigger not supported", id_)
            return
        self._begin_beating(connection)
        topic = self._join(connection, key, symbol, name)
        first = params.get("snapshot", channel != "trade") is True
        facts += f'"snapshot":{"true" if first else "false"},'
        result = f'"channel":"{channel}",{facts}"symbol":"{symbol}"'
        self._ack(connection, "subscribe", result, id_)
        if first:
            self._push_first(connection, topic)

    def _unsubscribe(
        self, connection: Connection, channel: str, symbol: str, params: dict[str, Any], id_: str
    ) -> None:
        key, depth = f"{channel}:{symbol}", params.get("depth", DEFAULT_DEPTH)
        topic = connection.topics.get(key)
        if topic is None or (channel == "book" and topic.channel.levels != depth):
            self._refuse(connection, "unsubscribe", symbol, "Subscription Not Found", id_)
            return
        self._leave(connection, key)
        facts = f'"depth":{depth},' if channel == "book" else ""
        result = f'"channel":"{channel}",{facts}"symbol":"{symbol}"'
        self._ack(connection, "unsubscribe", result, id_)

    def _ack(self, connection: Connection, method: str, result: str, id_: str) -> None:
        self._lines.reply(
            connection,
            f'{{"method":"{method}","result":{{{result}}},"success":true,{self._stamps()}{id_}}}',
        )

    def _refuse(
        self,
        connection: Connection,
        method: str | None,
        symbol: str | None,
        error: str,
        id_: str = "",
    ) -> None:
        about = "" if method is None else f'"method":"{method}",'
        named = "" if symbol is None else f',"symbol":{_quoted(symbol)}'
        self._lines.reply(
            connection,
            f'{{"error":{_quoted(error)},{about}"success":false{named},{self._stamps()}{id_}}}',
        )

    def _stamps(self) -> str:
        stamp = self._stamp()
        return f'"time_in":"{stamp}","time_out":"{stamp}"'

    def _stamp(self) -> str:
        return _written(self._clock.ns(self._lines.now))

    def _facts(self, symbol: str) -> dict[str, Any]:
        base, _, quote = symbol.partition("/")
        return {"base": base, "quote": quote, "status": "online"}

    # Books

    def _first(self, topic: Topic) -> str:
        if topic.channel.kind == "changes":
            return self._book(topic, "snapshot", topic.bids, topic.asks)
        if topic.channel.kind == "ticker":
            picture = self._ticker(topic)
            if picture is None:
                return ""
            topic.last = picture[0] if topic.last is None else topic.last
            return _first(picture[1])
        past = list(topic.desk.publisher.tape.prints)[-PAST_TRADES:]
        return _first(self._trades(topic, past))

    def _update(self, topic: Topic, bids: Rows, asks: Rows) -> str:
        market = topic.desk.publisher.market
        # What has only been pushed out is not told: whoever cuts to the depth drops it.
        bids = [row for row in bids if row[1] or row[0] not in market.bids.sizes]
        asks = [row for row in asks if row[1] or row[0] not in market.asks.sizes]
        return self._book(topic, "update", self._mixed(topic, bids), self._mixed(topic, asks))

    def _mixed(self, topic: Topic, rows: Rows) -> Rows:
        """In no order, and now and then a price twice, of which the last counts."""
        chance = topic.desk.chance
        chance.shuffle(rows)
        if rows and chance.random() < 0.05:
            rows.insert(0, (rows[-1][0], topic.desk.publisher.listing.size))
        return rows

    def _book(self, topic: Topic, kind: str, bids: Rows, asks: Rows) -> str:
        listing = topic.desk.publisher.listing
        decimals = listing.price_decimals, listing.size_decimals
        topic.mark = self._stamp()
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{listing.symbol}",'
            f'"bids":[{_levels(bids, *decimals)}],"asks":[{_levels(asks, *decimals)}],'
            f'"checksum":{checksum(_texts(topic.bids, *decimals), _texts(topic.asks, *decimals))},'
            f'"timestamp":"{topic.mark}"}}]}}'
        )

    # Trades, tickers, instruments

    def _trades(self, topic: Topic, prints: Collection[tuple[int, Print]]) -> str:
        publisher = topic.desk.publisher
        listing, id_ = publisher.listing, publisher.tape.trades - len(prints)
        rows = ",".join(
            f'{{"symbol":"{listing.symbol}","side":"{row.taker}",'
            f'"price":{padded(row.price, listing.price_decimals)},'
            f'"qty":{padded(row.size, listing.size_decimals)},"ord_type":"market",'
            f'"trade_id":{id_ + place},"timestamp":"{_written(time_ms * 10**6)}"}}'
            for place, (time_ms, row) in enumerate(prints, 1)
        )
        return f'{{"channel":"trade","type":"update","data":[{rows}]}}'

    def _ticker(self, topic: Topic) -> tuple[Any, str] | None:
        publisher = topic.desk.publisher
        best, tape, listing = publisher.best(), publisher.tape, publisher.listing
        if best is None:
            return None
        day, decimals = tape.day, listing.price_decimals
        vwap = day.quote // max(1, day.base)
        (bid, bid_size), (ask, ask_size) = best
        prices = {
            name: padded(units, decimals)
            for name, units in (
                ("bid", bid), ("ask", ask), ("last", tape.last), ("vwap", vwap), ("low", day.low),
                ("high", day.high), ("change", tape.last - day.open),
            )
        }  # fmt: skip
        sizes = {
            name: padded(units, listing.size_decimals)
            for name, units in (("bid", bid_size), ("ask", ask_size), ("volume", day.base))
        }
        change = padded((tape.last - day.open) * 10_000 // day.open, 2)
        text = (
            f'{{"channel":"ticker","type":"update","data":[{{"symbol":"{listing.symbol}",'
            f'"bid":{prices["bid"]},"bid_qty":{sizes["bid"]},"ask":{prices["ask"]},'
            f'"ask_qty":{sizes["ask"]},"last":{prices["last"]},"volume":{sizes["volume"]},'
            f'"vwap":{prices["vwap"]},"low":{prices["low"]},"high":{prices["high"]},'
            f'"change":{prices["change"]},"change_pct":{change},"timestamp":"{self._stamp()}"}}]}}'
        )
        # Told of trades, or of any change of the best prices.
        return (best if topic.channel.name == "ticker bbo" else tape.trades), text

    def _instrument(
        self, connection: Connection, method: str, params: dict[str, Any], id_: str
    ) -> None:
        """All pairs at once; what changes of them is never told, for nothing does."""
        first = method == "subscribe" and params.get("snapshot", True) is True
        facts = f',"snapshot":{"true" if first else "false"}' if method == "subscribe" else ""
        if method == "subscribe":
            self._begin_beating(connection)
            connection.subscribed = True
        self._ack(connection, method, f'"channel":"instrument"{facts}', id_)
        if first:
            self._lines.push(self._instruments(), (connection,))

    def _instruments(self) -> str:
        names = {name for symbol in self.listings for name in symbol.split("/")}
        assets = ",".join(
            f'{{"id":"{name}","status":"enabled","precision":10,"precision_display":5,'
            '"borrowable":false,"collateral_value":0.0,"margin_rate":0.0}'
            for name in sorted(names)
        )
        pairs = ",".join(_pair(listing) for listing in self.listings.values())
        return (
            '{"channel":"instrument","type":"snapshot","data":'
            f'{{"assets":[{assets}],"pairs":[{pairs}]}}}}'
        )


def checksum(bids: Iterable[tuple[str, str]], asks: Iterable[tuple[str, str]]) -> int:
    """CRC32 of the best levels: asks from the lowest, then bids from the highest, each the price
    and then the size without its point and without the zeros before it."""
    text = ""
    for side in (asks, bids):
        for row, _ in zip(side, range(SUMMED), strict=False):
            for number in row:
                text += number.replace(".", "").lstrip("0")
    return zlib.crc32(text.encode())


def _texts(rows: Rows, price_decimals: int, size_decimals: int) -> Iterable[tuple[str, str]]:
    for price, size in rows[:SUMMED]:
        yield padded(price, price_decimals), padded(size, size_decimals)


def _levels(rows: Rows, price_decimals: int, size_decimals: int) -> str:
    """Bare numbers with all their decimals."""
    return ",".join(
        f'{{"price":{padded(price, price_decimals)},"qty":{padded(size, size_decimals)}}}'
        for price, size in rows
    )


def _pair(listing: Listing) -> str:
    base, _, quote = listing.symbol.partition("/")
    # This channel, unlike the book, writes small numbers with an exponent.
    tick, lot = 10.0**-listing.price_decimals, 10.0**-listing.size_decimals
    return (
        f'{{"symbol":"{listing.symbol}","base":"{base}","quote":"{quote}","status":"online",'
        f'"qty_precision":{listing.size_decimals},"qty_increment":{lot!r},'
        f'"price_precision":{listing.price_decimals},"cost_precision":5,"marginable":false,'
        f'"has_index":true,"cost_min":0.5,"tick_size":{tick!r},"price_increment":{tick!r},'
        f'"qty_min":{lot * 1000!r}}}'
    )


def _first(text: str) -> str:
    return text.replace('"type":"update"', '"type":"snapshot"', 1)


def _written(ns: int) -> str:
    """RFC 3339 with microseconds, in UTC."""
    seconds, rest = divmod(ns, 10**9)
    day = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{day}.{rest // 1000:06d}Z"


def _quoted(text: str) -> str:
    return json.dumps(text)


def _request(id_: Any) -> str:
    """The number of a request, as an answer repeats it."""
    return f',"req_id":{id_}' if type(id_) is int else ""


def _made_up(symbol: str, rate: float) -> Listing | None:
    base, _, quote = symbol.partition("/")
    if not (base.isalnum() and quote.isalnum() and symbol == symbol.upper()):
        return None
    chance = random.Random(f"listing {symbol}")
    price, decimals = chance.randint(20_000, 900_000), chance.randint(2, 7)
    return Listing(symbol, price, decimals, 8, 3, 20_000_000_000, rate, 0)


ADDRESSES = (
    Address(
        "kraken_public",
        "/kraken/v2",
        "kraken",
        RULES,
        Kraken,
        _LISTINGS,
        _made_up,
        "SYM{:04d}/USD",
    ),
)
