"""Bitget, the venue that was added to see what a further one takes: its words, by its facts."""

import json
from decimal import Decimal

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from bitmart_book.check.shadow import ShadowEngine
from bitmart_book.model import FuturesTicker, Ticker, Trade
from bitmart_book.venues import ErrorKind, Reply, Topic, find_venue

PERPETUAL, SPOT = find_venue("bitget").profiles


def frame(action, rows, seq, pseq, *, kind="USDT-FUTURES", channel="books", symbol="BTCUSDT"):
    """As on the wire: the word first, then the address with three keys."""
    bids, asks = rows
    return json.dumps(
        {
            "action": action,
            "arg": {"instType": kind, "channel": channel, "instId": symbol},
            "data": [{"asks": asks, "bids": bids, "ts": "1789456510736", "seq": seq, "pseq": pseq}],
            "ts": 1789456511968,
        },
        separators=(",", ":"),
    )


FIRST = frame("snapshot", ([["65001.0", "2.00"]], [["65002.5", "4.20"], ["65003.0", "1"]]), 11, 0)
NEXT = frame("update", ([], [["65002.5", "0"]]), 14, 11)


def engine_of(kind):
    if kind == "beside the reference":
        return ShadowEngine(venue="bitget")
    return bb.Engine("bitget", scan=kind == "scanned")


@pytest.mark.parametrize("kind", ["scanned", "decoded", "beside the reference"])
def test_an_update_names_the_one_before(kind):
    engine = engine_of(kind)
    for one in (FIRST, NEXT):
        engine.apply(one)
    book = engine["bitget/books:BTCUSDT"]
    assert (book.state, book.best_ask.exact) == (BookState.LIVE, (Decimal(65003), Decimal(1)))
    assert book.proven_levels is None
    # The heartbeat of a quiet book, if there is one, and a reset, which is no successor.
    engine.apply(frame("update", ([], []), 14, 14))
    assert book.state == BookState.LIVE
    engine.apply(frame("update", ([["65001.0", "3"]], []), 2, 0))
    assert book.state == BookState.GAP
    engine.apply(frame("snapshot", ([["64000", "1"]], [["64001", "1"]]), 3, 0))
    assert (book.state, book.sequence) == (BookState.LIVE, 3)


def test_its_frames_are_scanned_though_a_word_stands_before_the_address():
    engine = bb.Engine("bitget")
    for one in (FIRST, NEXT, FIRST, NEXT):
        engine.apply(one)
    assert engine.stats["scanned"] >= 3
    twisted = NEXT.replace('"action":"update",', "").replace("}],", '}],"action":"update",')
    engine.apply(FIRST)
    engine.apply(twisted)
    assert engine["bitget/books:BTCUSDT"].sequence == 14


def test_nineteen_digits_of_a_sequence_are_all_kept():
    engine = bb.Engine("bitget")
    first, rows = 1_234_567_890_123_456_789, ([], [["65003.0", "5"]])
    engine.apply(FIRST.replace('"seq":11', f'"seq":{first}'))
    engine.apply(frame("update", rows, first + 1, first))
    engine.apply(frame("update", rows, first + 10, first + 1))
    assert engine["bitget/books:BTCUSDT"].sequence == first + 10


def test_pictures_replace():
    engine = bb.Engine("bitget")
    for price in ("65001.0", "65000.5"):
        rows = [[price, "1"]], [["65002", "1"]]
        engine.apply(frame("snapshot", rows, 5, 0, channel="books5"))
    assert engine["bitget/books5:BTCUSDT"].best_bid_price == 65000.5


def test_two_kinds_with_one_name_are_told_apart_by_their_connections():
    engine = bb.Engine("bitget")
    engine.open_line(1, 9.5, profile=PERPETUAL)
    engine.open_line(2, 9.5, profile=SPOT)
    engine.apply(FIRST, generation=1)
    engine.apply(FIRST.replace("USDT-FUTURES", "SPOT").replace("65001", "64001"), generation=2)
    assert engine["bitget/books:BTCUSDT"].best_bid_price == 65001.0
    assert engine["bitget-spot/books:BTCUSDT"].best_bid_price == 64001.0


def test_messages():
    topics = ["bitget-spot/books:BTCUSDT", "bitget-spot/trade:ETHUSDT"]
    assert json.loads(SPOT.speech.word("subscribe", topics)) == {
        "op": "subscribe",
        "args": [
            {"instType": "SPOT", "channel": "books", "instId": "BTCUSDT"},
            {"instType": "SPOT", "channel": "trade", "instId": "ETHUSDT"},
        ],
    }
    for profile in (PERPETUAL, SPOT):
        limits = profile.limits
        longest = [f"{profile.market}/books15:{'A' * 39}{n}" for n in range(20)]
        fit = []
        for topic in longest:
            if sum(map(len, (*fit, topic))) <= limits.topic_bytes_per_message:
                fit.append(topic)
        assert len(profile.speech.word("unsubscribe", fit)) <= limits.message_bytes


ARG = {"instType": "USDT-FUTURES", "channel": "books", "instId": "FOOUSDT"}


@pytest.mark.parametrize(
    ("said", "reply", "kind"),
    [
        ("pong", Reply(kind="pong"), None),
        ({"event": "subscribe", "arg": ARG},
         Reply(kind="ack", operation="subscribe", topic="bitget/books:FOOUSDT"), None),
        ({"event": "error", "arg": ARG, "code": 30001, "msg": "FOOUSDT doesn't exist",
          "op": "subscribe"},
         Reply(kind="error", operation="subscribe", topic="bitget/books:FOOUSDT", code="30001",
               message="FOOUSDT doesn't exist"), ErrorKind.TOPIC),
        ({"event": "error", "code": 30006, "msg": "request too many"},
         Reply(kind="error", code="30006", message="request too many"), ErrorKind.LIMIT),
        ({"event": "error", "arg": ARG, "code": 30002, "msg": "already subscribed"},
         Reply(kind="ack", topic="bitget/books:FOOUSDT", code="30002",
               message="already subscribed"), None),
        ({"event": "notice", "msg": "maintenance"}, Reply(kind="notice", message="maintenance"),
         None),
        (json.loads(FIRST), None, None),
        (None, None, None),
    ],
)  # fmt: skip
def test_replies(said, reply, kind):
    assert PERPETUAL.classify(said) == reply
    if reply is not None:
        assert PERPETUAL.errors.kind(reply) is kind


def test_what_cannot_be():
    for word in ("BTC_USDT", "BTC/USD", ""):
        assert "BTCUSDT" in PERPETUAL.symbols.check_topic(Topic("bitget/books", word, ""))
    assert PERPETUAL.symbols.check_topic(Topic("bitget/books", "BTCUSDT", "100ms"))
    venue = find_venue("bitget")
    assert venue.book_channel("BTCUSDT")[1].name == "bitget/books"
    assert venue.book_channel("BTCEUR")[1].name == "bitget-spot/books"


def test_trades_and_tickers():
    arg = {"instType": "SPOT", "channel": "trade", "instId": "BTCUSDT"}
    row = {"ts": "1695709835822", "price": "26293.4", "size": "0.0013", "side": "buy",
           "tradeId": "1000000000"}  # fmt: skip
    message = {"action": "snapshot", "arg": arg, "data": [row], "ts": 1695711090682}
    values, unread = SPOT.stream("bitget-spot/trade").read(message)
    assert unread == []
    assert values == [
        Trade(symbol="BTCUSDT", side="buy", price=Decimal("26293.4"), size=Decimal("0.0013"),
              time_ms=1695709835822, trade_id=1000000000)
    ]  # fmt: skip
    row = {"instId": "BTCUSDT", "lastPr": "27000.5", "open24h": "27000", "high24h": "30668.5",
           "low24h": "24999.0", "change24h": "-0.00002", "bidPr": "27000", "askPr": "27000.5",
           "bidSz": "2.71", "askSz": "8.76", "baseVolume": "5000", "quoteVolume": "135000000",
           "ts": "1695794271400"}  # fmt: skip
    futures = row | {"indexPrice": "27000.1", "markPrice": "27000.2", "fundingRate": "0.0001"}
    for profile, told, kind in ((SPOT, row, Ticker), (PERPETUAL, futures, FuturesTicker)):
        message = {"arg": {"channel": "ticker", "instId": "BTCUSDT"}, "data": [told]}
        (value,), unread = profile.stream(f"{profile.market}/ticker").read(message)
        assert unread == []
        assert (type(value), value.last, value.bid) == (kind, Decimal("27000.5"), Decimal(27000))
    assert value.mark == Decimal("27000.2")
    assert bb.Venue(profiles=(SPOT, PERPETUAL)).unknown_fields() == {}


def test_instruments():
    spot = bb.read_instruments(
        {"data": [{"symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT",
                   "minTradeAmount": "0", "maxTradeAmount": "10000000000", "pricePrecision": "2",
                   "quantityPrecision": "6", "minTradeUSDT": "1", "status": "online"}]},
        venue="bitget",
    )["BTCUSDT"]  # fmt: skip
    assert (spot.market, spot.tick, spot.lot) == ("bitget-spot", Decimal("0.01"), Decimal("1e-6"))
    contract = bb.read_instruments(
        {"data": [{"symbol": "ETHUSDT", "baseCoin": "ETH", "quoteCoin": "USDT",
                   "minTradeNum": "0.01", "priceEndStep": "5", "volumePlace": "2",
                   "pricePlace": "2", "sizeMultiplier": "0.01", "minTradeUSDT": "5",
                   "symbolStatus": "normal"}]},
        venue="bitget",
    )["ETHUSDT"]  # fmt: skip
    assert (contract.market, contract.tick) == ("bitget", Decimal("0.05"))
    assert contract.lot == Decimal("0.01")
    assert contract.base_size(Decimal("2.5")) == Decimal("2.5"), "sizes are in the base currency"
