"""What a frame means depends on the connection it came on, where frames of several channels look
alike; and several venues in one engine."""

import json

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change
from bitmart_book.check.shadow import ShadowEngine
from bitmart_book.venues import find_venue
from tests.helpers.frames import spot
from tests.helpers.venue_frames import bybit, kraken, kraken_ack, kraken_sum, okx

BIDS, ASKS = [("99.0", "1.0"), ("98.0", "2.0")], [("101.0", "1.0"), ("102.0", "2.0")]
LIVE, GAP, SYNCING = BookState.LIVE, BookState.GAP, BookState.SYNCING
kinds = pytest.mark.parametrize("kind", ["scanned", "decoded", "beside the reference"])


def engine_of(venue, kind, **more):
    if kind == "beside the reference":
        return ShadowEngine(venue=venue, **more)
    return bb.Engine(venue, scan=kind == "scanned", **more)


def ladder(count):
    bids = [(f"{1000 - place}.0", "1.0") for place in range(count)]
    return bids, [(f"{1001 + place}.0", "1.0") for place in range(count)]


def profile(market, venue="bybit"):
    return next(one for one in find_venue(venue).profiles if one.market == market)


# --- the same topic on two addresses ---


@kinds
def test_two_markets_with_the_same_topics_are_told_apart_by_their_connections(kind):
    engine = engine_of("bybit", kind)
    for generation, market in ((1, "bybit"), (2, "bybit-spot")):
        engine.open_line(generation, 10.0, profile=profile(market))
    for turn in range(3):
        kind_of = "delta" if turn else "snapshot"
        engine.apply(bybit(kind_of, 5 + turn, [("99", str(1 + turn))], ASKS), generation=1)
        engine.apply(bybit(kind_of, 70 + turn, [("98", str(4 + turn))], ASKS), generation=2)
    linear, spot_book = engine["bybit:BTCUSDT"], engine["bybit-spot:BTCUSDT"]
    assert (linear.market, linear.sequence, linear.best_bid.price) == ("bybit", 7, 99.0)
    assert (spot_book.market, spot_book.sequence, spot_book.best_bid.price) == (
        "bybit-spot",
        72,
        98.0,
    )
    assert len(engine) == 2


@kinds
def test_trades_are_of_the_market_of_their_connection(kind):
    engine = engine_of("bybit", kind)
    engine.open_line(2, 10.0, profile=profile("bybit-spot"))
    engine.apply(bybit("snapshot", 5, BIDS, ASKS))
    engine.apply(bybit("snapshot", 5, BIDS, ASKS), generation=2)
    row = {"T": 1, "s": "BTCUSDT", "S": "Buy", "v": "0.5", "p": "100", "i": "7", "BT": False}
    frame = json.dumps({"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1, "data": [row]})
    assert engine.apply(frame, generation=2) == Change.TRADE
    assert engine["bybit-spot:BTCUSDT"].last_trade.exact.price == 100
    assert engine["bybit:BTCUSDT"].last_trade is None


@kinds
def test_without_a_connection_it_is_the_book_that_there_is_or_the_market_that_spells_so(kind):
    engine = engine_of("bybit", kind)
    engine.apply(bybit("snapshot", 5, BIDS, ASKS))
    engine.apply(bybit("snapshot", 5, BIDS, ASKS, "BTCUSD"))
    engine.apply(bybit("snapshot", 5, BIDS, ASKS, "BTCEUR"))
    assert list(engine) == [
        "bybit/orderbook.50:BTCUSDT",
        "bybit-inverse/orderbook.50:BTCUSD",
        "bybit-spot/orderbook.50:BTCEUR",
    ]
    assert engine["BTCUSD"].unit == "contracts"
    other = engine_of("bybit", kind)
    other.book("BTCUSDT", market="bybit-spot")
    other.apply(bybit("snapshot", 5, BIDS, ASKS))
    assert [book.market for book in other.books if book.state is LIVE] == ["bybit-spot"]


# --- several depths of one symbol ---


@kinds
def test_two_depths_of_a_symbol_are_told_apart_by_their_connections(kind):
    engine = engine_of("kraken", kind)
    kraken_profile = profile("kraken", "kraken")
    books = {}
    for generation, depth in ((1, 10), (2, 100)):
        engine.open_line(generation, 10.0, profile=kraken_profile)
        books[generation] = engine.book("BTC/USD", channel=f"book{depth}")
        engine.assign(books[generation], generation)
    bids, asks = ladder(40)
    engine.apply(kraken("snapshot", bids[:10], asks[:10]), generation=1)
    engine.apply(kraken("snapshot", bids, asks), generation=2)
    assert [len(book.bids) for book in books.values()] == [10, 40]
    engine.apply(kraken("update", checksum=kraken_sum(bids, asks)), generation=1)
    # One that is of the deeper one alone.
    deep = kraken("update", [("500.0", "1.0")], checksum=kraken_sum(bids, asks))
    engine.apply(deep, generation=2)
    assert [len(book.bids) for book in books.values()] == [10, 41]
    # What is damaged on one connection says nothing of the other one's book.
    with pytest.raises(bb.MessageError):
        engine.apply(deep[:-5], generation=2)
    assert [book.state for book in books.values()] == [LIVE, GAP]
    with pytest.raises(bb.MessageError):
        engine.apply(kraken("update", [("5.25", "1.0")]).replace("5.25", '"x"'), generation=1)
    assert [book.state for book in books.values()] == [GAP, GAP]
    # Of a connection that neither is on, nothing is taken.
    engine.apply(kraken("snapshot", bids[:10], asks[:10]), generation=3)
    assert [book.state for book in books.values()] == [GAP, GAP]
    assert len(engine) == 2


@kinds
@pytest.mark.parametrize(
    ("longer", "channel"),
    [(1, "book10"), (10, "book10"), (11, "book25"), (25, "book25"), (26, "book100"),
     (101, "book500"), (501, "book1000"), (1001, "book10")],
)  # fmt: skip
def test_a_snapshot_by_itself_is_of_the_smallest_channel_that_holds_it(kind, longer, channel):
    engine = engine_of("kraken", kind)
    bids, asks = ladder(longer)
    engine.apply(kraken("snapshot", bids[:3], asks))
    (book,) = engine.books
    assert book.channel == f"kraken/{channel}"
    assert engine["BTC/USD"] is book


@kinds
def test_an_update_of_who_knows_which_depth_is_nobodys(kind):
    engine = engine_of("kraken", kind)
    assert engine.apply(kraken("update", BIDS, ASKS)) == 0
    assert len(engine) == 0


@kinds
def test_an_acknowledgement_names_the_depth(kind):
    engine = engine_of("kraken", kind)
    assert engine.apply(kraken_ack(depth=100)) == Change.OTHER
    engine.apply(kraken("snapshot", BIDS, ASKS))
    assert engine["BTC/USD"].channel == "kraken/book100"
    # Of another symbol it says nothing, nor of another connection.
    engine.apply(kraken("snapshot", BIDS, ASKS, "ETH/USD"))
    assert engine["ETH/USD"].channel == "kraken/book10"
    engine.apply(kraken_ack("XRP/USD", depth=500), generation=4)
    engine.apply(kraken("snapshot", BIDS, ASKS, "XRP/USD"), generation=5)
    engine.apply(kraken_ack("ADA/USD", depth=500), generation=5)
    engine.apply(kraken_ack("ADA/USD", depth=500, operation="unsubscribe"), generation=5)
    engine.apply(kraken("snapshot", BIDS, ASKS, "ADA/USD"), generation=5)
    assert [engine[f"{name}/USD"].channel for name in ("XRP", "ADA")] == ["kraken/book10"] * 2


@kinds
def test_the_book_that_there_is_counts_more_than_an_acknowledgement(kind):
    engine = engine_of("kraken", kind)
    book = engine.book("BTC/USD", channel="book1000")
    engine.apply(kraken_ack(depth=25))
    engine.apply(kraken("snapshot", BIDS, ASKS))
    assert book.state is LIVE


@kinds
def test_of_several_books_without_a_connection_the_snapshot_says_which(kind):
    engine = engine_of("kraken", kind)
    small, large = (engine.book("BTC/USD", channel=name) for name in ("book25", "book100"))
    bids, asks = ladder(30)
    engine.apply(kraken("snapshot", bids, asks))
    assert [book.epoch for book in (small, large)] == [0, 1]
    # What follows goes where the last one went.
    engine.apply(kraken("update", [("500.0", "1.0")], checksum=kraken_sum(bids, asks)))
    assert large.stats["updates"] == 1
    engine.apply(kraken("snapshot", bids[:5], asks[:5]))
    assert small.epoch == 1


# --- several venues ---


@kinds
def test_several_venues_in_one_engine(kind):
    engine = engine_of(("bitmart", "kraken", "okx", "bybit"), kind)
    engine.apply(spot("snapshot", 5, BIDS, ASKS))
    engine.apply(kraken("snapshot", BIDS, ASKS))
    engine.apply(okx("snapshot", -1, 5, BIDS, ASKS))
    engine.apply(bybit("snapshot", 5, BIDS, ASKS))
    assert [(book.venue, book.market, book.symbol) for book in engine.books] == [
        ("bitmart", "spot", "BTC_USDT"),
        ("kraken", "kraken", "BTC/USD"),
        ("okx", "okx", "BTC-USDT"),
        ("bybit", "bybit", "BTCUSDT"),
    ]
    for words in ("bitmart:BTC_USDT", "spot:BTC_USDT", "kraken:BTC/USD", "okx:BTC-USDT",
                  "bybit:BTCUSDT", "okx/books:BTC-USDT"):  # fmt: skip
        assert engine[words].state is LIVE
        assert words in engine
    quote = engine["kraken:BTC/USD"].quote
    assert (quote.symbol, quote.market, quote.venue) == ("BTC/USD", "kraken", "kraken")
    for words in ("kraken:ETH/USD", "okx:BTC/USD", "bybit-spot:BTCUSDT", "nobody:BTC/USD"):
        with pytest.raises(KeyError):
            engine[words]
    with pytest.raises(bb.UsageError, match="which venue's symbol is 'BTC/USD'"):
        engine.book("BTC/USD")
    assert engine.book("kraken:ETH/USD", channel="book25").channel == "kraken/book25"


def test_a_symbol_on_another_channel_than_the_default_is_found_by_its_venue():
    engine = bb.Engine(("kraken", "okx"))
    book = engine.book("kraken:BTC/USD", channel="book100")
    assert engine["kraken:BTC/USD"] is book


def test_what_there_is_is_named_before_anything_is_done():
    with pytest.raises(
        bb.UsageError, match="no venue 'binance'; there is: bitmart, kraken, okx, bybit"
    ):
        bb.Engine("binance")
    with pytest.raises(bb.UsageError, match="named twice"):
        bb.Engine(("kraken", "kraken"))
    for venue in ((), 5, ("kraken", None, 5)):
        with pytest.raises(bb.UsageError, match="no venue"):
            bb.Engine(venue)
    engine = bb.Engine("kraken")
    with pytest.raises(bb.UsageError, match="two names and a slash, like BTC/USD"):
        engine.book("BTC_USDT")
    with pytest.raises(bb.UsageError, match=r"'book11'.*there is: kraken/book10, kraken/book25"):
        engine.book("BTC/USD", channel="book11")
    with pytest.raises(bb.UsageError, match="words with hyphens"):
        bb.Engine("okx").book("BTC/USD")
    with pytest.raises(bb.UsageError, match="letters and digits"):
        bb.Engine("bybit").book("BTC_USDT")


@pytest.mark.parametrize(
    ("venue", "symbol", "channel", "frame"),
    [
        ("kraken", "BTC/USD", "book25", kraken("snapshot", BIDS, ASKS)),
        ("okx", "BTC-USDT", None, okx("snapshot", -1, 5, BIDS, ASKS)),
        ("bybit", "BTCUSDT", "orderbook.200", bybit("snapshot", 5, BIDS, ASKS, depth=200)),
    ],
)
def test_a_book_by_itself(venue, symbol, channel, frame):
    book = bb.Book(symbol, venue=venue, channel=channel)
    assert book.venue == venue
    assert book.apply(frame) & Change.SNAPSHOT
    assert book.best_bid.price == 99.0
    assert book.quote.venue == venue
    with pytest.raises(bb.UsageError):
        book.apply(frame.replace(symbol, symbol.replace("BTC", "ETH")))
    copy = bb.Engine(venue).book(symbol, channel=channel)
    copy.apply(frame)
    assert copy.best_bid.price == 99.0


def test_units():
    engine = bb.Engine("okx")
    assert engine.book("BTC-USDT").unit == "base"
    assert engine.book("BTC-USDT-SWAP").unit == "contracts"
    assert engine.book("BTC-USD-210924-42000-P").unit == "contracts"
    assert bb.Engine("kraken").book("BTC/USD").unit == "base"
