"""BitMart's public futures words: every documented push, reply and request, and what is refused.

The literals are the examples of BitMart's futures v2 API reference ("WebSocket Subscription"),
unless a comment names another source.
"""

import json
from decimal import Decimal

import msgspec
import pytest

from bitmart_book.model import (
    BookTicker,
    FundingRate,
    FuturesTicker,
    Kline,
    MarkPriceKline,
    Ticker,
    Trade,
)
from bitmart_book.venues import FUTURES, FUTURES_DEMO, Reply, Topic, Venue
from tests.helpers.documented.futures import (
    BOOK_TICKER,
    BOOK_TICKER_2026,
    DEPTHS,
    FUNDING,
    FUNDING_2026,
    FUNDING_BELOW_ZERO,
    KLINE,
    KLINE_ITEMS,
    MARK_KLINE,
    MARK_KLINE_ITEMS,
    STREAM_FRAMES,
    TICKER,
    TICKER_OF_ALL,
    TICKER_V1,
    TICKER_WITH_A_SPEED,
    TRADE,
    TRADE_2023,
    TRADE_2025,
    TRADE_WITHOUT_M,
)


def decode(message):
    message = json.loads(message) if isinstance(message, str) else message
    found = FUTURES.stream(Topic.parse(message["group"]).channel).read(message)
    assert not found.unread
    return found.values


def unread(frame):
    """The values of what has flaws, and what of it could not be read."""
    message = json.loads(frame) if isinstance(frame, str) else frame
    found = FUTURES.stream(Topic.parse(message["group"]).channel).read(message)
    assert all(one.reason for one in found.unread)
    return found


def changed(frame, **changes):
    """The frame with other values in its first row; ... removes one."""
    message = json.loads(frame)
    row = message["data"]
    row = row[0] if isinstance(row, list) else row
    row = row["items"][0] if "items" in row else row
    for key, value in changes.items():
        row[key] = value
        if value is ...:
            del row[key]
    return message


# --- pushes ---


def test_trade():
    assert decode(TRADE) == [
        Trade(
            symbol="BTCUSDT",
            side="sell",
            price=Decimal("117387.58"),
            size=Decimal("1445"),
            time_ms=1677225251124,
            trade_id=1409495322,
            side_known=True,
        )
    ]
    assert decode(TRADE_2025) == [
        Trade(
            symbol="BTCUSDT",
            side="sell",
            price=Decimal("78727.3"),
            size=Decimal("310"),
            time_ms=1741630634656,
            trade_id=3000000389425121,
        )
    ]
    (trade,) = decode(TRADE_2023)
    assert (trade.side, trade.exact.price, trade.time_ms) == (
        "sell",
        Decimal("39735.8"),
        1701618503517,
    )


def test_the_taker_side():
    assert [trade.side for trade in decode(changed(TRADE_2025, m=False))] == ["buy"]
    (trade,) = decode(TRADE_WITHOUT_M)
    assert (trade.side, trade.side_known) == ("buy", False)
    for way in range(1, 9):
        (trade,) = decode(changed(TRADE_WITHOUT_M, way=way))
        assert (trade.side, trade.side_known) == ("buy" if way <= 4 else "sell", False)


def test_rows_come_newest_first():
    # The two stamps are of a frame recorded in ccxt, 2024-03.
    row = json.loads(TRADE)["data"][0]
    newest = {**row, "trade_id": 3, "created_at": "2024-03-04T07:20:49.322000000Z"}
    older = {**row, "trade_id": 2, "created_at": "2024-03-04T07:20:48.954000000Z"}
    twin = {**older, "trade_id": 1}
    message = {"group": "futures/trade:BTCUSDT", "data": [newest, older, twin]}
    assert [trade.trade_id for trade in decode(message)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("stamp", "time_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1500),
        ("1970-01-01T00:00:01.05Z", 1050),
        ("1970-01-01T00:00:01.000999999Z", 1000),
        ("2025-03-10T18:17:14.656686827Z", 1741630634656),
    ],
)
def test_stamps(stamp, time_ms):
    assert [trade.time_ms for trade in decode(changed(TRADE, created_at=stamp))] == [time_ms]


def test_what_is_tolerated():
    (trade,) = decode(TRADE)
    more = changed(TRADE, contract_id=1, type=3, create_time=1, create_time_mill=1, deal_vol=1445)
    assert decode(more) == [trade]
    assert decode(json.loads(TRADE) | {"data": json.loads(TRADE)["data"][0]}) == [trade]
    for stream in FUTURES.streams:
        for nothing in (None, "", []):
            assert stream.read({"group": stream.name, "data": nothing}) == ([], [])


def test_ticker():
    assert decode(TICKER) == [
        FuturesTicker(
            symbol="BTCUSDT",
            last=Decimal("97153.6"),
            bid=Decimal("97153.4"),
            bid_size=Decimal(428),
            ask=Decimal("97153.9"),
            ask_size=Decimal(28),
            fluctuation=Decimal("0.0016599204475393"),
            mark=Decimal("97153.7"),
            index=Decimal("97185.614"),
            contract_volume_24h=Decimal(25502894),
        )
    ]
    (ticker,) = decode(TICKER_OF_ALL)
    assert isinstance(ticker, Ticker)
    assert (ticker.symbol, ticker.last) == ("XAUTUSDT", Decimal("4338.94"))
    assert ticker.fluctuation == Decimal("-0.0013970048400349")
    (ticker,) = decode(TICKER_WITH_A_SPEED)
    assert (ticker.symbol, ticker.index) == ("ETHUSDT", Decimal("2808.71047619"))


def test_a_ticker_of_the_first_protocol_has_a_fair_price():
    assert decode(TICKER_V1) == [
        FuturesTicker(
            symbol="BTCUSDT",
            last=Decimal("146.24"),
            bid=Decimal("142.11"),
            bid_size=Decimal(1),
            ask=Decimal("147.11"),
            ask_size=Decimal(1),
            fluctuation=Decimal("147.17"),
            mark=Decimal("146.24"),
            contract_volume_24h=Decimal("117387.58"),
        )
    ]


def test_book_ticker():
    assert decode(BOOK_TICKER) == [
        BookTicker(
            symbol="BTCUSDT",
            bid=Decimal(97315),
            bid_size=Decimal(156),
            ask=Decimal("97315.4"),
            ask_size=Decimal(333),
            time_ms=1733891542244,
        )
    ]
    (best,) = decode(BOOK_TICKER_2026)
    assert (best.bid, best.bid_size) == (Decimal("86657.9"), Decimal(17485))
    assert (best.ask, best.ask_size, best.time_ms) == (Decimal(86658), Decimal(10847),
                                                       1790134291018)  # fmt: skip


def test_klines_in_both_shapes():
    price = Decimal("146.24")
    bar = {
        "symbol": "BTCUSDT", "step": "1m", "open": price, "high": price, "low": price,
        "close": price, "volume": Decimal(146), "push_time_ms": 1700533801000,
    }  # fmt: skip
    assert decode(KLINE) == [Kline(**bar)]
    assert decode(MARK_KLINE) == [MarkPriceKline(**bar)]
    assert decode(KLINE_ITEMS) == [
        Kline(
            symbol="BTCUSDT",
            step="1m",
            open=Decimal("39635.8"),
            high=Decimal(39636),
            low=Decimal("39614.4"),
            close=Decimal("39629.7"),
            volume=Decimal(31852),
            push_time_ms=1701617761000,
        )
    ]
    first, second = decode(MARK_KLINE_ITEMS)
    assert type(first) is MarkPriceKline
    assert isinstance(first, Kline)
    assert (first.step, first.high, first.push_time_ms) == ("1H", Decimal(4), 1701617701000)
    assert (second.low, second.close, second.volume) == (Decimal("1.5"), Decimal(3), Decimal(9))


def test_funding_rate():
    assert decode(FUNDING) == [
        FundingRate(
            symbol="BTCUSDT",
            rate=Decimal("0.000098800809"),
            time_ms=1732525864000,
            next_rate=Decimal("0.0000947"),
            next_time_ms=1732550400000,
            upper_limit=Decimal("0.0375"),
            lower_limit=Decimal("-0.0375"),
            push_time_ms=1732525864601,
        )
    ]
    (rate,) = decode(FUNDING_BELOW_ZERO)
    assert (rate.rate, rate.next_rate) == (Decimal("0.0000561"), Decimal("-0.0000195"))
    (rate,) = decode(FUNDING_2026)
    assert (rate.rate, rate.next_time_ms) == (Decimal("0.000011900082"), 1790150400000)


@pytest.mark.parametrize("nothing", [None, "", ...])
def test_optional_values_that_are_null_empty_or_missing(nothing):
    def with_nothing(frame, **kept):
        row = json.loads(frame)["data"]
        return decode(changed(frame, **dict.fromkeys(row, nothing) | kept))

    assert with_nothing(TICKER, last_price="1") == [
        FuturesTicker(symbol="BTCUSDT", last=Decimal(1))
    ]
    assert with_nothing(BOOK_TICKER) == [BookTicker(symbol="BTCUSDT")]
    assert with_nothing(FUNDING, fundingRate="0") == [
        FundingRate(symbol="BTCUSDT", rate=Decimal(0))
    ]
    (kline,) = decode(changed(KLINE, ts=nothing, symbol=nothing))
    assert (kline.symbol, kline.push_time_ms) == ("BTCUSDT", None)
    (trade,) = decode(changed(TRADE, symbol=nothing))
    assert trade.symbol == "BTCUSDT"


def test_numbers_may_be_text_or_numbers():
    assert decode(changed(BOOK_TICKER, best_bid_price=97315, ms_t="1733891542244")) == decode(
        BOOK_TICKER
    )
    assert decode(changed(KLINE, v=146, ts="1700533801")) == decode(KLINE)
    assert decode(changed(FUNDING, fundingTime="1732525864000")) == decode(FUNDING)


def test_a_symbol_that_neither_the_data_nor_the_group_names():
    for frame in (TICKER_OF_ALL, json.dumps(json.loads(TRADE) | {"group": "futures/trade"})):
        found = unread(changed(frame, symbol=...))
        assert (found.values, [one.key for one in found.unread]) == ([], [None])


def test_fields_nobody_knows_are_tolerated_and_counted():
    for frame in STREAM_FRAMES:
        before = Venue(profiles=(FUTURES,)).unknown_fields()
        assert decode(changed(frame, novelty={"a": [1]})) == decode(frame)
        after = Venue(profiles=(FUTURES,)).unknown_fields()
        (name,) = [name for name in after if after[name] != before.get(name, 0)]
        assert name.endswith(".novelty")
        assert after[name] == before.get(name, 0) + 1


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": 5},
        {"deal_price": ...},
        {"deal_price": "x"},
        {"deal_vol": "-1"},
        {"deal_vol": None},
    ],
)
def test_a_trade_that_cannot_be_read_costs_no_other(changes):
    good, bad = json.loads(TRADE), changed(TRADE, **changes)
    found = unread(good | {"data": [*bad["data"], *good["data"]]})
    assert found.values == decode(good)
    (one,) = found.unread
    assert one.key == "BTCUSDT"


@pytest.mark.parametrize(
    "changes", [{}, {"m": None}, {"m": "true"}, {"way": 0}, {"way": 9}, {"way": []}]
)
def test_a_trade_whose_side_was_not_told(changes):
    # Recorded in 2023: neither `way` nor `m`.
    (trade,) = decode(changed(TRADE, **({"m": ..., "way": ...} | changes)))
    assert (trade.side, trade.side_known) == (None, False)
    assert trade.exact == decode(TRADE)[0].exact


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("trade_id", {"trade_id": ...}),
        ("trade_id", {"trade_id": "x"}),
        ("time_ms", {"created_at": ...}),
        ("time_ms", {"created_at": None}),
        ("time_ms", {"created_at": 1677225251}),
        ("time_ms", {"created_at": "2023-02-24"}),
        ("time_ms", {"created_at": "2023-02-30T07:54:11Z"}),
        ("time_ms", {"created_at": "2023-02-24T07:54:11+08:00"}),
        ("time_ms", {"created_at": "2023-02-24T07:54:11.Z"}),
    ],
)
def test_one_odd_field_of_a_trade_is_one_none(name, changes):
    (trade,), (before,) = decode(changed(TRADE, **changes)), decode(TRADE)
    assert getattr(trade, name) is None
    assert msgspec.structs.replace(trade, **{name: getattr(before, name)}) == before


@pytest.mark.parametrize(
    ("frame", "changes"),
    [
        (TICKER, {"last_price": ...}),
        (TICKER, {"last_price": "NaN"}),
        (KLINE, {"o": None}),
        (KLINE, {"v": ...}),
        (KLINE, {"items": 5}),
        (KLINE, {"items": ["x"]}),
        (KLINE_ITEMS, {"c": ""}),
        (FUNDING, {"fundingRate": ...}),
    ],
)
def test_values_of_other_channels_that_cannot_be_read(frame, changes):
    found = unread(changed(frame, **changes))
    assert found.values == []
    (one,) = found.unread
    assert one.key == decode(frame)[0].symbol


@pytest.mark.parametrize(
    ("frame", "name", "changes"),
    [
        (TICKER, "bid", {"bid_price": "x"}),
        (TICKER, "fluctuation", {"range": "up"}),
        (TICKER, "mark", {"mark_price": "NaN"}),
        (BOOK_TICKER, "ask_size", {"best_ask_vol": "-5"}),
        (BOOK_TICKER, "time_ms", {"ms_t": "x"}),
        (KLINE, "push_time_ms", {"ts": "now"}),
        (FUNDING, "next_time_ms", {"nextFundingTime": []}),
    ],
)
def test_one_odd_field_is_one_none(frame, name, changes):
    (after,), (before,) = decode(changed(frame, **changes)), decode(frame)
    assert getattr(after, name) is None
    assert msgspec.structs.replace(after, **{name: getattr(before, name)}) == before


# --- replies ---


@pytest.mark.parametrize(
    ("frame", "operation", "topic"),
    [
        ('{"action":"access","success":true}', "login", None),
        ('{"action":"subscribe","group":"futures/klineBin1m:BTCUSDT","success":true,"request":'
         '{"action":"subscribe","args":["futures/klineBin1m:BTCUSDT"]}}',
         "subscribe", "futures/klineBin1m:BTCUSDT"),
        ('{"action":"unsubscribe","group":"futures/klineBin1m:BTCUSDT","success":true,"request":'
         '{"action":"unsubscribe","args":["futures/klineBin1m:BTCUSDT"]}}',
         "unsubscribe", "futures/klineBin1m:BTCUSDT"),
        ('{"action":"unsubscribe","group":"Depth:1","success":true,"request":'
         '{"action":"unsubscribe","args":["Depth:1"]}}', "unsubscribe", "Depth:1"),
        # live, 2026-09-23
        ('{"action":"subscribe","group":"futures/depth50:BTCUSDT@100ms","success":true,"request":'
         '{"action":"subscribe","args":["futures/depth50:BTCUSDT@100ms"]}}',
         "subscribe", "futures/depth50:BTCUSDT@100ms"),
    ],
)  # fmt: skip
def test_acknowledgements(frame, operation, topic):
    assert FUTURES.classify(json.loads(frame)) == Reply(
        kind="ack", operation=operation, topic=topic
    )


@pytest.mark.parametrize(
    ("frame", "operation", "topic", "message"),
    [
        ('{"action":"subscribe","group":"Depth:1","success":false,'
         '"error":"authentication is temporarily unavailable"}',
         "subscribe", "Depth:1", "authentication is temporarily unavailable"),
        ('{"action":"subscribe","group":"futures/order","success":false,'
         '"error":"futures/order need authenication"}',
         "subscribe", "futures/order", "futures/order need authenication"),
        ('{"action":"access","success":false,"error":"access failed: openapi auth: apiKey '
         '880d5edecs**** failed: openapi auth failed"}', "login", None,
         "access failed: openapi auth: apiKey 880d5edecs**** failed: openapi auth failed"),
        ('{"action":"subscribe","group":"sfutures/depth50:BTCUSDT","success":false,"request":'
         '{"action":"subscribe","args":["sfutures/depth50:BTCUSDT"]},'
         '"error":"group [sfutures/depth50:BTCUSDT] not exist"}',
         "subscribe", "sfutures/depth50:BTCUSDT", "group [sfutures/depth50:BTCUSDT] not exist"),
        # live, 2026-09-23
        ('{"action":"subscribe","group":"futures/depthIncrease50:NOPEUSDT@100ms","success":false,'
         '"error":"Invalid channel: not found futures/depthIncrease50:NOPEUSDT@100ms","request":'
         '{"action":"subscribe","args":["futures/depthIncrease50:NOPEUSDT@100ms"]}}',
         "subscribe", "futures/depthIncrease50:NOPEUSDT@100ms",
         "Invalid channel: not found futures/depthIncrease50:NOPEUSDT@100ms"),
        ('{"success":false,"error":"Invalid message: message must be JSON: ping"}',
         None, None, "Invalid message: message must be JSON: ping"),
        ('{"success":false,"error":"Invalid message: message must be JSON: not json"}',
         None, None, "Invalid message: message must be JSON: not json"),
        # recorded in ccxt
        ('{"action":"","group":"futures/trade:BTCUSDT","success":false,"request":{"action":"",'
         '"args":["futures/trade:BTCUSDT"]},'
         '"error":"Invalid action [] for group [futures/trade:BTCUSDT]"}',
         None, "futures/trade:BTCUSDT", "Invalid action [] for group [futures/trade:BTCUSDT]"),
    ],
)  # fmt: skip
def test_errors(frame, operation, topic, message):
    assert FUTURES.classify(json.loads(frame)) == Reply(
        kind="error", operation=operation, topic=topic, message=message
    )


@pytest.mark.parametrize(
    "frame", [{"success": False}, {"error": "x"}, {"success": None, "error": "x", "data": None}]
)
def test_errors_that_lack_most_of_it(frame):
    assert FUTURES.classify(frame).kind == "error"


def test_pongs():
    # live, 2026-09-23; the text is what the reference promises
    frame = '{"group":"System","data":"pong+e0d8adb4-bf87-440b-b7e1-6cf4e88ecd4f"}'
    assert FUTURES.classify(json.loads(frame)) == Reply(kind="pong")
    assert FUTURES.classify("pong") == Reply(kind="pong")


@pytest.mark.parametrize(
    "frame", [*STREAM_FRAMES, *DEPTHS, "{}", "[]", "5", "null", '{"group":"System","data":"x"}']
)
def test_what_is_no_reply(frame):
    assert FUTURES.classify(json.loads(frame)) is None


# --- requests ---


@pytest.mark.parametrize(
    "frame",
    [
        '{"action":"subscribe","args":["futures/depth20:BTCUSDT@200ms"]}',
        '{"action":"subscribe","args":["futures/depthAll20:BTCUSDT@200ms"]}',
        '{"action":"subscribe","args":["futures/depthIncrease20:BTCUSDT@200ms"]}',
        '{"action":"request","args":["futures/depthIncrease20:BTCUSDT@200ms"]}',
        '{"action":"subscribe","args":["futures/trade:BTCUSDT"]}',
        '{"action":"unsubscribe","args":["futures/trade:BTCUSDT"]}',
        '{"action":"subscribe","args":["futures/ticker:BTCUSDT"]}',
        '{"action":"subscribe","args":["futures/ticker"]}',
        '{"action":"subscribe","args":["futures/bookticker:BTCUSDT"]}',
        '{"action":"subscribe","args":["futures/klineBin1m:BTCUSDT"]}',
        '{"action":"subscribe","args":["futures/markPriceKlineBin1m:BTCUSDT"]}',
        '{"action":"subscribe","args":["futures/fundingRate:BTCUSDT"]}',
        '{"action":"request","args":["futures/fundingRate:BTCUSDT"]}',
        '{"action":"unsubscribe","args":["futures/klineBin1m:BTCUSDT"]}',
        # live, 2026-09-23
        '{"action":"subscribe","args":["futures/depthIncrease50:BTCUSDT@100ms",'
        '"futures/depthIncrease50:ETHUSDT@100ms","futures/depthIncrease50:FOLKSUSDT@100ms",'
        '"futures/depthIncrease50:ASTEROIDETHUSDT@100ms","futures/depthIncrease50:BTCUSD@100ms",'
        '"futures/depthIncrease50:BTCUSDC@100ms"]}',
    ],
)
def test_encode(frame):
    request = json.loads(frame)
    assert FUTURES.speech.encode(request["action"], request["args"]) == frame
    for topic in request["args"]:
        assert FUTURES.symbols.check_topic(Topic.parse(topic)) is None


def test_ping():
    assert FUTURES.speech.ping == '{"action":"ping"}'


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ("futures/depthIncrease30:BTCUSDT", "channel"),
        ("futures/v2/depthIncrease50:BTCUSDT", "channel"),
        ("futures/klineBin3m:BTCUSDT", "channel"),
        ("futures/klineBin1M:BTCUSDT", "channel"),
        ("futures/bookTicker:BTCUSDT", "channel"),
        ("futures/order", "channel"),
        ("futures/bookticker", "symbol"),
        ("futures/ticker@100ms", "symbol"),
        ("futures/ticker:BTCUSDT@100ms", "speed"),
        ("spot/trade:BTC_USDT", "channel"),
        ("futures/trade", "symbol"),
        ("futures/trade:BTC_USDT", "symbol"),
        ("futures/trade:BTCUSDT:200ms", "symbol"),
        ("futures/trade:" + "A" * 65, "symbol"),
        ("futures/trade:BTCUSDT@100ms", "speed"),
        ("futures/depth20:BTCUSDT@50ms", "speed"),
        ("futures/depthIncrease50:BTCUSDT@100ms@100ms", "speed"),
    ],
)
def test_topics_that_cannot_exist(topic, problem):
    assert problem in FUTURES.symbols.check_topic(Topic.parse(topic))


@pytest.mark.parametrize("frame", DEPTHS)
def test_books_are_described(frame):
    message = json.loads(frame)
    topic = Topic.parse(message[FUTURES.framing.channel_key])
    book = FUTURES.book(topic.channel)
    assert FUTURES.symbols.check_topic(topic) is None
    item = message["data"]
    one_sided = book.kind == "one-sided"
    assert ({book.side, book.levels} if one_sided else {book.bids, book.asks}) <= set(item)
    for level in item[book.levels] if one_sided else item[book.bids] + item[book.asks]:
        assert set(level) == {book.price, book.size}
    assert (book.kind == "sequenced") == ({book.sequence, book.type} <= set(item))


def test_the_channels():
    depths = (5, 20, 50)
    assert {(book.name, book.kind, book.window, book.window_kept) for book in FUTURES.books} == {
        *((f"futures/depthIncrease{depth}", "sequenced", depth, True) for depth in depths),
        *((f"futures/depthAll{depth}", "full", depth, False) for depth in depths),
        *((f"futures/depth{depth}", "one-sided", depth, False) for depth in depths),
    }
    assert {(book.size, book.unit) for book in FUTURES.books} == {("vol", "contracts")}
    for book in FUTURES.books:
        for speed in ("", "@100ms", "@200ms"):
            topic = Topic.parse(f"{book.name}:1000PEPEUSDT{speed}")
            assert FUTURES.symbols.check_topic(topic) is None
    steps = ("1m", "5m", "15m", "30m", "1H", "2H", "4H", "1D", "1W")
    assert {stream.name for stream in FUTURES.streams} == {
        "futures/trade",
        "futures/ticker",
        "futures/bookticker",
        "futures/fundingRate",
        *(f"futures/klineBin{step}" for step in steps),
        *(f"futures/markPriceKlineBin{step}" for step in steps),
    }
    for stream in FUTURES.streams:
        assert FUTURES.symbols.check_topic(Topic(stream.name, "BTCUSDT", "")) is None
        assert stream.name.endswith(stream.step)


@pytest.mark.parametrize(
    ("frame", "topics"),
    [
        (TICKER, ("futures/ticker:BTCUSDT", "futures/ticker")),
        (TICKER_OF_ALL, ("futures/ticker", "futures/ticker:XAUTUSDT")),
        (TICKER_WITH_A_SPEED, ("futures/ticker:ETHUSDT", "futures/ticker")),
        (BOOK_TICKER, ("futures/bookticker:BTCUSDT",)),
        (MARK_KLINE, ("futures/markPriceKlineBin1m:BTCUSDT",)),
    ],
)
def test_which_topic_brought_a_value(frame, topics):
    """Whatever speed the group carries, and whether one symbol was subscribed or all."""
    pushed = Topic.parse(json.loads(frame)["group"])
    (value,) = decode(frame)
    assert FUTURES.stream(pushed.channel).topics_of(pushed, value) == topics


def test_the_demo_is_the_same_on_another_host():
    assert FUTURES_DEMO.server.url == "wss://openapi-wsdemo-v2.bitmart.com/api?protocol=1.1"
    for name in FUTURES.__struct_fields__:
        if name not in ("server", "streams"):
            assert getattr(FUTURES_DEMO, name) == getattr(FUTURES, name), name
    assert FUTURES_DEMO.channels == FUTURES.channels
