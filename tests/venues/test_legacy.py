"""BitMart's legacy words: every documented push, reply and request, and what must be refused.

The literals are the samples of bitmartexchange/bitmart-official-api-docs at 3a34b0e: of
openws.bitmart.com from `websocket/*.md`, of ws.bitmart.com (those called OLDEST) from
`discard/WS_Reference.md`, unless a comment names another source.
"""

import json
import math
from decimal import Decimal

import msgspec
import pytest

from bitmart_book.model import Kline, Ticker, Trade
from bitmart_book.venues import LEGACY, Reply, Topic
from tests.helpers.documented.legacy import (
    DEPTH,
    KLINE,
    OLDEST_DEPTH,
    OLDEST_KLINE,
    OLDEST_PRICE,
    OLDEST_TRADES,
    PRICE,
    STREAM_FRAMES,
    TRADES,
    TRADES_2019,
)


def decode(message):
    message = json.loads(message) if isinstance(message, str) else message
    found = LEGACY.stream(LEGACY.framing.channel_prefix + message["subscribe"]).read(message)
    assert not found.unread
    return found.values


def unread(frame):
    """The values of what has flaws, and what of it could not be read."""
    message = json.loads(frame) if isinstance(frame, str) else frame
    found = LEGACY.stream(LEGACY.framing.channel_prefix + message["subscribe"]).read(message)
    assert all(one.reason for one in found.unread)
    return found


def changed(frame, where, **changes):
    """The frame with other values at a path of keys; ... removes one."""
    message = json.loads(frame)
    place = message
    for key in where:
        place = place[key]
    for key, value in changes.items():
        place[key] = value
        if value is ...:
            del place[key]
    return message


DATA = ("data",)
ROW = ("data", "trades", 0)


# --- pushes ---


def test_price():
    assert decode(PRICE) == [
        Ticker(
            symbol="BMX_ETH",
            last=Decimal("0.000112"),
            open_24h=Decimal("0.000109"),
            high_24h=Decimal("0.000122"),
            low_24h=Decimal("0.000094"),
            quote_volume_24h=Decimal("2396.650514"),
            fluctuation=Decimal("0.0275"),
            time_ms=1532033149669,
        )
    ]


def test_the_volume_of_a_price_cannot_be_a_quantity():
    """One trade of the sample beside it, on the same day, was larger."""
    (ticker,) = decode(PRICE)
    assert ticker.quote_volume_24h < max(trade.size for trade in decode(TRADES))


def test_kline():
    assert decode(KLINE) == [
        Kline(
            symbol="BMX_ETH",
            step="1",
            open=Decimal("0.000112"),
            high=Decimal("0.000112"),
            low=Decimal("0.000112"),
            close=Decimal("0.000112"),
            volume=Decimal("0.000000"),
            push_time_ms=1532033149669,
        )
    ]
    assert [kline.open_time_s for kline in decode(KLINE)] == [None]
    assert decode(changed(KLINE, (), step=1)) == decode(KLINE)


def test_trades():
    trades = decode(TRADES)
    assert trades[-1] == Trade(
        symbol="BMX_ETH",
        side="buy",
        price=Decimal("0.000112"),
        size=Decimal("18556.00"),
        time_ms=1532039229703,
    )
    assert trades[0] == Trade(
        symbol="BMX_ETH",
        side="buy",
        price=Decimal("0.000112"),
        size=Decimal("528.98"),
        time_ms=1532037919420,
    )
    rows = json.loads(TRADES)["data"]["trades"]
    assert len(trades) == len(rows) == 15
    for trade, row in zip(trades, reversed(rows), strict=True):
        assert (trade.side, trade.time_ms) == (row["side"], row["time"])
        # What the page calls the amount is a value.
        assert math.prod(trade.exact) == Decimal(row["amount"])
    times = [trade.time_ms for trade in trades]
    assert times == sorted(times)


def test_recorded_trades_cut_the_value_and_not_the_size():
    older, newer = decode(TRADES_2019)
    assert (older.side, older.exact.size) == ("buy", Decimal("425.5"))
    assert (newer.side, newer.exact.size) == ("sell", Decimal("156.4"))
    assert math.prod(newer.exact) == Decimal("0.000536452")


def test_the_book_is_described():
    (book,) = LEGACY.books
    assert (book.name, book.kind, book.window) == ("legacy/depth", "full", 20)
    assert LEGACY.default_book == book.name
    for frame in (DEPTH, OLDEST_DEPTH):
        message = json.loads(frame)
        assert LEGACY.framing.channel_prefix + message[LEGACY.framing.channel_key] == book.name
        assert LEGACY.framing.symbol_key in message
        for side, descending in ((book.bids, True), (book.asks, False)):
            levels = message["data"][side]
            prices = [Decimal(level[book.price]) for level in levels]
            assert prices == sorted(prices, reverse=descending)
            assert all(Decimal(level[book.size]) > 0 for level in levels)


def test_total_is_a_running_sum_except_on_the_oldest_feed():
    """Why `total` is not what rests at a level."""
    for frame, sums in ((DEPTH, True), (OLDEST_DEPTH, False)):
        for side in ("buys", "sells"):
            running, equal = Decimal(0), True
            for level in json.loads(frame)["data"][side]:
                running += Decimal(level["amount"])
                equal &= running == Decimal(level["total"])
            assert equal is sums


# --- pushes of the oldest feed ---


def test_oldest_price():
    assert decode(OLDEST_PRICE) == [
        Ticker(
            symbol="22",
            last=Decimal("0.0000100"),
            open_24h=Decimal("0.0000100"),
            high_24h=Decimal("0.0000100"),
            low_24h=Decimal("0.0000100"),
            quote_volume_24h=Decimal("0.0000100"),
            fluctuation=Decimal("-0.05"),
        )
    ]
    assert [ticker.time_ms for ticker in decode(OLDEST_PRICE)] == [None]
    assert decode(changed(OLDEST_PRICE, DATA, s="ok")) == decode(OLDEST_PRICE)
    assert decode({"subscribe": "price", "symbol": 22, "data": {"s": "no_data"}}) == []


def test_oldest_kline():
    assert decode(OLDEST_KLINE) == [
        Kline(
            symbol="22",
            step="3",
            open=Decimal("0.0000100"),
            high=Decimal("0.0000100"),
            low=Decimal("0.0000100"),
            close=Decimal("0.0000100"),
            volume=Decimal("0.0000100"),
            push_time_ms=1231223121000,
        )
    ]
    assert [kline.step for kline in decode(changed(OLDEST_KLINE, (), step="1d"))] == ["1d"]


def test_oldest_trades():
    trades = decode(OLDEST_TRADES)
    # In this feed 0 is a buy.
    assert trades[-1] == Trade(
        symbol="22",
        side="buy",
        price=Decimal("0.000129"),
        size=Decimal("11559.00"),
        time_ms=1527470105232,
    )
    rows = json.loads(OLDEST_TRADES)["data"]["trades"]
    assert len(trades) == len(rows) == 15
    for trade, row in zip(trades, reversed(rows), strict=True):
        assert trade.side == {"0": "buy", "1": "sell"}[row["isBuy"]]
        assert trade.time_ms == row["time"]
        assert math.prod(trade.exact) == Decimal(row["amount"])
        assert trade.exact.size.as_tuple().exponent >= -2
    # That `amount` is a value and not a quantity: one buy took the whole best ask of the book.
    best_ask = Decimal(json.loads(OLDEST_DEPTH)["data"]["sells"][0]["amount"])
    assert best_ask in [trade.exact.size for trade in trades]


def test_oldest_trades_may_be_stamped_in_seconds_as_documented():
    (*_, newest) = decode(changed(OLDEST_TRADES, ROW, time=1527470106))
    assert newest.time_ms == 1527470106000
    for side, value in (("buy", 0), ("sell", 1)):
        (*_, newest) = decode(changed(OLDEST_TRADES, ROW, isBuy=value))
        assert newest.side == side


def test_a_value_that_was_cut_gives_the_nearest_size():
    (*_, newest) = decode(changed(OLDEST_TRADES, ROW, amount="1", price="3"))
    assert str(newest.exact.size) == "0." + "3" * 28


# --- what is tolerated, what is not ---


@pytest.mark.parametrize("nothing", [None, "", ...])
def test_optional_values_that_are_null_empty_or_missing(nothing):
    for frame, last in ((PRICE, "current_price"), (OLDEST_PRICE, "c")):
        others = dict.fromkeys(set(json.loads(frame)["data"]) - {last}, nothing)
        (ticker,) = decode(changed(frame, DATA, **others))
        assert ticker == Ticker(symbol=ticker.symbol, last=ticker.last)
    for frame, stamp in ((KLINE, "timestamp"), (OLDEST_KLINE, "t")):
        (kline,) = decode(changed(frame, DATA, **{stamp: nothing}))
        assert kline.push_time_ms is None
    if nothing is not ...:
        assert decode(changed(TRADES, DATA, trades=nothing)) == []


def test_what_nobody_knows_is_tolerated():
    for frame in STREAM_FRAMES:
        assert decode(changed(frame, DATA, novelty=[1]) | {"seq": 1}) == decode(frame)


@pytest.mark.parametrize(
    ("frame", "where", "changes"),
    [
        (PRICE, (), {"symbol": ...}),
        (PRICE, (), {"symbol": ""}),
        (PRICE, (), {"symbol": True}),
        (PRICE, (), {"symbol": None}),
        (PRICE, (), {"data": ...}),
        (PRICE, (), {"data": []}),
        (PRICE, (), {"data": "x"}),
        (PRICE, DATA, {"current_price": ...}),
        (PRICE, DATA, {"current_price": None}),
        (KLINE, (), {"step": ...}),
        (KLINE, (), {"step": None}),
        (KLINE, (), {"step": ""}),
        (KLINE, (), {"data": None}),
        (KLINE, DATA, {"open_price": ...}),
        (KLINE, DATA, {"volume": None}),
        (OLDEST_KLINE, DATA, {"h": ...}),
        (TRADES, (), {"data": 5}),
        (TRADES, DATA, {"trades": ...}),
        (TRADES, DATA, {"trades": [None]}),
        (TRADES, DATA, {"trades": 5}),
        (TRADES, ROW, {"price": ...}),
        (TRADES, ROW, {"count": ...}),
        (TRADES, ROW, {"count": "-1"}),
        (OLDEST_TRADES, ROW, {"price": "0"}),
        (OLDEST_TRADES, ROW, {"price": "0", "amount": "0"}),
        (OLDEST_TRADES, ROW, {"amount": "NaN"}),
    ],
)
def test_what_cannot_be_read_is_said_and_costs_no_other(frame, where, changes):
    found = unread(changed(frame, where, **changes))
    assert len(found.unread) == 1
    assert found.values == (decode(frame)[:-1] if where == ROW else [])


@pytest.mark.parametrize(
    ("frame", "where", "name", "changes"),
    [
        (PRICE, DATA, "quote_volume_24h", {"volume": "0.05 USD"}),
        (PRICE, DATA, "time_ms", {"timestamp": "now"}),
        (OLDEST_KLINE, DATA, "push_time_ms", {"t": {}}),
        (TRADES, ROW, "side", {"side": "Buy"}),
        (TRADES, ROW, "side", {"side": None}),
        (TRADES, ROW, "side", {"side": ...}),
        (TRADES, ROW, "time_ms", {"time": None}),
        (OLDEST_TRADES, ROW, "side", {"isBuy": "2"}),
        (OLDEST_TRADES, ROW, "side", {"isBuy": "true"}),
        (OLDEST_TRADES, ROW, "side", {"isBuy": []}),
    ],
)
def test_one_odd_field_is_one_none(frame, where, name, changes):
    after, before = decode(changed(frame, where, **changes))[-1], decode(frame)[-1]
    assert getattr(after, name) is None
    if name != "side":
        assert msgspec.structs.replace(after, **{name: getattr(before, name)}) == before
    elif before.exact == after.exact:
        assert not after.side_known


# --- replies ---


def test_ping_and_pong():
    assert LEGACY.speech.ping == '{"subscribe":"ping"}'
    assert LEGACY.classify({"subscribe": "pong"}) == Reply(kind="pong")


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ({"message": "no such symbol"}, "no such symbol"),
        ({"message": None}, ""),
        ({"message": {"a": 1}}, "{'a': 1}"),
        ({"subscribe": "trade", "message": "x", "data": {}}, "x"),
    ],
)
def test_errors_are_what_has_a_message(frame, text):
    """The texts are not documented."""
    assert LEGACY.classify(frame) == Reply(kind="error", message=text)


@pytest.mark.parametrize(
    ("frame", "operation", "topic"),
    [
        # WEBSOCKET.md, "a sample subscription message"; the others are built like it
        ('{"subscribe":"trade","symbol":"BMX_ETH","precision":6}', "subscribe",
         "legacy/trade:BMX_ETH@6"),
        ('{"subscribe":"order","symbol":"BMX_ETH","precision":6}', "subscribe",
         "legacy/depth:BMX_ETH@6"),
        ('{"subscribe":"depth","symbol":"BMX_ETH"}', "subscribe", "legacy/depth:BMX_ETH"),
        ('{"subscribe":"kline","symbol":"BMX_ETH","step":"15"}', "subscribe",
         "legacy/kline:BMX_ETH@15"),
        ('{"subscribe":"price","symbol":"BMX_ETH"}', "subscribe", "legacy/price:BMX_ETH"),
        ('{"unsubscribe":"trade","symbol":"BMX_ETH","precision":6}', "unsubscribe",
         "legacy/trade:BMX_ETH@6"),
    ],
)  # fmt: skip
def test_a_request_that_is_repeated_is_an_acknowledgement(frame, operation, topic):
    assert LEGACY.classify(json.loads(frame)) == Reply(kind="ack", operation=operation, topic=topic)


@pytest.mark.parametrize(
    "frame", [*STREAM_FRAMES, DEPTH, OLDEST_DEPTH, "{}", "[]", "5", "null", '"pong"']
)
def test_what_is_no_reply(frame):
    assert LEGACY.classify(json.loads(frame)) is None


# --- requests ---


@pytest.mark.parametrize(
    ("frame", "topic"),
    [
        ('{"subscribe":"price","symbol":"BMX_ETH"}', "legacy/price:BMX_ETH"),
        ('{"subscribe":"kline","symbol":"BMX_ETH","step":1}', "legacy/kline:BMX_ETH@1"),
        ('{"subscribe":"kline","symbol":"BMX_ETH","step":1}', "legacy/kline:BMX_ETH"),
        ('{"subscribe":"kline","symbol":"BMX_ETH","step":43200}', "legacy/kline:BMX_ETH@43200"),
        ('{"subscribe":"order","symbol":"BMX_ETH","precision":6}', "legacy/depth:BMX_ETH@6"),
        ('{"subscribe":"order","symbol":"BMX_ETH"}', "legacy/depth:BMX_ETH"),
        ('{"subscribe":"order","symbol":"BMX_ETH","precision":0}', "legacy/depth:BMX_ETH@0"),
        ('{"subscribe":"trade","symbol":"BMX_ETH","precision":6}', "legacy/trade:BMX_ETH@6"),
        ('{"unsubscribe":"trade","symbol":"BMX_ETH","precision":6}', "legacy/trade:BMX_ETH@6"),
        ('{"unsubscribe":"order","symbol":"BMX_ETH","precision":6}', "legacy/depth:BMX_ETH@6"),
    ],
)
def test_encode(frame, topic):
    operation = "unsubscribe" if "unsubscribe" in frame else "subscribe"
    assert LEGACY.speech.encode(operation, [topic]) == frame
    assert LEGACY.symbols.check_topic(Topic.parse(topic)) is None


def test_what_cannot_be_encoded():
    with pytest.raises(ValueError, match="no requests"):
        LEGACY.speech.encode("request", ["legacy/depth:BMX_ETH@6"])
    with pytest.raises(ValueError, match="unpack"):
        LEGACY.speech.encode("subscribe", ["legacy/price:BMX_ETH", "legacy/price:EOS_ETH"])


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ("legacy/order:BMX_ETH@6", "channel"),
        ("legacy/ping", "channel"),
        ("depth:BMX_ETH@6", "channel"),
        ("legacy/depth", "symbol"),
        ("legacy/depth:BMX-ETH", "symbol"),
        ("legacy/depth:BMX_ETH@x", "precision"),
        ("legacy/depth:BMX_ETH@06", "precision"),
        ("legacy/depth:BMX_ETH@-1", "precision"),
        ("legacy/trade:BMX_ETH@100", "precision"),
        ("legacy/trade:BMX_ETH@\u0666", "precision"),
        ("legacy/kline:BMX_ETH@2", "step"),
        ("legacy/kline:BMX_ETH@1m", "step"),
        ("legacy/kline:BMX_ETH@01", "step"),
        ("legacy/price:BMX_ETH@6", "option"),
    ],
)
def test_topics_that_cannot_exist(topic, problem):
    assert problem in LEGACY.symbols.check_topic(Topic.parse(topic))


@pytest.mark.parametrize("step", [1, 3, 5, 15, 30, 45, 60, 120, 180, 240, 1440, 10080, 43200])
def test_every_step(step):
    assert LEGACY.symbols.check_topic(Topic.parse(f"legacy/kline:BMX_ETH@{step}")) is None


def test_the_legacy_feed_is_never_meant_by_a_bare_symbol():
    assert not LEGACY.symbols.owns("BMX_ETH")
    assert not LEGACY.can_request
