"""BitMart's spot words: every documented push, reply and request, and what must be refused.

The literals are the examples of BitMart's spot API reference ("WebSocket Subscription"), unless
a comment names another source.
"""

import json
from decimal import Decimal

import msgspec
import pytest

from bitmart_book.model import BookTicker, Kline, Ticker, Trade
from bitmart_book.venues import SPOT, Reply, Topic
from tests.helpers.documented.spot import (
    BOOK_TICKER,
    DEPTHS,
    KLINE,
    KLINE_2021,
    STREAM_FRAMES,
    TICKER,
    TICKER_2021,
    TRADE,
    TRADE_2021,
    TRADE_ROWS,
    TRADE_TWO_ROWS,
    TRADE_TWO_SYMBOLS,
)

STEPS = ("1m", "5m", "15m", "30m", "1H", "2H", "4H", "1D", "1W", "1M")


class BareNumber(str):
    """As the engine's decoder hands out a JSON number that is no integer."""


def load(frame):
    return msgspec.json.Decoder(float_hook=BareNumber).decode(frame)


def decode(frame):
    message = load(frame) if isinstance(frame, str) else frame
    found = SPOT.stream(message["table"]).read(message)
    assert not found.unread
    return found.values


def unread(frame):
    """The values of what has flaws, and what of it could not be read."""
    message = load(frame) if isinstance(frame, str) else frame
    found = SPOT.stream(message["table"]).read(message)
    assert all(one.reason for one in found.unread)
    return found


def changed(frame, **changes):
    """The frame with other values in its first row; None as value is null, ... removes it."""
    message = load(frame)
    for key, value in changes.items():
        message["data"][0][key] = value
        if value is ...:
            del message["data"][0][key]
    return message


# --- pushes ---


def test_ticker():
    assert decode(TICKER) == [
        Ticker(
            symbol="BTC_USDT",
            last=Decimal("35000.00"),
            bid=Decimal("35000"),
            bid_size=Decimal("11"),
            ask=Decimal("36000"),
            ask_size=Decimal("1.021"),
            open_24h=Decimal("35003.03"),
            high_24h=Decimal("35003.04"),
            low_24h=Decimal("35000.00"),
            base_volume_24h=Decimal("2.02000"),
            quote_volume_24h=Decimal("70700.00"),
            fluctuation=Decimal("-0.0001"),
            time_ms=1709024652967,
        )
    ]


def test_a_ticker_before_2024_has_no_best_prices_and_seconds_only():
    assert decode(TICKER_2021) == [
        Ticker(
            symbol="BTC_USDT",
            last=Decimal("52638.31"),
            open_24h=Decimal("51692.03"),
            high_24h=Decimal("52756.97"),
            low_24h=Decimal("50991.35"),
            base_volume_24h=Decimal("78615593.81"),
            time_ms=1630981727000,
        )
    ]
    (ticker,) = decode(TICKER_2021)
    assert ticker.bid is ticker.ask_size is ticker.quote_volume_24h is ticker.fluctuation is None


def test_book_ticker():
    assert decode(BOOK_TICKER) == [
        BookTicker(
            symbol="BTC_USDT",
            bid=Decimal("71291.2"),
            bid_size=Decimal("2.30267"),
            ask=Decimal("71291.23"),
            ask_size=Decimal("2.46310"),
            time_ms=1773892368212,
        )
    ]


def test_kline():
    assert decode(KLINE) == [
        Kline(
            symbol="BTC_USDT",
            step="1m",
            open_time_s=1709025360,
            open=Decimal("162.01"),
            high=Decimal("162.02"),
            low=Decimal("162.03"),
            close=Decimal("162.04"),
            volume=Decimal("336.452694"),
        )
    ]
    (kline,) = decode(KLINE_2021)
    assert (kline.open_time_s, kline.push_time_ms) == (1631056350, None)
    assert (kline.open, kline.volume) == (Decimal("46532.83"), Decimal("0.25"))


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_a_channel_and_says_so(step):
    message = load(KLINE)
    message["table"] = f"spot/kline{step}"
    assert [kline.step for kline in decode(message)] == [step]


def test_trade():
    assert decode(TRADE) == [
        Trade(
            symbol="ETH_USDT",
            side="buy",
            price=Decimal("162.12"),
            size=Decimal("11.085"),
            time_ms=1542337219120,
        )
    ]
    assert [(trade.trade_id, trade.side_known) for trade in decode(TRADE)] == [(None, True)]


def test_a_trade_before_2024_has_seconds_only():
    assert decode(TRADE_2021) == [
        Trade(
            symbol="BTC_USDT",
            side="buy",
            price=Decimal("52700.50"),
            size=Decimal("0.00112"),
            time_ms=1630982050000,
        )
    ]


def test_recorded_trade_rows():
    rows = [json.loads(row) for row in TRADE_ROWS]
    first, second = decode({"table": "spot/trade", "data": rows})
    assert first == Trade(
        symbol="BTC_USDT",
        side="sell",
        price=Decimal("64949.02"),
        size=Decimal("0.00067"),
        time_ms=1709552020997,
    )
    assert (second.symbol, second.exact.size, second.time_ms) == (
        "ETH_USDT",
        Decimal("0.77598"),
        1740320841473,
    )


def test_several_trades_are_oldest_first():
    assert [trade.exact.price for trade in decode(TRADE_TWO_ROWS)] == [
        Decimal("162.12"),
        Decimal("163.12"),
    ]
    tao, btc = decode(TRADE_TWO_SYMBOLS)
    assert (tao.symbol, tao.side, tao.exact.size) == ("TAO_USDT", "sell", Decimal("0.35"))
    assert (btc.symbol, btc.side, btc.exact.price) == ("BTC_USDT", "buy", Decimal("64230.11"))
    message = load(TRADE_TWO_SYMBOLS)
    message["data"].reverse()
    assert decode(message) == [tao, btc]


def test_trades_of_one_millisecond_stay_in_order():
    row = load(TRADE)["data"][0]
    data = [{**row, "size": str(size)} for size in range(1, 5)]
    trades = decode({"table": "spot/trade", "data": [*data, {**row, "ms_t": 1, "size": "5"}]})
    assert [int(trade.size) for trade in trades] == [5, 1, 2, 3, 4]
    data[2].pop("ms_t"), data[2].pop("s_t")
    trades = decode({"table": "spot/trade", "data": data})
    assert [(int(trade.size), trade.time_ms is None) for trade in trades] == [
        (1, False), (2, False), (3, True), (4, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ('"35000.00"', "35000.00"),
        ("35000.00", "35000.00"),
        ("35000", "35000"),
        ('"1.000000000000000000000000000000"', "1.000000000000000000000000000000"),
        ("0.100000000000000000000000000001", "0.100000000000000000000000000001"),
        ('"0.000000000001"', "1E-12"),
        ("1e-12", "1E-12"),
        ('"1.5E3"', "1.5E+3"),
        ('".5"', "0.5"),
        ('"5."', "5"),
        ('"-0.00"', "-0.00"),
    ],
)
def test_numbers_are_exact_in_every_form(text, exact):
    (ticker,) = decode(TICKER.replace('"last_price":"35000.00"', f'"last_price":{text}'))
    assert str(ticker.last) == exact
    assert type(ticker.last) is Decimal


@pytest.mark.parametrize("nothing", [None, "", ...])
def test_optional_values_that_are_null_empty_or_missing(nothing):
    optional = dict.fromkeys(load(TICKER)["data"][0], nothing) | {
        "symbol": "BTC_USDT",
        "last_price": "1",
    }
    assert decode(changed(TICKER, **optional)) == [Ticker(symbol="BTC_USDT", last=Decimal(1))]
    sides = dict.fromkeys(("bid_px", "bid_sz"), nothing)
    (best,) = decode(changed(BOOK_TICKER, **sides))
    assert (best.bid, best.bid_size, best.ask) == (None, None, Decimal("71291.23"))
    (trade,) = decode(changed(TRADE, ms_t=nothing))
    assert trade.time_ms == 1542337219000


def test_fields_nobody_knows_are_tolerated():
    for frame in STREAM_FRAMES:
        assert decode(changed(frame, novelty={"a": [1]}) | {"seq": 1}) == decode(frame)
    message = load(KLINE)
    message["data"][0]["candle"].append("77")
    assert decode(message) == decode(KLINE)


def test_times_may_be_text():
    (ticker,) = decode(changed(TICKER, ms_t="1709024652967"))
    assert ticker.time_ms == 1709024652967


@pytest.mark.parametrize("data", [None, "", []])
def test_a_push_of_nothing(data):
    for stream in SPOT.streams:
        assert stream.read({"table": stream.name, "data": data}) == ([], [])


@pytest.mark.parametrize(
    ("frame", "changes"),
    [
        (TRADE, {"symbol": ...}),
        (TRADE, {"symbol": ""}),
        (TRADE, {"symbol": 5}),
        (TRADE, {"symbol": BareNumber("1.5")}),
        (TRADE, {"price": ""}),
        (TRADE, {"price": None}),
        (TRADE, {"price": True}),
        (TRADE, {"price": "-1"}),
        (TRADE, {"price": -1}),
        (TRADE, {"price": 1.5}),
        (TRADE, {"price": [0, [1], 0]}),
        (TRADE, {"size": "NaN"}),
        (TRADE, {"size": "Infinity"}),
        (TRADE, {"size": "1_000"}),
        (TRADE, {"size": " 1"}),
        (TRADE, {"size": "1\n"}),
        (TRADE, {"size": "\u0661"}),
        (TRADE, {"size": "1e999999999"}),
        (TICKER, {"last_price": ...}),
        (TICKER, {"last_price": ""}),
        (BOOK_TICKER, {"symbol": None}),
        (KLINE, {"candle": ...}),
        (KLINE, {"candle": None}),
        (KLINE, {"candle": "123456"}),
        (KLINE, {"candle": [1, "1", "1", "1", "1"]}),
        (KLINE, {"candle": [None, "1", "1", "1", "1", "1"]}),
        (KLINE, {"candle": [1, "1", "1", None, "1", "1"]}),
        (KLINE, {"symbol": ...}),
    ],
)
def test_a_row_that_cannot_be_read_costs_no_other(frame, changes):
    good = load(frame)["data"]
    bad = changed(frame, **changes)["data"]
    found = unread(load(frame) | {"data": [*good, *bad]})
    assert found.values == decode(frame) + decode(load(frame) | {"data": bad[1:]})
    (one,) = found.unread
    symbol = bad[0].get("symbol")
    assert one.key == (symbol if type(symbol) is str and symbol else None)


@pytest.mark.parametrize(
    ("frame", "name", "changes"),
    [
        (TRADE, "side", {"side": "BUY"}),
        (TRADE, "side", {"side": None}),
        (TRADE, "side", {"side": []}),
        (TRADE, "side", {"side": ...}),
        (TRADE, "time_ms", {"ms_t": "x", "s_t": ...}),
        (TRADE, "time_ms", {"ms_t": BareNumber("1.5"), "s_t": ...}),
        (TRADE, "time_ms", {"ms_t": True, "s_t": []}),
        (TRADE, "time_ms", {"ms_t": "9" * 400, "s_t": ...}),
        (TICKER, "bid", {"bid_px": {}}),
        (TICKER, "bid", {"bid_px": "NaN"}),
        (TICKER, "fluctuation", {"fluctuation": "up"}),
        (BOOK_TICKER, "ask", {"ask_px": "-5"}),
    ],
)
def test_one_odd_field_is_one_none(frame, name, changes):
    before, after = decode(frame)[0], decode(changed(frame, **changes))[0]
    assert getattr(after, name) is None
    same = {name: getattr(before, name)} | ({"side_known": True} if name == "side" else {})
    assert msgspec.structs.replace(after, **same) == before
    assert getattr(after, "side_known", True) == (name != "side")


@pytest.mark.parametrize("data", [5, "x", [5], [None], ["x"], [[]], {}, True])
def test_data_that_is_no_list_of_objects(data):
    for stream in SPOT.streams:
        for message in ({"table": stream.name, "data": data}, {"table": stream.name}):
            found = stream.read(message)
            assert found.values == []
            assert [one.key for one in found.unread] == [None]


# --- replies ---


@pytest.mark.parametrize(
    ("frame", "operation", "topic"),
    [
        ('{"event":"subscribe","topic":"spot/ticker:BTC_USDT"}', "subscribe",
         "spot/ticker:BTC_USDT"),
        ('{"topic":"spot/ticker:BTC_USDT","event":"subscribe"}', "subscribe",
         "spot/ticker:BTC_USDT"),
        ('{"topic":"spot/kline1m:BTC_USDT","event":"subscribe"}', "subscribe",
         "spot/kline1m:BTC_USDT"),
        ('{"event":"unsubscribe","topic":"spot/ticker:BTC_USDT"}', "unsubscribe",
         "spot/ticker:BTC_USDT"),
        ('{"event":"unsubscribe","topic":"spot/ticker:ETH_USDT"}', "unsubscribe",
         "spot/ticker:ETH_USDT"),
        ('{"topic":"spot/depth/increase100:BTC_USDT","event":"subscribe"}', "subscribe",
         "spot/depth/increase100:BTC_USDT"),
        ('{"event":"login"}', "login", None),
        ('{"event":"subscribe","topic":"spot/user/orders:ALL_SYMBOLS"}', "subscribe",
         "spot/user/orders:ALL_SYMBOLS"),
        ('{"event":"subscribe","topic":"spot/user/balance:BALANCE_UPDATE"}', "subscribe",
         "spot/user/balance:BALANCE_UPDATE"),
        # Null or empty error keys beside a success: BitMart's Python SDK, 2.3.1.
        ('{"event":"login","errorCode":null,"errorMessage":null}', "login", None),
        ('{"event":"login","errorCode":"","errorMessage":""}', "login", None),
    ],
)  # fmt: skip
def test_acknowledgements(frame, operation, topic):
    assert SPOT.classify(load(frame)) == Reply(kind="ack", operation=operation, topic=topic)


@pytest.mark.parametrize(
    ("frame", "operation", "topic", "code", "message"),
    [
        ('{"event":"login","errorCode":"91002","errorMessage":"API KEY not found"}',
         "login", None, "91002", "API KEY not found"),
        ('{"event":"subscribe","errorCode":"90004","errorMessage":"Invalid channel param"}',
         "subscribe", None, "90004", "Invalid channel param"),
        # in comments of BitMart's Go and Python SDKs
        ('{"errorMessage":"Param sign is wrong","errorCode":"91011","event":"login"}',
         "login", None, "91011", "Param sign is wrong"),
        ('{"errorMessage":"Invalid symbol param","errorCode":"92001"}',
         None, None, "92001", "Invalid symbol param"),
        # as JKorf's BitMart.Net and CCAPI read it
        ('{"event":"subscribe:spot/depth5:FOO_USDT","errorCode":"92001","errorMessage":"x"}',
         "subscribe", "spot/depth5:FOO_USDT", "92001", "x"),
        ('{"event":"subscribe","topic":"spot/depth5:A_B","errorCode":"92001","errorMessage":"x"}',
         "subscribe", "spot/depth5:A_B", "92001", "x"),
        ('{"event":"subscribe","errorCode":90007}', "subscribe", None, "90007", ""),
        ('{"event":null,"errorCode":"95000","errorMessage":null}', None, None, "95000", ""),
    ],
)  # fmt: skip
def test_errors(frame, operation, topic, code, message):
    assert SPOT.classify(load(frame)) == Reply(
        kind="error", operation=operation, topic=topic, code=code, message=message
    )


@pytest.mark.parametrize(
    ("event", "topic"),
    [("subscribe", None), ("subscribe:spot/depth5:BTC_USDT", "spot/depth5:BTC_USDT")],
)
def test_a_duplicate_subscription_is_as_good_as_an_acknowledgement(event, topic):
    frame = {"event": event, "errorCode": "90008", "errorMessage": "Duplicate subscription"}
    assert SPOT.classify(frame) == Reply(
        kind="ack",
        operation="subscribe",
        topic=topic,
        code="90008",
        message="Duplicate subscription",
    )


def test_codes_that_say_nothing_against_a_topic():
    assert {"90007", "94001", "94002", "95000"} <= SPOT.errors.retry_codes
    # Those of a topic that cannot be had, and the harmless one, are none of them.
    assert not {"90003", "90004", "90008", "90009", "92001"} & SPOT.errors.retry_codes


def test_pong():
    assert SPOT.classify("pong") == Reply(kind="pong")


@pytest.mark.parametrize("frame", [*STREAM_FRAMES, *DEPTHS, "{}", "[]", "5", "null", '"x"'])
def test_what_is_no_reply(frame):
    assert SPOT.classify(load(frame)) is None


def test_text_that_means_nothing_is_no_reply():
    assert SPOT.classify("ping") is None
    assert SPOT.classify("gateway timeout") is None


# --- requests ---


@pytest.mark.parametrize(
    "frame",
    [
        '{"op":"subscribe","args":["spot/ticker:BTC_USDT"]}',
        '{"op":"subscribe","args":["spot/ticker:BTC_USDT","spot/depth5:BTC_USDT"]}',
        '{"op":"unsubscribe","args":["spot/ticker:BTC_USDT","spot/ticker:ETH_USDT"]}',
        '{"op":"subscribe","args":["spot/kline1m:BTC_USDT"]}',
        '{"op":"subscribe","args":["spot/depth5:BTC_USDT"]}',
        '{"op":"subscribe","args":["spot/depth/increase100:BTC_USDT"]}',
        '{"op":"request","args":["spot/depth/increase100:BTC_USDT"]}',
        '{"op":"subscribe","args":["spot/trade:BTC_USDT"]}',
        '{"op":"subscribe","args":["spot/bookTicker:BTC_USDT"]}',
    ],
)
def test_encode(frame):
    request = json.loads(frame)
    assert SPOT.speech.encode(request["op"], request["args"]) == frame
    assert SPOT.speech.encode(request["op"], tuple(request["args"])) == frame
    for topic in request["args"]:
        assert SPOT.symbols.check_topic(Topic.parse(topic)) is None


@pytest.mark.parametrize(
    "topic",
    [
        "spot/depth/increase100:Yinbi_BTC",
        "spot/depth20:A_B",
        "spot/depth50:1000SATS_USDT",
        "spot/trade:" + "A" * 36 + "_USDT",
        *(f"spot/kline{step}:BTC_USDT" for step in STEPS),
    ],
)
def test_topics_that_can_exist(topic):
    assert SPOT.symbols.check_topic(Topic.parse(topic)) is None


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ("spot/depth400:BTC_USDT", "channel"),
        ("spot/depth/increase20:BTC_USDT", "channel"),
        ("spot/kline3m:BTC_USDT", "channel"),
        ("spot/bookticker:BTC_USDT", "channel"),
        ("spot/user/order:BTC_USDT", "channel"),
        ("futures/trade:BTCUSDT", "channel"),
        (":BTC_USDT", "channel"),
        ("spot/ticker", "symbol"),
        ("spot/ticker:", "symbol"),
        ("spot/ticker:BTCUSDT", "symbol"),
        ("spot/ticker:BTC-USDT", "symbol"),
        ("spot/ticker:BTC_USDT ", "symbol"),
        ("spot/ticker:BTC_USDT\n", "symbol"),
        ('spot/ticker:BTC_USDT","x', "symbol"),
        ("spot/ticker:BTC_USDT:ETH_USDT", "symbol"),
        ("spot/ticker:BTC\u00a0_USDT", "symbol"),
        ("spot/ticker:" + "A" * 60 + "_USDT", "symbol"),
        ("spot/depth5:BTC_USDT@100ms", "option"),
    ],
)
def test_topics_that_cannot_exist(topic, problem):
    assert problem in SPOT.symbols.check_topic(Topic.parse(topic))


@pytest.mark.parametrize("frame", DEPTHS)
def test_books_are_described(frame):
    message = load(frame)
    book = SPOT.book(message[SPOT.framing.channel_key])
    (item,) = message["data"]
    assert {book.bids, book.asks, book.time} <= set(item)
    for side in (book.bids, book.asks):
        assert len(item[side]) <= book.window
    assert (book.kind == "sequenced") == ({book.sequence, book.type} <= set(item))


def test_the_channels():
    assert {(book.name, book.kind, book.window) for book in SPOT.books} == {
        ("spot/depth/increase100", "sequenced", 100),
        ("spot/depth5", "full", 5),
        ("spot/depth20", "full", 20),
        ("spot/depth50", "full", 50),
    }
    assert {stream.name for stream in SPOT.streams} == {
        "spot/trade",
        "spot/ticker",
        "spot/bookTicker",
        *(f"spot/kline{step}" for step in STEPS),
    }
    assert [stream.name for stream in SPOT.streams if stream.trades] == ["spot/trade"]
