"""From the box to the user: each public topic of spot and of the legacy feed, asked for in the
words of the venue, and every value the client makes of what the exchange pushes.

What a value must be is read from the raw JSON, field by field, in BitMart's words and not in the
profile's. Books are held against the exchange's own history too.
"""

import itertools
import json
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import accumulate, groupby, pairwise

import msgspec
import pytest

import bitmart_book as bb
from bitmart_book import Change
from bitmart_book.client.inflate import inflate
from bitmart_book.sim import Exchange, Knobs, Send
from bitmart_book.venues.legacy import LEGACY
from bitmart_book.venues.profile import Reply, Topic
from bitmart_book.venues.spot import SPOT
from tests.helpers.exactly import exactly

# BABYDOGE_USDT has twelve decimals, Yinbi_BTC small letters.
SPOT_STREAMS = {
    "spot/trade:BTC_USDT": '{"op":"subscribe","args":["spot/trade:BTC_USDT"]}',
    "spot/trade:BABYDOGE_USDT": '{"op":"subscribe","args":["spot/trade:BABYDOGE_USDT"]}',
    "spot/trade:Yinbi_BTC": '{"op":"subscribe","args":["spot/trade:Yinbi_BTC"]}',
    "spot/ticker:BTC_USDT": '{"op":"subscribe","args":["spot/ticker:BTC_USDT"]}',
    "spot/ticker:BABYDOGE_USDT": '{"op":"subscribe","args":["spot/ticker:BABYDOGE_USDT"]}',
    "spot/ticker:Yinbi_BTC": '{"op":"subscribe","args":["spot/ticker:Yinbi_BTC"]}',
    "spot/bookTicker:BTC_USDT": '{"op":"subscribe","args":["spot/bookTicker:BTC_USDT"]}',
    "spot/bookTicker:BABYDOGE_USDT": '{"op":"subscribe","args":["spot/bookTicker:BABYDOGE_USDT"]}',
    "spot/bookTicker:Yinbi_BTC": '{"op":"subscribe","args":["spot/bookTicker:Yinbi_BTC"]}',
    "spot/kline1m:BTC_USDT": '{"op":"subscribe","args":["spot/kline1m:BTC_USDT"]}',
    "spot/kline1m:BABYDOGE_USDT": '{"op":"subscribe","args":["spot/kline1m:BABYDOGE_USDT"]}',
    "spot/kline1m:Yinbi_BTC": '{"op":"subscribe","args":["spot/kline1m:Yinbi_BTC"]}',
    "spot/kline5m:BTC_USDT": '{"op":"subscribe","args":["spot/kline5m:BTC_USDT"]}',
    "spot/kline15m:BTC_USDT": '{"op":"subscribe","args":["spot/kline15m:BTC_USDT"]}',
    "spot/kline30m:BTC_USDT": '{"op":"subscribe","args":["spot/kline30m:BTC_USDT"]}',
    "spot/kline1H:BTC_USDT": '{"op":"subscribe","args":["spot/kline1H:BTC_USDT"]}',
    "spot/kline2H:BTC_USDT": '{"op":"subscribe","args":["spot/kline2H:BTC_USDT"]}',
    "spot/kline4H:BTC_USDT": '{"op":"subscribe","args":["spot/kline4H:BTC_USDT"]}',
    "spot/kline1D:BTC_USDT": '{"op":"subscribe","args":["spot/kline1D:BTC_USDT"]}',
    "spot/kline1W:BTC_USDT": '{"op":"subscribe","args":["spot/kline1W:BTC_USDT"]}',
    "spot/kline1M:BTC_USDT": '{"op":"subscribe","args":["spot/kline1M:BTC_USDT"]}',
}
SPOT_PICTURES = {
    "spot/depth5:BTC_USDT": '{"op":"subscribe","args":["spot/depth5:BTC_USDT"]}',
    "spot/depth5:BABYDOGE_USDT": '{"op":"subscribe","args":["spot/depth5:BABYDOGE_USDT"]}',
    "spot/depth20:ETH_USDT": '{"op":"subscribe","args":["spot/depth20:ETH_USDT"]}',
    "spot/depth20:Yinbi_BTC": '{"op":"subscribe","args":["spot/depth20:Yinbi_BTC"]}',
    "spot/depth50:XRP_USDT": '{"op":"subscribe","args":["spot/depth50:XRP_USDT"]}',
}
INCREASES = {
    "spot/depth/increase100:BTC_USDT": (
        '{"op":"subscribe","args":["spot/depth/increase100:BTC_USDT"]}'
    ),
    "spot/depth/increase100:BABYDOGE_USDT": (
        '{"op":"subscribe","args":["spot/depth/increase100:BABYDOGE_USDT"]}'
    ),
    "spot/depth/increase100:Yinbi_BTC": (
        '{"op":"subscribe","args":["spot/depth/increase100:Yinbi_BTC"]}'
    ),
}
LEGACY_STREAMS = {
    "legacy/trade:BMX_ETH@6": '{"subscribe":"trade","symbol":"BMX_ETH","precision":6}',
    "legacy/trade:BABYDOGE_USDT@12": (
        '{"subscribe":"trade","symbol":"BABYDOGE_USDT","precision":12}'
    ),
    "legacy/trade:Yinbi_BTC": '{"subscribe":"trade","symbol":"Yinbi_BTC"}',
    "legacy/price:BMX_ETH": '{"subscribe":"price","symbol":"BMX_ETH"}',
    "legacy/price:BABYDOGE_USDT": '{"subscribe":"price","symbol":"BABYDOGE_USDT"}',
    "legacy/price:Yinbi_BTC": '{"subscribe":"price","symbol":"Yinbi_BTC"}',
    "legacy/kline:BMX_ETH@1": '{"subscribe":"kline","symbol":"BMX_ETH","step":1}',
    "legacy/kline:BTC_USDT@15": '{"subscribe":"kline","symbol":"BTC_USDT","step":15}',
    "legacy/kline:BABYDOGE_USDT@240": '{"subscribe":"kline","symbol":"BABYDOGE_USDT","step":240}',
    "legacy/kline:Yinbi_BTC@1440": '{"subscribe":"kline","symbol":"Yinbi_BTC","step":1440}',
    "legacy/kline:BMX_ETH@43200": '{"subscribe":"kline","symbol":"BMX_ETH","step":43200}',
}
LEGACY_PICTURES = {
    "legacy/depth:BMX_ETH@6": '{"subscribe":"order","symbol":"BMX_ETH","precision":6}',
    "legacy/depth:BABYDOGE_USDT@12": (
        '{"subscribe":"order","symbol":"BABYDOGE_USDT","precision":12}'
    ),
    "legacy/depth:Yinbi_BTC@8": '{"subscribe":"order","symbol":"Yinbi_BTC","precision":8}',
    "legacy/depth:BTC_USDT": '{"subscribe":"order","symbol":"BTC_USDT"}',
}
PICTURES = SPOT_PICTURES | LEGACY_PICTURES
STREAMS = SPOT_STREAMS | LEGACY_STREAMS
REQUESTS = SPOT_STREAMS | SPOT_PICTURES | INCREASES | LEGACY_STREAMS | LEGACY_PICTURES

# A Monday that begins a month: every bar ends there. The exchange starts 20 s before it.
NEW_MONTH = 1_780_272_000  # 2026-06-01T00:00:00Z
START_MS = (NEW_MONTH - 20) * 1000
BAR_SECONDS = {
    "1m": 60, "5m": 300, "15m": 900, "30m": 1_800, "1H": 3_600, "2H": 7_200, "4H": 14_400,
    "1D": 86_400, "1W": 7 * 86_400, "1M": 31 * 86_400,
}  # fmt: skip
TICK_DECIMALS = {"BTC_USDT": 2, "BMX_ETH": 8, "BABYDOGE_USDT": 12, "Yinbi_BTC": 10}

opcodes = pytest.mark.parametrize("opcode", ["text", "binary"])
decode = msgspec.json.Decoder(float_hook=str).decode


def profile_of(topic):
    return LEGACY if topic.startswith("legacy/") else SPOT


def box(**knobs):
    return Exchange(seed=3, knobs=Knobs(**knobs), start_ms=START_MS, speed=4.0)


def received(exchange, topic, request, seconds=40):
    """All payloads one client gets, each while the exchange still stands where it sent it."""
    connection = exchange.connect(profile_of(topic).endpoint, 0.0)
    exchange.receive(connection, request, 0.0)
    now = 0.0
    while now <= seconds:
        for action in exchange.output():
            assert isinstance(action, Send), action
            yield action.payload
        now = exchange.next_deadline()
        exchange.advance(now)


def pushes(exchange, topic, request, seconds=40):
    """The pushes among them, as the client reads them and as raw JSON."""
    profile, opcode = profile_of(topic), exchange.knobs.opcode
    for payload in received(exchange, topic, request, seconds):
        text = inflate(payload) if isinstance(payload, bytes) else payload
        raw = json.loads(text)
        if profile.classify(decode(text)) is None:
            assert isinstance(payload, bytes) == (opcode == "binary" and profile is SPOT)
            yield text, raw


def values_of(engine, topic, text):
    """What the client makes of a push: trades by the engine, the rest by the channel's decoder."""
    profile, message = profile_of(topic), decode(text)
    channel = profile.framing.channel_prefix + message[profile.framing.channel_key]
    assert channel == Topic.parse(topic).channel
    decoded, unread = profile.stream(channel).read(message)
    assert not unread
    change = engine.apply(text)
    if channel.endswith("/trade"):
        assert change == Change.TRADE
        assert list(engine.trades) == decoded
    else:
        assert change == Change.OTHER
    return list(map(exactly, decoded))


# --- what the raw JSON says ---


def spot_trades(frame):
    return [
        {
            "symbol": row["symbol"],
            "side": row["side"],
            "price": Decimal(row["price"]),
            "size": Decimal(row["size"]),
            "time_ms": int(row["ms_t"]),
            "trade_id": None,
            "side_known": True,
        }
        for row in frame["data"]
    ]


def spot_ticker(frame):
    (row,) = frame["data"]
    return [
        {
            "symbol": row["symbol"],
            "last": Decimal(row["last_price"]),
            "bid": Decimal(row["bid_px"]),
            "bid_size": Decimal(row["bid_sz"]),
            "ask": Decimal(row["ask_px"]),
            "ask_size": Decimal(row["ask_sz"]),
            "open_24h": Decimal(row["open_24h"]),
            "high_24h": Decimal(row["high_24h"]),
            "low_24h": Decimal(row["low_24h"]),
            "base_volume_24h": Decimal(row["base_volume_24h"]),
            "quote_volume_24h": Decimal(row["quote_volume_24h"]),
            "fluctuation": Decimal(row["fluctuation"]),
            "time_ms": int(row["ms_t"]),
        }
    ]


def spot_book_ticker(frame):
    (row,) = frame["data"]
    return [
        {
            "symbol": row["symbol"],
            "bid": Decimal(row["bid_px"]),
            "bid_size": Decimal(row["bid_sz"]),
            "ask": Decimal(row["ask_px"]),
            "ask_size": Decimal(row["ask_sz"]),
            "time_ms": int(row["ms_t"]),
        }
    ]


def spot_kline(frame):
    (row,) = frame["data"]
    start, first, high, low, last, volume = row["candle"]
    return [
        {
            "symbol": row["symbol"],
            "step": frame["table"].removeprefix("spot/kline"),
            "open": Decimal(first),
            "high": Decimal(high),
            "low": Decimal(low),
            "close": Decimal(last),
            "volume": Decimal(volume),
            "open_time_s": int(start),
            "push_time_ms": None,
        }
    ]


def legacy_trades(frame):
    return [
        {
            "symbol": frame["symbol"],
            "side": row["side"],
            "price": Decimal(row["price"]),
            "size": Decimal(row["count"]),
            "time_ms": int(row["time"]),
            "trade_id": None,
            "side_known": True,
        }
        for row in reversed(frame["data"]["trades"])
    ]


def legacy_price(frame):
    data = frame["data"]
    return [
        {
            "symbol": frame["symbol"],
            "last": Decimal(data["current_price"]),
            "bid": None,
            "bid_size": None,
            "ask": None,
            "ask_size": None,
            "open_24h": Decimal(data["open_price"]),
            "high_24h": Decimal(data["highest_price"]),
            "low_24h": Decimal(data["lowest_price"]),
            "base_volume_24h": None,
            "quote_volume_24h": Decimal(data["volume"]),
            "fluctuation": Decimal(data["fluctuation"]),
            "time_ms": int(data["timestamp"]),
        }
    ]


def legacy_kline(frame):
    data = frame["data"]
    return [
        {
            "symbol": frame["symbol"],
            "step": frame["step"],
            "open": Decimal(data["open_price"]),
            "high": Decimal(data["highest_price"]),
            "low": Decimal(data["lowest_price"]),
            "close": Decimal(data["current_price"]),
            "volume": Decimal(data["volume"]),
            "open_time_s": None,
            "push_time_ms": int(data["timestamp"]),
        }
    ]


READERS = {
    "spot/trade": spot_trades,
    "spot/ticker": spot_ticker,
    "spot/bookTicker": spot_book_ticker,
    "legacy/trade": legacy_trades,
    "legacy/price": legacy_price,
    "legacy/kline": legacy_kline,
}


def levels(rows):
    return [(Decimal(price), Decimal(size)) for price, size in rows]


def exact(book, count=None):
    """The bids and asks of a book as pairs of Decimal."""
    return tuple([tuple(row) for row in side] for side in book.depth(count, exact=True))


# --- trades, tickers, klines ---


def can_tell_apart(values):
    """No two fields were equal all the time: a decoder that confused them would be found out."""
    numbers = [name for name, value in values[0].items() if isinstance(value, Decimal)]
    for one, other in itertools.combinations(numbers, 2):
        assert any(value[one] != value[other] for value in values), (one, other)


@opcodes
@pytest.mark.parametrize("topic", STREAMS)
def test_every_field_is_what_the_frame_says(topic, opcode):
    parsed = Topic.parse(topic)
    read = READERS.get(parsed.channel, spot_kline)
    engine, found, count = bb.Engine(), [], 0
    for text, frame in pushes(box(opcode=opcode), topic, STREAMS[topic]):
        values, expected = values_of(engine, topic, text), read(frame)
        assert values == expected
        assert [[*map(type, value.values())] for value in values] == [
            [*map(type, value.values())] for value in expected
        ]
        assert {value["symbol"] for value in values} == {parsed.symbol}
        found += values
        count += 1
    assert count >= 5
    can_tell_apart(found)


@pytest.mark.parametrize("topic", [topic for topic in STREAMS if "/trade" in topic])
def test_trades_are_oldest_first_and_of_both_sides(topic):
    engine = bb.Engine()
    exchange = box(update_interval=2.0)
    batches = [
        values_of(engine, topic, text) for text, _ in pushes(exchange, topic, STREAMS[topic])
    ]
    assert max(map(len, batches)) > 1
    for batch in batches:
        times = [trade["time_ms"] for trade in batch]
        assert times == sorted(times)
    assert any(batch[0]["time_ms"] < batch[-1]["time_ms"] for batch in batches)
    assert {trade["side"] for batch in batches for trade in batch} == {"buy", "sell"}


@pytest.mark.parametrize("topic", [topic for topic in STREAMS if "legacy/trade" in topic])
def test_the_amount_of_a_legacy_trade_is_its_value_and_the_count_its_size(topic):
    engine = bb.Engine()
    for text, frame in pushes(box(), topic, STREAMS[topic]):
        rows = frame["data"]["trades"]
        assert all(newer["time"] >= older["time"] for newer, older in pairwise(rows))
        values = values_of(engine, topic, text)
        assert [value["price"] * value["size"] for value in values] == [
            Decimal(row["amount"]) for row in reversed(rows)
        ]


@pytest.mark.parametrize("topic", [topic for topic in SPOT_STREAMS if "/kline" in topic])
def test_a_bar_begins_where_its_step_does(topic):
    engine = bb.Engine()
    bars = [
        value
        for text, _ in pushes(box(), topic, SPOT_STREAMS[topic])
        for value in values_of(engine, topic, text)
    ]
    step = Topic.parse(topic).channel.removeprefix("spot/kline")
    assert {bar["step"] for bar in bars} == {step}
    starts = [start for start, _ in groupby(bar["open_time_s"] for bar in bars)]
    assert starts == [NEW_MONTH - BAR_SECONDS[step], NEW_MONTH]


@pytest.mark.parametrize("topic", [topic for topic in LEGACY_STREAMS if "/kline" in topic])
def test_a_legacy_bar_has_the_step_that_was_asked_for(topic):
    engine = bb.Engine()
    for text, _ in pushes(box(), topic, LEGACY_STREAMS[topic]):
        (bar,) = values_of(engine, topic, text)
        assert bar["step"] == Topic.parse(topic).option


# --- books ---


def raw_picture(topic, frame):
    """Bids, asks and the stamp of a frame that holds a whole book."""
    if topic.startswith("spot/"):
        (item,) = frame["data"]
        return levels(item["bids"]), levels(item["asks"]), int(item["ms_t"])
    sides = []
    for rows in (frame["data"]["buys"], frame["data"]["sells"]):
        side = levels((row["price"], row["amount"]) for row in rows)
        totals = [Decimal(row["total"]) for row in rows]
        assert totals == list(accumulate(size for _, size in side)), "a running sum"
        sides.append(side)
    return *sides, None


def true_picture(exchange, topic):
    """What the exchange has at this moment, as that topic shows it."""
    channel, symbol, precision = Topic.parse(topic)
    window = exchange.markets.window(symbol, exchange.markets.version(symbol))
    if channel != "legacy/depth":
        count = int(channel.removeprefix("spot/depth"))
        return [list(side[:count]) for side in window]
    step = Decimal(1).scaleb(-int(precision or TICK_DECIMALS[symbol]))
    sides = []
    for side, rounding in zip(window, (ROUND_FLOOR, ROUND_CEILING), strict=True):
        groups = groupby(side, lambda row, up=rounding: row[0].quantize(step, up))
        sums = [(price, sum(size for _, size in rows)) for price, rows in groups if price]
        sides.append(sums[:20])
    return sides


@opcodes
@pytest.mark.parametrize("topic", PICTURES)
def test_a_picture_is_the_frame_and_the_truth(topic, opcode):
    # So odd that no update falls into the instant of a picture, where `version` would be later.
    exchange = box(opcode=opcode, update_interval=0.1037)
    engine, count = bb.Engine(), 0
    channel, symbol, _ = Topic.parse(topic)
    for text, frame in pushes(exchange, topic, PICTURES[topic], 20):
        assert engine.apply(text) & Change.SNAPSHOT
        (book,) = engine.books
        bids, asks, stamp = raw_picture(topic, frame)
        assert (book.symbol, book.channel, book.state) == (symbol, channel, "LIVE")
        assert exact(book) == (bids, asks)
        assert [bids, asks] == true_picture(exchange, topic)
        assert book.quote.exact == (*bids[0], *asks[0])
        assert (book.sequence, book.exchange_time_ms) == (None, stamp)
        count += 1
    assert count >= 5


@opcodes
@pytest.mark.parametrize("topic", INCREASES)
def test_a_counted_book_is_the_frames_and_the_truth(topic, opcode):
    exchange, engine = box(opcode=opcode, heartbeat_interval=0.2), bb.Engine()
    symbol, kinds, sides, stamp = Topic.parse(topic).symbol, [], ({}, {}), None
    for text, frame in pushes(exchange, topic, INCREASES[topic], 20):
        (item,) = frame["data"]
        assert item["symbol"] == symbol
        change = engine.apply(text)
        for side, rows in zip(sides, (item["bids"], item["asks"]), strict=True):
            side.update(levels(rows))
        book = engine[symbol]
        bids = sorted((row for row in sides[0].items() if row[1]), reverse=True)
        asks = sorted(row for row in sides[1].items() if row[1])
        assert exact(book) == (bids, asks)
        assert book.quote.exact == (*bids[0], *asks[0])
        heartbeat = not item["bids"] and not item["asks"]
        # A heartbeat is no applied frame: the stamp stays that of the book.
        stamp = stamp if heartbeat else int(item["ms_t"])
        assert (book.sequence, book.exchange_time_ms) == (item["version"], stamp)
        assert bool(change & Change.HEARTBEAT) == heartbeat
        assert bool(change & Change.SNAPSHOT) == (item["type"] == "snapshot")
        kinds.append("heartbeat" if heartbeat else item["type"])
        truth = exchange.markets.window(symbol, book.sequence)
        for name, rows, expected in zip(("bid", "ask"), exact(book), truth, strict=True):
            certain = book.complete_depth(name)
            assert certain > 10
            assert rows[:certain] == list(expected[:certain])
    assert kinds[0] == "snapshot"
    assert kinds.count("update") >= 5
    assert kinds.count("snapshot") == 1
    assert "heartbeat" in kinds or symbol != "Yinbi_BTC"


# --- requests and replies ---


def test_no_channel_is_left_out():
    channels = {Topic.parse(topic).channel for topic in REQUESTS}
    assert channels == {*SPOT.channels, *LEGACY.channels}


@pytest.mark.parametrize("topic", REQUESTS)
def test_the_profile_asks_in_the_same_words(topic):
    request = profile_of(topic).speech.encode("subscribe", [topic])
    assert json.loads(request) == json.loads(REQUESTS[topic])


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("topic", SPOT_STREAMS | SPOT_PICTURES | INCREASES)
def test_a_spot_subscription_is_acknowledged_with_its_topic(topic, compressed):
    exchange = box(opcode="binary", compress_replies=compressed)
    payload = next(received(exchange, topic, REQUESTS[topic], 0))
    assert isinstance(payload, bytes) == compressed
    text = inflate(payload) if compressed else payload
    assert bb.Engine().apply(text) == Change.OTHER
    assert json.loads(text) == {"event": "subscribe", "topic": topic}
    assert SPOT.classify(decode(text)) == Reply(kind="ack", operation="subscribe", topic=topic)


@pytest.mark.parametrize("topic", LEGACY_STREAMS | LEGACY_PICTURES)
def test_the_first_data_is_the_answer_to_a_legacy_subscription(topic):
    (payload,) = received(box(), topic, REQUESTS[topic], 0)
    assert LEGACY.classify(decode(payload)) is None
    assert "data" in json.loads(payload)


@pytest.mark.parametrize(
    ("shape", "operation", "topic"),
    [
        ("documented", "subscribe", None),
        ("topic", "subscribe", "spot/ticker:NOPE_USDT"),
        ("bare", None, None),
    ],
)
def test_a_symbol_that_spot_does_not_know_is_error_92001(shape, operation, topic):
    request = '{"op":"subscribe","args":["spot/ticker:NOPE_USDT"]}'
    (payload,) = received(box(error_shape=shape), "spot/ticker:NOPE_USDT", request, 0)
    assert bb.Engine().apply(payload) == Change.OTHER
    assert SPOT.classify(decode(payload)) == Reply(
        kind="error",
        operation=operation,
        topic=topic,
        code="92001",
        message=json.loads(payload)["errorMessage"],
    )


@pytest.mark.parametrize(
    "request_",
    [
        '{"subscribe":"price","symbol":"NOPE_ETH"}',
        '{"subscribe":"kline","symbol":"BMX_ETH","step":7}',
        '{"subscribe":"order","symbol":"BMX_ETH","precision":99}',
        '{"subscribe":"nonsense","symbol":"BMX_ETH"}',
    ],
    ids=["symbol", "step", "precision", "topic"],
)
def test_a_legacy_refusal_is_an_error_with_its_message(request_):
    (payload,) = received(box(), "legacy/price:NOPE_ETH", request_, 0)
    assert bb.Engine().apply(payload) == Change.OTHER
    message = json.loads(payload)["message"]
    assert message
    assert LEGACY.classify(decode(payload)) == Reply(kind="error", message=message)


@opcodes
def test_a_spot_ping_is_answered_with_a_pong(opcode):
    assert SPOT.speech.ping == "ping"
    exchange = box(opcode=opcode, compress_replies=True)
    (payload,) = received(exchange, "spot/", "ping", 0)
    text = inflate(payload) if opcode == "binary" else payload.encode()
    assert text == b"pong"
    assert bb.Engine().apply(text) == Change.OTHER
    assert SPOT.classify(text.decode("ascii")) == Reply(kind="pong")


def test_a_legacy_ping_is_answered_with_a_pong():
    assert json.loads(LEGACY.speech.ping) == {"subscribe": "ping"}
    (payload,) = received(box(), "legacy/", '{"subscribe":"ping"}', 0)
    assert json.loads(payload) == {"subscribe": "pong"}
    assert bb.Engine().apply(payload) == Change.OTHER
    assert LEGACY.classify(decode(payload)) == Reply(kind="pong")
