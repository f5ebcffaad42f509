"""Kraken, OKX and Bybit: their words, as their documentation has them."""

import json
from decimal import Decimal

import pytest

import bitmart_book as bb
from bitmart_book.model import FuturesTicker, Instrument, Ticker, Trade
from bitmart_book.venues import (
    BITMART,
    BYBIT,
    KRAKEN,
    OKX,
    ErrorKind,
    Reply,
    Topic,
    find_venue,
    venues,
)

VENUES = (KRAKEN, OKX, BYBIT)
PROFILES = [profile for venue in VENUES for profile in venue.profiles if not profile.private]
(KRAKEN_SPOT,), (OKX_PUBLIC,) = KRAKEN.profiles, OKX.profiles
LINEAR, INVERSE, SPOT = BYBIT.profiles[:3]
SYMBOLS = {
    "kraken": ("BTC/USD", "1INCH/EUR", "AAPLx/USD", "MINA/GBP"),
    "okx": ("BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-210924", "BTC-USD-210924-42000-P"),
    "bybit": ("BTCUSDT", "BTC-26DEC25", "1000PEPEUSDT", "BTCPERP"),
    "bybit-inverse": ("BTCUSD", "BTCUSDH26"),
    "bybit-spot": ("BTCUSDT", "BTCEUR"),
}
each_profile = pytest.mark.parametrize(
    "profile", [pytest.param(profile, id=profile.endpoint) for profile in PROFILES]
)


def topics(profile):
    return [
        f"{name}:{symbol}"
        for name in profile.channels
        for symbol in SYMBOLS[profile.market]
        if profile.symbols.check_topic(Topic(name, symbol, "")) is None
    ]


# --- the profiles as data ---


def test_the_venues_that_there_are():
    assert bb.venues() == venues() == ("bitmart", "kraken", "okx", "bybit", "bitget")
    assert [find_venue(name).names for name in venues()] == [(name,) for name in venues()]
    assert find_venue(None) is BITMART
    assert find_venue(KRAKEN) is KRAKEN
    both = find_venue(("kraken", OKX))
    assert both.names == ("kraken", "okx")
    assert isinstance(both, bb.Venue)


def test_names_are_unique_among_all_venues():
    profiles = [profile for name in venues() for profile in find_venue(name).profiles]
    names = [name for profile in profiles for name in profile.channels]
    assert len(names) == len(set(names))
    for values in (
        [profile.endpoint for profile in profiles],
        # Bitget's spot and perpetuals share one address, and so do Bybit's accounts, on connections
        # of their own.
        [
            profile.server.url
            for profile in profiles
            if profile.market != "bitget-spot" and not profile.private
        ],
        [profile.market for profile in profiles if not profile.private],
    ):
        assert len(values) == len(set(values))


@each_profile
def test_a_profile_is_consistent(profile):
    assert profile.server.url.startswith("wss://")
    assert profile.book(profile.default_book)
    assert all(name.startswith(f"{profile.market}/") for name in profile.channels)
    assert not profile.can_request
    assert not profile.private
    assert profile.symbols.problem
    for book in profile.books:
        assert book.window > 0
        assert book.clock in ("ms", "ns", "text")
        assert book.kind == "full" or book.replaces
        assert book.kind == "full" or book.proven_levels != 0
        # Deeper books than what is proven are subscribed anew at least every five minutes.
        deeper = book.proven_levels is not None and book.window > book.proven_levels
        assert (book.renewed_after is not None and book.renewed_after <= 300) == deeper
        assert book.confirmed_by_connection == {"kraken": 60, "okx": 75, "bybit": 60}[profile.venue]
        assert 0 < book.confirmed_by_connection <= 75
    for stream in profile.streams:
        assert stream.kind in ("trade", "ticker", "instrument")
        assert stream.trades == (stream.kind == "trade")


@each_profile
def test_messages_are_json_within_the_limits_and_numbered(profile):
    limits = profile.limits
    assert 1 <= limits.topics_per_message <= limits.topics_per_connection
    assert limits.topic_bytes_per_message <= limits.message_bytes
    for operation in ("subscribe", "unsubscribe"):
        for key in {profile.speech.together(Topic.parse(topic)) for topic in topics(profile)}:
            fit = [
                one for one in topics(profile) if profile.speech.together(Topic.parse(one)) == key
            ]
            frame = profile.speech.word(operation, fit[: limits.topics_per_message], 41)
            assert len(frame) <= limits.message_bytes
            request = json.loads(frame)
            assert json.dumps(request, separators=(",", ":")) == frame
            assert profile.speech.numbered
            assert 41 in (request.get("req_id"), int(request.get("req_id", request.get("id"))))


def test_requests_as_they_are_documented():
    assert json.loads(
        KRAKEN_SPOT.speech.word("subscribe", ["kraken/book25:BTC/USD", "kraken/book25:ETH/USD"], 1)
    ) == {
        "method": "subscribe",
        "params": {
            "channel": "book", "symbol": ["BTC/USD", "ETH/USD"], "depth": 25, "snapshot": True,
        },
        "req_id": 1,
    }  # fmt: skip
    word = KRAKEN_SPOT.speech.word("unsubscribe", ["kraken/book25:BTC/USD"], 2)
    assert json.loads(word)["params"] == {
        "channel": "book", "symbol": ["BTC/USD"], "depth": 25,
    }  # fmt: skip
    trades = json.loads(KRAKEN_SPOT.speech.word("subscribe", ["kraken/trade:BTC/USD"], 3))
    assert trades["params"] == {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": False}
    listed = json.loads(KRAKEN_SPOT.speech.word("subscribe", ["kraken/instrument"], 4))
    assert listed["params"] == {"channel": "instrument", "snapshot": True}
    assert json.loads(OKX_PUBLIC.speech.word("subscribe", ["okx/books:BTC-USDT"], 7)) == {
        "id": "7", "op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT"}],
    }  # fmt: skip
    assert json.loads(SPOT.speech.word("subscribe", ["bybit-spot/orderbook.50:BTCUSDT"], 7)) == {
        "req_id": "7", "op": "subscribe", "args": ["orderbook.50.BTCUSDT"],
    }  # fmt: skip


def test_what_goes_together_and_what_does_not():
    def key(function, topic):
        return function(Topic.parse(topic))

    together, apart = KRAKEN_SPOT.speech.together, KRAKEN_SPOT.apart
    assert key(together, "kraken/book10:BTC/USD") == key(together, "kraken/book10:ETH/USD")
    assert key(together, "kraken/book10:BTC/USD") != key(together, "kraken/book25:BTC/USD")
    assert key(apart, "kraken/book10:BTC/USD") == key(apart, "kraken/book25:BTC/USD")
    assert key(apart, "kraken/book10:BTC/USD") != key(apart, "kraken/book10:ETH/USD")
    assert key(apart, "kraken/trade:BTC/USD") is None
    assert key(OKX_PUBLIC.speech.together, "okx/books:A-B") == key(
        OKX_PUBLIC.speech.together, "okx/trades:C-D"
    )
    assert key(OKX_PUBLIC.apart, "okx/books:A-B") is None
    assert OKX_PUBLIC.limits.operations == (480, 3600.0)


# --- replies ---


@pytest.mark.parametrize(
    ("profile", "frame", "reply", "kind"),
    [
        (KRAKEN_SPOT, {"channel": "heartbeat"}, Reply(kind="notice"), None),
        (KRAKEN_SPOT, {"channel": "status", "type": "update", "data": [{"system": "online"}]},
         Reply(kind="notice"), None),
        (KRAKEN_SPOT, {"method": "pong", "req_id": 42, "time_in": "x", "time_out": "y"},
         Reply(kind="pong", request=42), None),
        (KRAKEN_SPOT,
         {"method": "subscribe", "success": True, "req_id": 1,
          "result": {"channel": "book", "depth": 25, "snapshot": True, "symbol": "MINA/GBP"}},
         Reply(kind="ack", operation="subscribe", topic="kraken/book25:MINA/GBP", request=1), None),
        (KRAKEN_SPOT,
         {"method": "subscribe", "success": True,
          "result": {"channel": "trade", "snapshot": False, "symbol": "MINA/GBP"}},
         Reply(kind="ack", operation="subscribe", topic="kraken/trade:MINA/GBP"), None),
        (KRAKEN_SPOT,
         {"method": "subscribe", "success": True, "result": {"channel": "instrument"}},
         Reply(kind="ack", operation="subscribe", topic="kraken/instrument"), None),
        (KRAKEN_SPOT,
         {"error": "Subscription depth not supported", "method": "subscribe", "success": False,
          "req_id": 9},
         Reply(kind="error", operation="subscribe", message="Subscription depth not supported",
               request=9), ErrorKind.TOPIC),
        (KRAKEN_SPOT,
         {"error": "Currency pair not supported FOO/BAR", "method": "subscribe", "success": False,
          "symbol": "FOO/BAR"},
         Reply(kind="error", operation="subscribe", message="Currency pair not supported FOO/BAR",
               symbol="FOO/BAR"), ErrorKind.TOPIC),
        (KRAKEN_SPOT, {"error": "Exceeded msg rate", "method": "subscribe", "success": False},
         Reply(kind="error", operation="subscribe", code="rate limit", message="Exceeded msg rate"),
         ErrorKind.LIMIT),
        (KRAKEN_SPOT, {"error": "Malformed request"},
         Reply(kind="error", message="Malformed request"), ErrorKind.REQUEST),
        (OKX_PUBLIC, "pong", Reply(kind="pong"), None),
        (OKX_PUBLIC,
         {"id": "1512", "event": "subscribe", "arg": {"channel": "books", "instId": "BTC-USDT"},
          "connId": "a4d3ae55"},
         Reply(kind="ack", operation="subscribe", topic="okx/books:BTC-USDT", request=1512), None),
        (OKX_PUBLIC,
         {"event": "error", "code": "60012", "msg": "Illegal request: {}", "connId": "a4d3ae55"},
         Reply(kind="error", code="60012", message="Illegal request: {}"), ErrorKind.REQUEST),
        (OKX_PUBLIC,
         {"id": "3", "event": "error", "code": "60018", "msg": "Wrong URL or channel:books,"
          "instId:FOO-BAR doesn't exist.", "connId": "a4d3ae55"},
         Reply(kind="error", code="60018", message="Wrong URL or channel:books,instId:FOO-BAR "
               "doesn't exist.", request=3), ErrorKind.TOPIC),
        (OKX_PUBLIC, {"event": "error", "code": "60014", "msg": "too fast"},
         Reply(kind="error", code="60014", message="too fast"), ErrorKind.LIMIT),
        (OKX_PUBLIC, {"event": "notice", "code": "64008", "msg": "about to be upgraded"},
         Reply(kind="notice", message="about to be upgraded"), None),
        (OKX_PUBLIC, {"event": "channel-conn-count", "channel": "books", "connCount": "1"},
         Reply(kind="notice"), None),
        (SPOT, {"success": True, "ret_msg": "pong", "conn_id": "c", "op": "ping"},
         Reply(kind="pong"), None),
        (LINEAR, {"req_id": "4", "op": "pong", "args": ["1757405570352"], "conn_id": "c"},
         Reply(kind="pong", request=4), None),
        (LINEAR, {"success": True, "ret_msg": "", "conn_id": "c", "req_id": "1", "op": "subscribe"},
         Reply(kind="ack", operation="subscribe", request=1), None),
        (LINEAR,
         {"success": False, "ret_msg": "error:handler not found,topic:orderbook.50.FOO",
          "conn_id": "c", "op": "subscribe"},
         Reply(kind="error", operation="subscribe", topic="bybit/orderbook.50:FOO",
               message="error:handler not found,topic:orderbook.50.FOO"), ErrorKind.TOPIC),
        (LINEAR,
         {"success": False, "ret_msg": "error:already subscribed,topic:orderbook.50.BTCUSDT",
          "op": "subscribe"},
         Reply(kind="ack", operation="subscribe", topic="bybit/orderbook.50:BTCUSDT",
               message="error:already subscribed,topic:orderbook.50.BTCUSDT"), None),
        (KRAKEN_SPOT, {"error": "Already subscribed", "method": "subscribe", "success": False},
         Reply(kind="ack", operation="subscribe", message="Already subscribed"), None),
        (SPOT, {"success": False, "ret_msg": "Invalid topic: x", "op": "subscribe", "req_id": "8"},
         Reply(kind="error", operation="subscribe", message="Invalid topic: x", request=8),
         ErrorKind.TOPIC),
    ],
)  # fmt: skip
def test_replies(profile, frame, reply, kind):
    assert profile.classify(frame) == reply
    assert profile.errors.kind(reply) is kind
    if reply.kind == "error":
        assert isinstance(profile.errors.exception(reply, ("a:b",)), bb.BitmartBookError)


@each_profile
def test_pings_are_no_pushes_and_pushes_no_replies(profile):
    ping = profile.speech.ping
    assert ping == "ping" or profile.address(json.loads(ping)) is None
    for push in PUSHES[profile.market]:
        assert profile.classify(push) is None
    for strange in (None, 5, [], "x", {}, {"op": 5}, {"event": None}, {"method": 5}):
        profile.classify(strange)


# --- pushes ---

KRAKEN_TRADE = {
    "channel": "trade", "type": "update",
    "data": [{"symbol": "MATIC/USD", "side": "sell", "price": 0.5117, "qty": 40.0,
              "ord_type": "market", "trade_id": 4665906,
              "timestamp": "2023-09-25T07:49:37.708706Z"}],
}  # fmt: skip
KRAKEN_TICKER = {
    "channel": "ticker", "type": "snapshot",
    "data": [{"symbol": "ALGO/USD", "bid": 0.10025, "bid_qty": 740.0, "ask": 0.10036,
              "ask_qty": 1361.44813783, "last": 0.10035, "volume": 997038.98383185, "vwap": 0.10148,
              "low": 0.09979, "high": 0.10285, "change": -0.00017, "change_pct": -0.17}],
}  # fmt: skip
OKX_TRADE = {
    "arg": {"channel": "trades", "instId": "BTC-USDT"},
    "data": [{"instId": "BTC-USDT", "tradeId": "130639474", "px": "42219.9", "sz": "0.12060306",
              "side": "buy", "ts": "1630048897897", "count": "3"}],
}  # fmt: skip
OKX_TICKER = {
    "arg": {"channel": "tickers", "instId": "BTC-USDT"},
    "data": [{"instType": "SPOT", "instId": "BTC-USDT", "last": "9999.99", "lastSz": "0.1",
              "askPx": "9999.99", "askSz": "11", "bidPx": "8888.88", "bidSz": "5",
              "open24h": "9000", "high24h": "10000", "low24h": "8888.88", "volCcy24h": "2222",
              "vol24h": "2222", "sodUtc0": "2222", "sodUtc8": "2222", "ts": "1597026383085"}],
}  # fmt: skip
BYBIT_TRADE = {
    "topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1672304486868,
    "data": [{"T": 1672304486865, "s": "BTCUSDT", "S": "Buy", "v": "0.001", "p": "16578.50",
              "L": "PlusTick", "i": "20f43950-d8dd-5b31-9112-a178eb6023af", "BT": False}],
}  # fmt: skip
BYBIT_TICKER = {
    "topic": "tickers.BTCUSDT", "type": "snapshot", "cs": 24987956059, "ts": 1673272861686,
    "data": {"symbol": "BTCUSDT", "tickDirection": "PlusTick", "price24hPcnt": "-0.017103",
             "lastPrice": "17216.00", "prevPrice24h": "16926.50", "highPrice24h": "17281.50",
             "lowPrice24h": "16915.00", "markPrice": "17217.33", "indexPrice": "17227.36",
             "turnover24h": "1570383121.943499", "volume24h": "91705.276", "bid1Price": "17215.50",
             "bid1Size": "84.489", "ask1Price": "17216.00", "ask1Size": "83.020"},
}  # fmt: skip
PUSHES = {
    "kraken": (KRAKEN_TRADE, KRAKEN_TICKER),
    "okx": (OKX_TRADE, OKX_TICKER),
    "bybit": (BYBIT_TRADE, BYBIT_TICKER),
    "bybit-inverse": (),
    "bybit-spot": (BYBIT_TRADE,),
}


def texts(message):
    """As the package decodes JSON: fractions as their text."""
    return json.loads(json.dumps(message), parse_float=str)


def values(profile, message, memory=None):
    (name,) = profile.address(message).channels
    found = profile.stream(name).read(texts(message), memory)
    assert not found.unread
    assert profile.stream(name).fields == () or not any(
        fields.unknown for fields in profile.stream(name).fields
    )
    return found.values


def test_documented_trades():
    (trade,) = values(KRAKEN_SPOT, KRAKEN_TRADE)
    assert isinstance(trade, Trade)
    assert (trade.symbol, trade.side, trade.time_ms) == ("MATIC/USD", "sell", 1695628177708)
    assert trade.exact == (Decimal("0.5117"), Decimal("40.0"))
    assert trade.trade_id == 4665906
    (trade,) = values(OKX_PUBLIC, OKX_TRADE)
    assert (trade.symbol, trade.side, trade.time_ms) == ("BTC-USDT", "buy", 1630048897897)
    assert trade.exact == (Decimal("42219.9"), Decimal("0.12060306"))
    (trade,) = values(LINEAR, BYBIT_TRADE)
    assert (trade.symbol, trade.side, trade.time_ms) == ("BTCUSDT", "buy", 1672304486865)
    assert trade.exact == (Decimal("16578.50"), Decimal("0.001"))
    assert trade.trade_id is None


def test_documented_tickers():
    (ticker,) = values(KRAKEN_SPOT, KRAKEN_TICKER)
    assert (ticker.symbol, ticker.last, ticker.bid_size) == ("ALGO/USD", Decimal("0.10035"), 740)
    assert ticker.fluctuation == Decimal("-0.0017")
    (ticker,) = values(OKX_PUBLIC, OKX_TICKER)
    assert type(ticker) is Ticker
    assert (ticker.last, ticker.base_volume_24h, ticker.time_ms) == (
        Decimal("9999.99"), 2222, 1597026383085,
    )  # fmt: skip
    swap = json.loads(json.dumps(OKX_TICKER).replace("BTC-USDT", "BTC-USDT-SWAP"))
    (ticker,) = values(OKX_PUBLIC, swap)
    assert isinstance(ticker, FuturesTicker)
    assert ticker.contract_volume_24h == 2222
    (ticker,) = values(LINEAR, BYBIT_TICKER)
    assert (ticker.mark, ticker.fluctuation) == (Decimal("17217.33"), Decimal("-0.017103"))
    assert ticker.time_ms == 1673272861686


def test_tickers_that_say_only_what_has_changed():
    change = {**BYBIT_TICKER, "type": "delta", "ts": 1673272861700,
              "data": {"symbol": "BTCUSDT", "bid1Price": "17215.00"}}  # fmt: skip
    memory = {}
    assert values(LINEAR, change, memory) == []
    assert values(LINEAR, change) == []
    values(LINEAR, BYBIT_TICKER, memory)
    (ticker,) = values(LINEAR, change, memory)
    assert (ticker.bid, ticker.ask, ticker.last) == (
        Decimal("17215.00"), Decimal("17216.00"), Decimal("17216.00"),
    )  # fmt: skip
    assert ticker.time_ms == 1673272861700


def test_a_row_that_cannot_be_read_costs_no_other():
    broken = {**OKX_TRADE, "data": [{"instId": "BTC-USDT", "px": "x"}, *OKX_TRADE["data"]]}
    found = OKX_PUBLIC.stream("okx/trades").read(broken)
    assert len(found.values) == len(found.unread) == 1
    assert found.unread[0].key == "BTC-USDT"
    for stream in (stream for profile in PROFILES for stream in profile.streams):
        for strange in ({}, {"data": 5}, {"data": [None]}, {"data": {"x": 1}, "topic": []}):
            assert stream.read(strange).values == []


# --- addresses ---


@pytest.mark.parametrize(
    ("profile", "message", "channels", "symbol"),
    [
        (KRAKEN_SPOT, {"channel": "book"}, 5, ""),
        (KRAKEN_SPOT, {"channel": "trade"}, ("kraken/trade",), ""),
        (KRAKEN_SPOT, {"channel": "heartbeat"}, ("kraken/heartbeat",), ""),
        (OKX_PUBLIC, {"arg": {"channel": "books", "instId": "A-B"}}, ("okx/books",), "A-B"),
        (OKX_PUBLIC, {"arg": {"channel": "new", "instId": "A-B"}}, ("okx/new",), "A-B"),
        (LINEAR, {"topic": "orderbook.50.BTCUSDT"}, ("bybit/orderbook.50",), "BTCUSDT"),
        (LINEAR, {"topic": "orderbook.500.BTCUSDT"}, ("bybit/orderbook.500.BTCUSDT",), ""),
        (SPOT, {"topic": "tickers.BTCUSDT"}, ("bybit-spot/tickers",), "BTCUSDT"),
    ],
)
def test_where_a_push_belongs(profile, message, channels, symbol):
    address = profile.address(message)
    assert address.symbol == symbol
    if channels == 5:
        assert address.channels == tuple(book.name for book in profile.books)
    else:
        assert address.channels == channels
    assert profile.address({}) is None
    assert profile.address({profile.framing.channel_key: 5}) is None


# --- addresses of servers ---


def test_hosts_by_region():
    assert (
        OKX_PUBLIC.server.in_region("eea", OKX_PUBLIC.venue)
        == "wss://wseea.okx.com:8443/ws/v5/public"
    )
    assert LINEAR.server.in_region("kz", LINEAR.venue) == "wss://stream.bybit.kz/v5/public/linear"
    with pytest.raises(bb.UsageError, match="no region 'moon' of okx; there is: us, eea"):
        OKX_PUBLIC.server.in_region("moon", OKX_PUBLIC.venue)
    with pytest.raises(bb.UsageError, match="there is: none"):
        KRAKEN_SPOT.server.in_region("us", KRAKEN_SPOT.venue)
    for profile in PROFILES:
        for region, _ in profile.server.hosts:
            assert profile.url_problem(profile.server.in_region(region, profile.venue)) is None
        assert profile.url_problem(profile.server.url) is None
        assert "not the venue's host" in profile.url_problem("wss://example.com/ws")
        assert "not encrypted" in profile.url_problem(profile.server.url.replace("wss", "ws"))


# --- what a user's words mean ---


@each_profile
def test_topics_that_can_exist(profile):
    (venue,) = (one for one in VENUES if profile in one.profiles)
    for topic in topics(profile):
        assert venue.topic_profile(topic) is profile
        assert venue.is_topic(topic)
    name = profile.default_book
    for symbol in ("", "BTC_USDT@5", "a b", "BTC/USD/EUR", "A,B", "-"):
        with pytest.raises(bb.UsageError, match="cannot exist"):
            venue.topic_profile(f"{name}:{symbol}")


@pytest.mark.parametrize(
    ("venue", "symbol", "words", "channel"),
    [
        ("kraken", "BTC/USD", {}, "kraken/book10"),
        ("kraken", "kraken:BTC/USD", {"channel": "book500"}, "kraken/book500"),
        ("okx", "BTC-USDT-SWAP", {"channel": "bbo-tbt"}, "okx/bbo-tbt"),
        ("bybit", "BTCUSDT", {}, "bybit/orderbook.50"),
        ("bybit", "BTCUSDT", {"market": "bybit-spot"}, "bybit-spot/orderbook.50"),
        ("bybit", "BTCUSDT", {"channel": "bybit-spot/orderbook.1"}, "bybit-spot/orderbook.1"),
        ("bybit", "BTCUSDH26", {}, "bybit-inverse/orderbook.50"),
        ("bybit", "ETHBTC", {"channel": "orderbook.200"}, "bybit-spot/orderbook.200"),
        (("kraken", "bybit"), "bybit-inverse:BTCUSD", {}, "bybit-inverse/orderbook.50"),
        (("kraken", "okx"), "BTC/USD", {"market": "kraken"}, "kraken/book10"),
        (("kraken", "okx"), "BTC/USD", {"channel": "kraken/book25"}, "kraken/book25"),
    ],
)
def test_words_find_their_channel(venue, symbol, words, channel):
    found = find_venue(venue)
    assert found.book_channel(symbol, **words)[1].name == channel
    assert found.bare(symbol) == symbol.rpartition(":")[2]
    assert found.is_topic(symbol) is False


# --- instruments ---


def test_instruments_of_kraken():
    text = """{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"USD"}],"pairs":[
        {"symbol":"EUR/USD","base":"EUR","quote":"USD","status":"online","qty_precision":8,
         "qty_increment":1e-08,"price_precision":5,"cost_precision":5,"marginable":true,
         "has_index":true,"cost_min":0.5,"price_increment":1e-05,"qty_min":0.5},
        {"symbol":5}]}}"""
    found = bb.read_instruments(text, venue="kraken")
    assert found["EUR/USD"] == Instrument(
        symbol="EUR/USD", market="kraken", tick=Decimal("0.00001"), lot=Decimal("1e-8"), base="EUR",
        quote="USD", min_size=Decimal("0.5"), min_notional=Decimal("0.5"), status="online",
    )  # fmt: skip
    assert list(found.refused) == ["row 2"]
    assert found["EUR/USD"].base_size(Decimal(3)) == 3
    pushed = KRAKEN_SPOT.stream("kraken/instrument").read(json.loads(text, parse_float=str))
    assert pushed.values[0].symbol == "EUR/USD"
    assert len(pushed.unread) == 1


def test_instruments_of_okx():
    row = {"instType": "SWAP", "instId": "BTC-USDT-SWAP", "uly": "BTC-USDT", "baseCcy": "",
           "quoteCcy": "", "settleCcy": "USDT", "ctVal": "0.01", "ctMult": "1", "ctValCcy": "BTC",
           "ctType": "linear", "tickSz": "0.1", "lotSz": "0.01", "minSz": "0.01",
           "maxLmtSz": "10000", "state": "live"}  # fmt: skip
    inverse = {**row, "instId": "BTC-USD-SWAP", "uly": "BTC-USD", "ctVal": "100", "ctValCcy": "USD",
               "ctType": "inverse"}  # fmt: skip
    spot = {"instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT", "tickSz": "0.1",
            "lotSz": "0.00000001", "minSz": "0.00001", "ctVal": "", "state": "live"}  # fmt: skip
    nameless = {**row, "instId": "ETH-USDT-SWAP", "ctVal": ""}
    # What a contract is of stands beside its name, which need not say it; or the name alone does.
    renamed = {**row, "instId": "NEWBTC-USDT-SWAP"}
    bare = {**row, "instId": "SOL-USDT-SWAP", "uly": ""}
    rows = [row, inverse, spot, nameless, renamed, bare]
    text = json.dumps({"code": "0", "msg": "", "data": rows})
    found = bb.read_instruments(text, venue="okx")
    swap = found["BTC-USDT-SWAP"]
    assert (swap.market, swap.base, swap.quote, swap.tick) == ("okx", "BTC", "USDT", Decimal("0.1"))
    assert swap.base_size(Decimal(250)) == Decimal("2.5")
    assert found["BTC-USD-SWAP"].base_size(Decimal(5), Decimal(50000)) == Decimal("0.01")
    assert found["BTC-USDT"].base_size(Decimal(2)) == 2
    assert found["NEWBTC-USDT-SWAP"].base == "BTC"
    assert found["SOL-USDT-SWAP"].base == "SOL"
    # A contract of which nobody knows what it is would be taken for a coin.
    assert list(found.refused) == ["ETH-USDT-SWAP"]


@pytest.mark.parametrize(
    ("category", "symbol", "market", "size", "base"),
    [
        ("linear", "BTCUSDT", "bybit", "3", "3"),
        ("spot", "BTCUSDT", "bybit-spot", "3", "3"),
        ("inverse", "BTCUSD", "bybit-inverse", "300", "0.01"),
    ],
)
def test_instruments_of_bybit(category, symbol, market, size, base):
    row = {
        "symbol": symbol,
        "status": "Trading",
        "baseCoin": "BTC",
        "quoteCoin": "USD",
        "priceFilter": {"tickSize": "0.10"},
        "lotSizeFilter": {"qtyStep": "0.001", "minOrderQty": "0.001", "maxOrderQty": "1190"},
    }
    text = json.dumps({"retCode": 0, "result": {"category": category, "list": [row]}})
    found = bb.read_instruments(text, venue="bybit")[symbol]
    assert (found.market, found.tick, found.lot) == (market, Decimal("0.10"), Decimal("0.001"))
    assert found.base_size(Decimal(size), Decimal(30000)) == Decimal(base)


def test_a_list_of_another_venue_is_refused():
    for venue in ("kraken", "okx", "bybit"):
        for text in ("[", "{}", '{"data":{"symbols":[{"symbol":"A_B"}]}}', "5"):
            with pytest.raises(bb.MessageError, match="not a list of symbols"):
                bb.read_instruments(text, venue=venue)
    with pytest.raises(bb.UsageError, match="no reader"):
        bb.read_instruments("[]", venue=bb.Venue(profiles=()))


def test_a_channel_of_bybit_takes_no_option():
    (profile, *_) = BYBIT.profiles
    symbol = "BTCUSDT"
    for channel in (*profile.books, *profile.streams):
        name = channel.name
        assert profile.symbols.check_topic(Topic(name, symbol, "")) is None
        assert "no option" in profile.symbols.check_topic(Topic(name, symbol, "100ms"))
