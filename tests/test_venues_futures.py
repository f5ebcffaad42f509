"""BitMart's futures words: every documented trade, reply and request, and what must be refused.

The literals are the examples of BitMart's futures v2 API reference ("WebSocket Subscription"),
unless a comment names another source.
"""

import json
from decimal import Decimal

import pytest

from bitmart_book.model import Trade
from bitmart_book.venues import FUTURES, Reply, Topic

TRADE = (
    '{"group":"futures/trade:BTCUSDT","data":[{"trade_id":1409495322,"symbol":"BTCUSDT",'
    '"deal_price":"117387.58","deal_vol":"1445","m":true,'
    '"created_at":"2023-02-24T07:54:11.124940968Z"}]}'
)
TRADE_2025 = (  # recorded by hftbacktest, 2025-03-10
    '{"data":[{"trade_id":3000000389425121,"symbol":"BTCUSDT","deal_price":"78727.3",'
    '"deal_vol":"310","way":2,"m":true,"created_at":"2025-03-10T18:17:14.656686827Z"}],'
    '"group":"futures/trade:BTCUSDT"}'
)
TRADE_2023 = (  # recorded in ccxt
    '{"group":"futures/trade:BTCUSDT","data":[{"trade_id":6798697637,"symbol":"BTCUSDT",'
    '"deal_price":"39735.8","deal_vol":"2","way":1,"created_at":"2023-12-03T15:48:23.517518538Z",'
    '"m":true}]}'
)
TRADE_WITHOUT_M = (  # from a test of hummingbot
    '{"group":"futures/trade:BTCUSDT","data":[{"trade_id":1409495322,"symbol":"BTCUSDT",'
    '"deal_price":"117387.58","way":1,"deal_vol":"1445",'
    '"created_at":"2023-02-24T07:54:11.124940968Z"}]}'
)
STREAM_FRAMES = (TRADE, TRADE_2025, TRADE_2023, TRADE_WITHOUT_M)
DEPTHS = (
    '{"group":"futures/depth20:BTCUSDT@200ms","data":{"symbol":"BTCUSDT","way":1,'
    '"depths":[{"price":"5","vol":"97"}],"ms_t":1542337219120}}',
    '{"group":"futures/depth50:BTCUSDT","data":{"symbol":"BTCUSDT","way":2,'
    '"depths":[{"price":"30107.7","vol":"234"},{"price":"30107.8","vol":"1587"}]}}',
    '{"data":{"symbol":"BTCUSDT","asks":[{"price":"70294.4","vol":"455"}],'
    '"bids":[{"price":"70293.9","vol":"1856"}],"ms_t":1730399750402},'
    '"group":"futures/depthAll20:BTCUSDT@200ms"}',
    '{"data":{"symbol":"BTCUSDT","asks":[{"price":"70391.6","vol":"3550"}],'
    '"bids":[{"price":"70391.2","vol":"1335"}],"ms_t":1730400086184,"version":980361,'
    '"type":"snapshot"},"group":"futures/depthIncrease20:BTCUSDT@200ms"}',
)


def decode(message):
    message = json.loads(message) if isinstance(message, str) else message
    return FUTURES.stream("futures/trade").decode(message)


def changed(frame, **changes):
    """The frame with other values in its first row; ... removes one."""
    message = json.loads(frame)
    for key, value in changes.items():
        message["data"][0][key] = value
        if value is ...:
            del message["data"][0][key]
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
    assert (trade.side, trade.price, trade.time_ms) == ("sell", Decimal("39735.8"), 1701618503517)


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
    assert [trade.trade_id for trade in decode({"data": [newest, older, twin]})] == [1, 2, 3]


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
    assert decode({"data": json.loads(TRADE)["data"][0]}) == [trade]
    for nothing in (None, "", []):
        assert decode({"data": nothing}) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": ...},
        {"symbol": None},
        {"deal_price": ...},
        {"deal_price": "x"},
        {"deal_vol": "-1"},
        {"deal_vol": None},
        {"m": ...},
        {"m": None},
        {"m": "true"},
        {"m": ..., "way": 0},
        {"m": ..., "way": 9},
        {"m": ..., "way": []},
        {"trade_id": ...},
        {"trade_id": "x"},
        {"created_at": ...},
        {"created_at": None},
        {"created_at": 1677225251},
        {"created_at": "2023-02-24"},
        {"created_at": "2023-02-30T07:54:11Z"},
        {"created_at": "2023-02-24T07:54:11+08:00"},
        {"created_at": "2023-02-24T07:54:11.Z"},
    ],
)
def test_malformed(changes):
    with pytest.raises((KeyError, TypeError, ValueError, ArithmeticError)):
        decode(changed(TRADE, **changes))


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
        # live, 2026-09-23
        '{"action":"subscribe","args":["futures/depthIncrease50:BTCUSDT@100ms",'
        '"futures/depthIncrease50:ETHUSDT@100ms","futures/depthIncrease50:FOLKSUSDT@100ms",'
        '"futures/depthIncrease50:ASTEROIDETHUSDT@100ms","futures/depthIncrease50:BTCUSD@100ms",'
        '"futures/depthIncrease50:BTCUSDC@100ms"]}',
    ],
)
def test_encode(frame):
    request = json.loads(frame)
    assert FUTURES.encode(request["action"], request["args"]) == frame
    for topic in request["args"]:
        assert FUTURES.check_topic(Topic.parse(topic)) is None


def test_ping():
    assert FUTURES.ping == '{"action":"ping"}'


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ("futures/depthIncrease30:BTCUSDT", "channel"),
        ("futures/v2/depthIncrease50:BTCUSDT", "channel"),
        ("futures/klineBin1m:BTCUSDT", "channel"),
        ("spot/trade:BTC_USDT", "channel"),
        ("futures/trade", "symbol"),
        ("futures/trade:BTC_USDT", "symbol"),
        ("futures/trade:BTCUSDT:200ms", "symbol"),
        ("futures/trade:" + "A" * 42, "symbol"),
        ("futures/trade:BTCUSDT@100ms", "speed"),
        ("futures/depth20:BTCUSDT@50ms", "speed"),
        ("futures/depthIncrease50:BTCUSDT@100ms@100ms", "speed"),
    ],
)
def test_topics_that_cannot_exist(topic, problem):
    assert problem in FUTURES.check_topic(Topic.parse(topic))


@pytest.mark.parametrize("frame", DEPTHS)
def test_books_are_described(frame):
    message = json.loads(frame)
    topic = Topic.parse(message[FUTURES.channel_key])
    book = FUTURES.book(topic.channel)
    assert FUTURES.check_topic(topic) is None
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
    assert {book.size for book in FUTURES.books} == {"vol"}
    for book in FUTURES.books:
        for speed in ("", "@100ms", "@200ms"):
            topic = Topic.parse(f"{book.name}:1000PEPEUSDT{speed}")
            assert FUTURES.check_topic(topic) is None
