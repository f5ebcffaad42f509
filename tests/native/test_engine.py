"""Raw frames: where they go, what they do, and what happens to the ones that are wrong."""

import json
from decimal import Decimal

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change
from bitmart_book.check.shadow import ShadowEngine
from tests.helpers import frames
from tests.helpers.frames import futures_side, spot, spot_item, spot_items


def exact(book):
    depth = book.depth(exact=True)
    return [tuple(map(str, row)) for row in depth.bids], [
        tuple(map(str, row)) for row in depth.asks
    ]


# --- the documented frames ---


def test_spot_snapshot_update_heartbeat_and_gap():
    engine = bb.Engine()
    assert engine.apply(frames.SPOT_SNAPSHOT_4) == Change.SNAPSHOT | Change.LEVELS | Change.TOP
    assert engine.apply(frames.SPOT_UPDATE_5) == Change.LEVELS | Change.TOP
    book = engine["BTC_USDT"]
    assert exact(book) == ([("23105", "1.80114")], [("23200", "0.59959"), ("28000", "0.2")])
    assert book.sequence == 5
    assert book.exchange_time_ms == 1698292358292
    assert engine.apply(spot("update", 5)) == Change.HEARTBEAT
    assert engine.apply(spot("update", 7, bids=[("1", "1")])) == Change.GAP
    assert book.state == BookState.GAP
    assert book.reason == "version gap: expected 6, was 7"


def test_futures_snapshot_and_update():
    engine = bb.Engine()
    engine.apply(frames.FUTURES_SNAPSHOT)
    engine.apply(frames.FUTURES_UPDATE)
    book = engine["BTCUSDT"]
    assert book.channel == "futures/depthIncrease20"
    assert exact(book) == (
        [("70353.4", "11435")],
        [("70391.6", "3550"), ("70395.3", "341"), ("70395.4", "323")],
    )
    assert book.sequence == 980362


def test_an_empty_futures_update_advances_the_version():
    engine = bb.Engine()
    push = {
        "symbol": "ASTEROIDETHUSDT",
        "asks": [{"price": "0.0000199", "vol": "1"}],
        "bids": [],
        "ms_t": 1,
        "version": 2754385,
        "type": "snapshot",
    }
    group = "futures/depthIncrease50:ASTEROIDETHUSDT@100ms"
    engine.apply(json.dumps({"data": push, "group": group}))
    push.update(type="update", version=2754386, asks=[])
    assert engine.apply(json.dumps({"data": push, "group": group})) == 0
    assert engine["ASTEROIDETHUSDT"].sequence == 2754386
    push["version"] = 2754387
    engine.apply(json.dumps({"data": push, "group": group}))
    assert engine["ASTEROIDETHUSDT"].state == BookState.LIVE


def test_spot_full_pictures():
    engine = bb.Engine()
    engine.apply(frames.SPOT_DEPTH5)
    book = engine["spot/depth5:ETH_USDT"]
    assert exact(book) == ([("161.94", "4.552355")], [("161.96", "7.37567")])
    assert book.sequence is None
    picture = json.loads(frames.SPOT_DEPTH5)
    picture["data"][0]["ms_t"] -= 1
    assert engine.apply(json.dumps(picture)) == Change.DUPLICATE
    picture["data"][0]["ms_t"] += 2
    picture["data"][0]["bids"] = [["161.90", "1"]]
    change = engine.apply(json.dumps(picture))
    assert change == Change.SNAPSHOT | Change.LEVELS | Change.TOP
    assert exact(book)[0] == [("161.9", "1")]


def test_a_crossed_picture_is_a_gap_until_the_next_one():
    engine = bb.Engine()
    engine.apply(frames.SPOT_DEPTH5)
    book = engine["spot/depth5:ETH_USDT"]
    picture = json.loads(frames.SPOT_DEPTH5)
    picture["data"][0]["bids"] = [["161.96", "1"]]
    assert engine.apply(json.dumps(picture)) & Change.CROSSED
    assert book.state == BookState.GAP
    engine.apply(frames.SPOT_DEPTH5)
    assert book.state == BookState.LIVE


def test_one_sided_pictures_wait_for_their_partner():
    engine = bb.Engine()
    engine.apply(futures_side(1, [("10", "1")], time=1))
    book = engine["futures/depth20:BTCUSDT"]
    assert book.state == BookState.SYNCING
    engine.apply(futures_side(2, [("11", "1")], time=1))
    assert book.state == BookState.LIVE
    # The market moved up: the new bids meet the old asks until the new asks come.
    assert engine.apply(futures_side(1, [("12", "1")], time=2)) == Change.BUFFERED
    assert (book.quote.bid, book.quote.ask) == (10.0, 11.0)
    engine.apply(futures_side(2, [("13", "1")], time=2))
    assert (book.quote.bid, book.quote.ask) == (12.0, 13.0)


def test_a_side_that_stays_crossed_is_a_gap():
    engine = bb.Engine()
    for way, price in ((1, "10"), (2, "11")):
        engine.apply(futures_side(way, [(price, "1")]))
    book = engine["futures/depth20:BTCUSDT"]
    engine.apply(futures_side(1, [("12", "1")]))
    assert engine.apply(futures_side(1, [("12", "2")])) & Change.CROSSED
    assert book.state == BookState.GAP
    # One side again is not enough: its partner may be the one that was lost.
    engine.apply(futures_side(1, [("9", "1")]))
    assert book.state == BookState.GAP
    engine.apply(futures_side(2, [("11", "1")]))
    assert book.state == BookState.LIVE


def test_a_price_that_is_taken_back_in_the_same_side_crosses_nothing():
    """Found by the property tests: the last row of a price wins, also where crossing is judged."""
    engine = bb.Engine()
    for way, price in ((1, "10"), (2, "11")):
        engine.apply(futures_side(way, [(price, "1")]))
    for _ in range(2):
        change = engine.apply(futures_side(1, [("12", "1"), ("9", "1"), ("12", "0")]))
        assert not change & (Change.CROSSED | Change.BUFFERED)
    assert engine["futures/depth20:BTCUSDT"].best_bid.price == 9.0


def test_public_trades():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")], symbol="ETH_USDT"))
    book = engine["ETH_USDT"]
    assert book.last_trade is None
    assert engine.apply(frames.SPOT_TRADES) == Change.TRADE
    assert engine.touched == (book,)
    assert book.last_trade == bb.Trade(
        symbol="ETH_USDT",
        side="buy",
        price=Decimal("162.12"),
        size=Decimal("11.085"),
        time_ms=1542337219120,
    )


def test_spot_trades_before_2024_have_seconds_only():
    engine = bb.Engine()
    book = engine.book("BTC_USDT")
    engine.apply(
        '{"table":"spot/trade","data":[{"price":"52700.50","s_t":1630982050,"side":"buy",'
        '"size":"0.00112","symbol":"BTC_USDT"}]}'
    )
    assert book.last_trade.time_ms == 1630982050000


def test_futures_trades_come_newest_first_and_m_names_the_taker():
    engine = bb.Engine()
    book = engine.book("BTCUSDT")
    engine.apply(frames.FUTURES_TRADES)
    assert (book.last_trade.side, book.last_trade.side_known) == ("sell", True)
    assert book.last_trade.time_ms == 1677225251124
    assert book.last_trade.trade_id == 1409495322
    message = json.loads(frames.FUTURES_TRADES)
    older = {**message["data"][0], "trade_id": 1, "way": 1}
    del older["m"]
    message["data"] = [{**message["data"][0], "trade_id": 2}, older]
    engine.apply(json.dumps(message))
    assert book.last_trade.trade_id == 2
    message["data"] = [older]
    engine.apply(json.dumps(message))
    assert (book.last_trade.side, book.last_trade.side_known) == ("buy", False)
    del older["way"]
    message["data"] = [older]
    engine.apply(json.dumps(message))
    assert (book.last_trade.side, book.last_trade.side_known) == (None, False)


@pytest.mark.parametrize(
    ("change", "symbol"),
    [
        ({"price": None}, "ETH_USDT"),
        ({"price": "12 USDT"}, "ETH_USDT"),
        ({"size": "x"}, "ETH_USDT"),
        ({"symbol": None}, None),
        ({"symbol": "A\x1b]0;x\x07\u202e", "price": "\x1b[2J"}, None),
    ],
)
def test_a_trade_that_cannot_be_read_costs_no_other_and_no_book(change, symbol):
    engine = bb.Engine()
    engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")], symbol="ETH_USDT"))
    message = json.loads(frames.SPOT_TRADES)
    good = message["data"][0]
    bad = {key: value for key, value in (good | change).items() if value is not None}
    message["data"] = [bad, good, bad]
    with pytest.raises(bb.MessageError, match="not a trade") as raised:
        engine.apply(json.dumps(message))
    assert raised.value.symbol == symbol
    assert str(raised.value).isprintable()
    assert [trade.exact for trade in engine.trades] == [(Decimal("162.12"), Decimal("11.085"))]
    book = engine["ETH_USDT"]
    assert (book.state, book.last_trade) == ("LIVE", engine.trades[0])
    assert engine.touched == ()
    assert (engine.stats["trades"], engine.stats["bad_frames"]) == (1, 1)


@pytest.mark.parametrize("data", [5, "x", [5], {}])
def test_trades_that_are_no_list_of_objects(data):
    with pytest.raises(bb.MessageError, match="not a trade"):
        bb.Engine().apply(json.dumps({"table": "spot/trade", "data": data}))


@pytest.mark.parametrize(
    "frame",
    [
        "pong",
        b"pong",
        '{"event":"subscribe","topic":"spot/depth/increase100:BTC_USDT"}',
        '{"event":"subscribe","errorCode":"90004","errorMessage":"Invalid channel param"}',
        '{"event":"subscribe","table":"spot/depth5"}',
        '{"action":"subscribe","group":"futures/depth20:BTCUSDT","success":true}',
        '{"action":"subscribe","group":"futures/depthIncrease50:NOPE","success":false,"error":"x"}',
        '{"group":"System","data":"pong+e0d8adb4"}',
        '{"table":"spot/ticker","data":[{"symbol":"BTC_USDT"}]}',
        '{"table":"spot/something","data":5}',
        '{"data":"","table":"spot/user/order"}',
        "{}",
    ],
)
def test_frames_for_others(frame):
    engine = bb.Engine()
    assert engine.apply(frame) == Change.OTHER
    assert engine.touched == ()
    assert len(engine) == 0


# --- forms of input ---


@pytest.mark.parametrize("form", [str, str.encode, lambda t: bytearray(t.encode())])
def test_every_form_of_frame(form):
    engine = bb.Engine()
    engine.apply(form(frames.SPOT_SNAPSHOT_4))
    engine.apply(memoryview(frames.SPOT_UPDATE_5.encode()))
    assert engine["BTC_USDT"].sequence == 5


@pytest.mark.parametrize("frame", [None, 5, {}, ["x"]])
def test_what_is_no_frame_at_all(frame):
    with pytest.raises(bb.UsageError, match="a frame must be"):
        bb.Engine().apply(frame)


@pytest.mark.parametrize("empty", [[], None, "", {}])
def test_every_spelling_of_an_empty_side(empty):
    engine = bb.Engine()
    engine.apply(spot_items(spot_item("snapshot", 1, [("1", "1")]) | {"asks": empty}))
    engine.apply(spot_items(spot_item("update", 2, [("1", "2")]) | {"asks": empty}))
    assert exact(engine["BTC_USDT"]) == ([("1", "2")], [])


def test_a_side_that_is_missing_is_empty_in_an_update_only():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")]))
    update = spot_item("update", 2, [("1", "2")])
    del update["asks"]
    engine.apply(spot_items(update))
    assert engine["BTC_USDT"].best_bid.size == 2.0
    snapshot = spot_item("snapshot", 3, [("1", "2")])
    del snapshot["asks"]
    with pytest.raises(bb.MessageError, match="no 'asks' in a full picture"):
        engine.apply(spot_items(snapshot))
    assert engine["BTC_USDT"].state == BookState.GAP


def test_numbers_without_quotes_keep_every_digit():
    engine = bb.Engine()
    engine.apply(
        '{"table":"spot/depth/increase100","data":[{"symbol":"X_Y","type":"snapshot","version":"7",'
        '"ms_t":"1609926028000","bids":[[0.100000000000000001,5.825e-05],[2e-3,10]],"asks":[]}]}'
    )
    book = engine["X_Y"]
    assert exact(book)[0] == [("0.100000000000000001", "0.00005825"), ("0.002", "10")]
    assert book.exchange_time_ms == 1609926028000
    assert book.sequence == 7


def test_a_price_in_two_spellings_is_one_level():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 1, [("1.0", "1"), ("0.50", "2")], [("20", "1")]))
    # The finest of them makes the whole book finer.
    engine.apply(spot("update", 2, [("1.00", "3"), ("5e-1", "0.00"), ("0.125", "7")]))
    engine.apply(spot("update", 3, [(1, "5")], [("2E1", "4")]))
    assert exact(engine["BTC_USDT"]) == ([("1", "5"), ("0.125", "7")], [("20", "4")])


def test_the_order_of_rows_means_nothing():
    bids = [(str(price), "1") for price in range(1, 40)]
    asks = [(str(price), "1") for price in range(50, 90)]
    books = []
    for step in (1, -1, 7, 11):
        engine = bb.Engine()
        engine.apply(spot("snapshot", 1, bids[:9], asks[-9:]))
        rows = [
            [side[place * step % len(side)] for place in range(len(side))] for side in (bids, asks)
        ]
        engine.apply(spot("update", 2, *rows))
        books.append(exact(engine["BTC_USDT"]))
    assert books[0] == (bids[::-1], asks)
    assert books == [books[0]] * 4


def test_the_version_counts_and_the_time_does_not():
    """Two frames in one millisecond, and one that was stamped before them."""
    engine = bb.Engine()
    engine.apply(spot("snapshot", 1, [("1", "1")], [("9", "1")], ms_t=1_700_000_000_000))
    for version, stamp in ((2, 1_700_000_000_000), (3, 1_700_000_000_000), (4, 1_600_000_000_000)):
        engine.apply(spot("update", version, [(str(version), "1")], ms_t=stamp))
    book = engine["BTC_USDT"]
    assert (book.state, book.sequence, book.best_bid.price) == (BookState.LIVE, 4, 4.0)


def test_array_levels_on_futures_and_object_levels_on_spot():
    engine = bb.Engine()
    message = json.loads(frames.FUTURES_SNAPSHOT)
    message["data"]["bids"] = [["70391.2", "1335"]]
    engine.apply(json.dumps(message))
    assert engine["BTCUSDT"].best_bid.size == 1335.0
    engine.apply(spot("snapshot", 1, [{"price": "1", "size": "2"}], [("3", "1")]))
    assert engine["BTC_USDT"].best_bid.size == 2.0


def test_the_table_may_repeat_the_symbol_and_the_group_another_speed():
    engine = bb.Engine()
    message = json.loads(frames.SPOT_SNAPSHOT_4)
    message["table"] += ":BTC_USDT"
    engine.apply(json.dumps(message))
    engine.apply(frames.FUTURES_SNAPSHOT)
    engine.apply(frames.FUTURES_UPDATE.replace("@200ms", "@100ms"))
    engine.apply(frames.FUTURES_UPDATE.replace("@200ms", ""))
    assert list(engine) == ["spot/depth/increase100:BTC_USDT", "futures/depthIncrease20:BTCUSDT"]
    assert engine["BTCUSDT"].stats["duplicates"] == 1


# --- several items, all or nothing ---


def test_all_items_of_a_frame_are_applied_in_order():
    engine = bb.Engine()
    change = engine.apply(
        spot_items(
            spot_item("snapshot", 1, [("1", "1")], [("5", "1")]),
            spot_item("snapshot", 9, [("1", "1")], [("5", "1")], symbol="ETH_USDT"),
            spot_item("update", 2, [("2", "1")]),
            spot_item("update", 3, [("3", "1")]),
        )
    )
    assert change == Change.SNAPSHOT | Change.LEVELS | Change.TOP
    assert [book.symbol for book in engine.touched] == ["BTC_USDT", "ETH_USDT"]
    assert engine["BTC_USDT"].sequence == 3
    assert engine["BTC_USDT"].best_bid.price == 3.0


@pytest.mark.parametrize("bad_row", [("7", "-1"), ("x", "1"), ("1", "1e-19"), ("0", "1")])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_bad_row_refuses_the_whole_frame_and_puts_all_its_books_in_doubt(bad_row, place):
    engine = bb.Engine()
    for symbol in ("A_B", "C_D", "E_F"):
        engine.apply(spot("snapshot", 1, [("1", "1")], [("5", "1")], symbol=symbol))
    before = {symbol: exact(engine[symbol]) for symbol in ("A_B", "C_D")}
    items = [
        spot_item("update", 2, [("2", "1")], symbol="A_B"),
        spot_item("update", 2, [("2", "1")], symbol="C_D"),
        spot_item("update", 3, [("3", "1")], symbol="A_B"),
    ]
    items[place]["asks"] = [["6", "1"], list(bad_row)]
    with pytest.raises(bb.MessageError) as caught:
        engine.apply(spot_items(*items))
    assert caught.value.symbol == items[place]["symbol"]
    assert caught.value.side == "ask"
    assert caught.value.row == 1
    for symbol, rows in before.items():
        assert exact(engine[symbol].peek()) == rows
        assert engine[symbol].state == BookState.GAP
    assert set(engine.touched) == {engine["A_B"], engine["C_D"]}
    assert engine["E_F"].state == BookState.LIVE


def test_touched_is_of_the_last_frame_alone():
    engine = bb.Engine()
    for symbol in ("A_B", "C_D"):
        engine.apply(spot("snapshot", 1, [("1", "1")], [("5", "1")], symbol=symbol))
        assert engine.touched == (engine[symbol],)


# --- bad input ---


def damaged(text):
    """Frames made of a good one that no reader should take."""
    good = json.loads(text)
    item = good["data"][0]

    def with_item(**changes):
        return json.dumps({**good, "data": [{**item, **changes}]})

    yield "type", with_item(type="partial")
    yield "no type", json.dumps({**good, "data": [{k: item[k] for k in item if k != "type"}]})
    yield "version text", with_item(version="five")
    yield "version negative", with_item(version=-1)
    yield "version fraction", with_item(version=5.5)
    yield "version bool", with_item(version=True)
    yield "version huge", with_item(version=2**63)
    yield "time", with_item(ms_t="yesterday")
    yield "side is text", with_item(bids="none")
    yield "side is object", with_item(bids={"1": "1"})
    yield "row too short", with_item(bids=[["1"]])
    yield "row too long", with_item(bids=[["1", "1", "1"]])
    yield "row is text", with_item(bids=["1"])
    yield "row is null", with_item(bids=[None])
    yield "price null", with_item(bids=[[None, "1"]])
    yield "price list", with_item(bids=[[[], "1"]])
    yield "price bool", with_item(bids=[[True, "1"]])
    yield "price blank", with_item(bids=[["", "1"]])
    yield "price hex", with_item(bids=[["0x10", "1"]])
    yield "price nan", with_item(bids=[["NaN", "1"]])
    yield "price zero", with_item(bids=[["0.00", "1"]])
    yield "price negative", with_item(bids=[["-5", "1"]])
    yield "size negative", with_item(bids=[["5", "-1"]])
    yield "size missing", with_item(bids=[{"price": "5"}])
    yield "too many rows", with_item(bids=[["5", "1"]] * 100_001)
    yield "data is text", json.dumps({**good, "table": good["table"] + ":BTC_USDT", "data": "x"})
    yield "no data", json.dumps({"table": good["table"] + ":BTC_USDT"})
    yield "topic of another", json.dumps({**good, "table": good["table"] + ":ETH_USDT"})


@pytest.mark.parametrize(
    ("frame"),
    [pytest.param(frame, id=name) for name, frame in damaged(frames.SPOT_UPDATE_5)],
)
def test_a_frame_of_the_wrong_shape(frame):
    engine = bb.Engine()
    engine.apply(frames.SPOT_SNAPSHOT_4)
    engine.apply(spot("snapshot", 1, [("1", "1")], [("5", "1")], symbol="OTHER_USDT"))
    book = engine["BTC_USDT"]
    before = exact(book)
    with pytest.raises(bb.MessageError) as caught:
        engine.apply(frame)
    assert "BTC_USDT" in str(caught.value) or "ETH_USDT" in str(caught.value)
    assert len(str(caught.value)) < 250
    assert exact(book.peek()) == before
    assert book.state == BookState.GAP
    assert engine.touched == (book,)
    assert engine["OTHER_USDT"].state == BookState.LIVE
    engine.apply(frames.SPOT_SNAPSHOT_4.replace('"version":4', '"version":9'))
    assert book.state == BookState.LIVE


@pytest.mark.parametrize("cut", range(1, len(frames.FUTURES_UPDATE)))
def test_a_frame_cut_anywhere(cut):
    engine = bb.Engine()
    engine.apply(frames.FUTURES_SNAPSHOT)
    book = engine["BTCUSDT"]
    with pytest.raises(bb.MessageError):
        engine.apply(frames.FUTURES_UPDATE[:cut])
    named = '"symbol":"BTCUSDT"' in frames.FUTURES_UPDATE[:cut]
    assert book.state == (BookState.GAP if named else BookState.LIVE)
    assert exact(book.peek()) == ([("70391.2", "1335")], [("70391.6", "3550")])


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"{'data': []}",
        b'{"data":[]}x',
        b'"text"',
        b"5",
        b"[]",
        b"null",
        b"\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"table":"spot/depth5","data":[{"symbol":"A_B","asks":[[' + b"9" * 1_000_000 + b"]]}]}",
        '"\ud800"',
    ],
    ids=lambda frame: repr(frame[:12]),
)
def test_what_is_not_json_or_no_object(frame):
    engine = bb.Engine()
    engine.apply(frames.SPOT_SNAPSHOT_4)
    with pytest.raises(bb.MessageError):
        engine.apply(frame)
    assert engine["BTC_USDT"].state == BookState.LIVE
    assert engine.stats["bad_frames"] == 1


def test_an_oversized_frame_is_refused_before_it_is_decoded():
    engine = bb.Engine(max_frame_bytes=1_000)
    engine.apply(frames.SPOT_SNAPSHOT_4)
    with pytest.raises(bb.MessageError, match=r"BTC_USDT: a frame of \d+ bytes; the limit is 1000"):
        engine.apply(spot("update", 5, [("5", "1")] * 100))
    assert engine["BTC_USDT"].state == BookState.GAP


def test_a_snapshot_that_cannot_be_held_is_refused_while_it_lasts():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")]))
    with pytest.raises(bb.NumberError) as caught:
        engine.apply(spot("snapshot", 2, [("1", "1"), ("1000000000000", "1")], [("1e-12", "1")]))
    assert caught.value.symbol == "BTC_USDT"
    book = engine["BTC_USDT"]
    assert book.state == BookState.GAP
    assert "held exactly: the level 1000000000000 x 1 beside the others" in book.reason
    # When the order that does not fit has gone, so has the trouble.
    engine.apply(spot("snapshot", 3, [("1", "1")], [("1.000000000001", "1")]))
    assert book.state == BookState.LIVE


def test_an_update_that_cannot_be_held_beside_the_levels_is_a_gap():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 1, [("1000000000000", "1")], [("2000000000000", "1")]))
    with pytest.raises(bb.NumberError) as caught:
        engine.apply(spot("update", 2, [("5", "1"), ("0.0000000001", "1")]))
    assert (caught.value.side, caught.value.row) == ("bid", 1)
    assert engine["BTC_USDT"].state == BookState.GAP
    # A new picture is measured by its own numbers.
    engine.apply(spot("snapshot", 3, [("0.0000000001", "1")], [("2", "1")]))
    assert engine["BTC_USDT"].best_bid.exact[0] == Decimal("0.0000000001")


def test_sizes_that_no_longer_fit_beside_a_finer_one_are_a_gap_too():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 1, [("5", "4000000000000000000")], [("6", "1")]))
    with pytest.raises(bb.NumberError):
        engine.apply(spot("update", 2, [("4", "0.001")]))
    assert engine["BTC_USDT"].peek().best_bid.exact[1] == 4 * 10**18


LARGE, FINE = ("9000000000000", "1"), ("0.0000000001", "1")


@pytest.mark.parametrize("engine", [bb.Engine, ShadowEngine])
@pytest.mark.parametrize("kept", [False, True])
def test_items_that_cannot_be_held_beside_each_other(engine, kept):
    """Each fits by itself, and so the frame is taken; the second finds no room beside the first."""
    engine = engine()
    first = spot_item("snapshot", 1, [("1", "1")], [("2", "1")])
    if kept:
        engine.apply(spot("update", 2, [FINE]))
        change = engine.apply(spot_items(first, spot_item("update", 3, [], [LARGE])))
    else:
        engine.apply(spot_items(first))
        update = spot_item("update", 2, [], [LARGE])
        change = engine.apply(spot_items(update, spot_item("update", 3, [FINE])))
    book = engine["BTC_USDT"]
    assert change & Change.GAP
    assert (book.state, book.sequence) == (BookState.GAP, 2)
    assert "held exactly" in book.reason
    book.check()
    engine.apply(spot("snapshot", 4, [FINE], [("2", "1")]))
    assert book.state == BookState.LIVE


def test_the_items_of_a_frame_are_checked_together():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")]))
    items = spot_item("update", 2, [FINE]), spot_item("update", 3, [], [LARGE])
    with pytest.raises(bb.NumberError):
        engine.apply(spot_items(*items))
    assert engine["BTC_USDT"].sequence == 1


@pytest.mark.parametrize("engine", [bb.Engine, ShadowEngine])
def test_sides_that_cannot_be_held_beside_each_other(engine):
    """The first side waits for its partner, and so is not there when the partner is checked."""
    engine = engine()
    for way, price in ((1, "10"), (2, "11")):
        engine.apply(futures_side(way, [(price, "1")]))
    assert engine.apply(futures_side(1, [LARGE])) == Change.BUFFERED
    assert engine.apply(futures_side(2, [FINE])) == Change.LEVELS | Change.GAP
    book = engine["futures/depth20:BTCUSDT"]
    assert book.state == BookState.GAP
    assert "held exactly" in book.reason
    for way, price in ((1, "10"), (2, "11")):
        engine.apply(futures_side(way, [(price, "1")]))
    assert (book.state, book.best_bid.price) == (BookState.LIVE, 10.0)


def test_sizes_of_one_snapshot_that_do_not_fit_beside_each_other():
    engine = bb.Engine()
    with pytest.raises(bb.NumberError) as caught:
        engine.apply(spot("snapshot", 1, [("5", "4000000000000000000"), ("4", "0.001")]))
    assert (caught.value.side, caught.value.row) == ("bid", 0)
    assert engine["BTC_USDT"].state == BookState.GAP


def test_a_refused_frame_makes_no_book():
    engine = bb.Engine()
    with pytest.raises(bb.MessageError):
        engine.apply(spot("update", 1, [("x", "1")], symbol="NEW_USDT"))
    assert len(engine) == 0


def test_too_many_books():
    engine = bb.Engine(max_books=2)
    for symbol in ("A_B", "C_D"):
        engine.apply(spot("snapshot", 1, symbol=symbol))
    items = [spot_item("update", 2, symbol="A_B"), spot_item("update", 2, symbol="E_F")]
    with pytest.raises(bb.LimitError):
        engine.apply(spot_items(*items))
    assert len(engine) == 2


# --- snapshots ---


def test_a_late_snapshot_is_held_and_not_shown():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 10, [("1", "1")], [("2", "1")]))
    assert engine.apply(spot("snapshot", 8, [("1", "9")], [("2", "9")])) == Change.DUPLICATE
    book = engine["BTC_USDT"]
    assert (book.best_bid.size, book.sequence) == (1.0, 10)
    # The next update continues the held one: the venue counts anew.
    assert engine.apply(spot("update", 9, [("1", "5")])) == Change.GAP
    assert "restarted" in book.reason
    engine.apply(spot("snapshot", 9, [("1", "7")], [("2", "9")]))
    assert book.state == BookState.STALE
    engine.apply(spot("update", 10, [("1", "8")]))
    assert (book.state, book.best_bid.size) == (BookState.LIVE, 8.0)


def test_a_newer_snapshot_replaces_everything():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 10, [("1", "1"), ("0.5", "1")], [("2", "1")]))
    engine.apply(spot("snapshot", 12, [("1", "3")], [("2", "1")]))
    book = engine["BTC_USDT"]
    assert exact(book)[0] == [("1", "3")]
    assert (book.sequence, book.epoch) == (12, 2)


def test_an_empty_snapshot_must_be_repeated():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 2, [("1", "1")]))
    assert engine.apply(spot("snapshot", 3)) == Change.GAP
    book = engine["BTC_USDT"]
    assert book.state == BookState.SYNCING
    engine.apply(spot("snapshot", 3, [("1", "0")]))
    assert book.state == BookState.LIVE
    assert book.best_bid is None
    assert book.mid is None


def test_unsorted_snapshots_with_repeats():
    engine = bb.Engine()
    bids = [("2", "1"), ("5", "1"), ("3", "0"), ("5", "2"), ("1", "1"), ("2", "0"), ("3", "4")]
    engine.apply(spot("snapshot", 1, bids, [("7", "1"), ("6", "1"), ("7", "3")]))
    book = engine["BTC_USDT"]
    assert exact(book) == ([("5", "2"), ("3", "4"), ("1", "1")], [("6", "1"), ("7", "3")])
    book.check()


def test_updates_before_the_snapshot_wait_and_a_hole_in_them_is_seen():
    engine = bb.Engine()
    for version in (6, 7, 9):
        assert engine.apply(spot("update", version, [(str(version), "1")])) == Change.BUFFERED
    assert engine.apply(spot("snapshot", 6, [("1", "1")], [("20", "1")])) == Change.GAP
    book = engine["BTC_USDT"]
    assert book.state == BookState.SYNCING
    assert book.reason == "the snapshot 6 does not reach the updates kept for it"
    # The one beyond the hole is still kept: a newer snapshot reaches it.
    engine.apply(spot("snapshot", 8, [("1", "1")], [("20", "1")]))
    assert book.sequence == 9
    assert book.best_bid.price == 9.0


def test_the_gap_itself_is_kept_for_the_snapshot():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 1, [("1", "1")], [("20", "1")]))
    assert engine.apply(spot("update", 5, [("5", "1")])) == Change.GAP
    assert engine.apply(spot("update", 6, [("6", "1")])) == Change.BUFFERED
    engine.apply(spot("snapshot", 4, [("1", "1")], [("20", "1")]))
    assert engine["BTC_USDT"].sequence == 6


def test_the_buffer_is_bounded():
    engine = bb.Engine()
    changes = [engine.apply(spot("update", version)) for version in range(1, 1_003)]
    assert changes[:1_000] == [Change.BUFFERED] * 1_000
    assert changes[1_000] == Change.GAP
    assert changes[1_001] == Change.BUFFERED
    assert engine["BTC_USDT"].stats["buffer_overflows"] == 1


def test_the_buffer_is_bounded_by_its_rows_too():
    """4 MiB of them: updates as large as they may be fill it long before a thousand have come."""
    engine = bb.Engine()
    rows = [(str(price), "1") for price in range(1, 20_001)]
    changes = [engine.apply(spot("update", version, rows)) for version in range(1, 9)]
    first = changes.index(Change.GAP)
    assert 4 <= first <= 7
    assert engine["BTC_USDT"].stats["buffer_overflows"] == 1
    assert engine["BTC_USDT"].stats["buffered"] == 7


def test_a_counter_that_goes_back_while_waiting_drops_the_old_count():
    engine = bb.Engine()
    engine.apply(spot("update", 700, [("7", "1")]))
    for version in (1, 2, 3):
        engine.apply(spot("update", version, [(str(version), "1")]))
    engine.apply(spot("snapshot", 2, [("1", "1")], [("20", "1")]))
    book = engine["BTC_USDT"]
    assert (book.state, book.sequence) == (BookState.LIVE, 3)


# --- time ---


def test_pictures_that_go_back_in_time_are_dropped_twice_and_then_believed():
    """One may have been overtaken; three in a row are of a clock that was set."""
    engine = bb.Engine()
    engine.apply(frames.SPOT_DEPTH5)
    picture = json.loads(frames.SPOT_DEPTH5)
    changes = []
    for _ in range(3):
        picture["data"][0]["ms_t"] -= 3_600_000
        picture["data"][0]["bids"] = [["160", "1"]]
        changes.append(engine.apply(json.dumps(picture)))
    assert changes[:2] == [Change.DUPLICATE] * 2
    assert changes[2] & Change.SNAPSHOT
    assert engine["spot/depth5:ETH_USDT"].best_bid.price == 160.0


@pytest.mark.parametrize("stamp", [0, 4_000_000_000_000])
def test_age_is_counted_by_this_machines_clock_alone(stamp):
    """Neither the venue's clock nor the wall clock can make a book old, or keep it young."""
    now = [50_000_000_000]
    engine = bb.Engine(clock=lambda: now[0])
    engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")], ms_t=stamp), 10**6 * stamp)
    book = engine["BTC_USDT"]
    now[0] += 2_500_000_000
    assert book.quote.age == 2.5
    now[0] += 6_999_999_999
    assert book.state == BookState.LIVE
    now[0] += 1
    assert book.state == BookState.STALE


# --- connections ---


def test_frames_of_an_older_connection_are_refused():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 10, [("1", "1")], [("2", "1")]), generation=1)
    book = engine["BTC_USDT"]
    # The new connection has to bring a snapshot, which may count lower.
    assert engine.apply(spot("update", 11, [("1", "2")]), generation=2) == Change.BUFFERED
    assert book.state == BookState.SYNCING
    assert engine.apply(spot("snapshot", 10, [("1", "9")], [("2", "9")]), generation=1) == 0
    assert book.state == BookState.SYNCING
    assert book.stats["refused_generation"] == 1
    engine.apply(spot("snapshot", 5, [("1", "5")], [("2", "1")]), generation=3)
    # It may as well be old: an update has to continue it.
    assert book.state == BookState.STALE
    engine.apply(spot("update", 6, [("1", "6")]), generation=3)
    assert (book.sequence, book.best_bid.size) == (6, 6.0)


def test_an_assigned_book_hears_its_own_connection_only():
    engine = bb.Engine()
    book = engine.book("BTC_USDT")
    engine.assign(book, 2)
    for generation in (1, 3):
        frame = spot("snapshot", 5, [("1", "5")], [("2", "1")])
        assert engine.apply(frame, generation=generation) == 0
    assert (book.state, book.stats["refused_generation"]) == (BookState.SYNCING, 2)
    engine.apply(spot("snapshot", 5, [("1", "5")], [("2", "1")]), generation=2)
    assert book.state == BookState.LIVE


@pytest.mark.parametrize("state", [BookState.GAP, BookState.CONNECTING, BookState.SYNCING])
def test_nothing_kept_outlives_the_word_that_a_book_is_lost(state):
    engine = bb.Engine()
    engine.apply(spot("update", 6, [("6", "1")]))
    book = engine["BTC_USDT"]
    engine.invalidate(book, "for the test", state=state)
    engine.apply(spot("snapshot", 5, [("1", "1")], [("20", "1")]))
    assert (book.sequence, book.best_bid.price) == (5, 1.0)


# --- the engine as a mapping, and its seam ---


def test_keys():
    engine = bb.Engine()
    engine.apply(frames.SPOT_SNAPSHOT_4)
    engine.apply(frames.SPOT_DEPTH5)
    engine.apply(frames.FUTURES_SNAPSHOT)
    assert len(engine) == 3
    assert "BTC_USDT" in engine
    assert "spot/depth5:ETH_USDT" in engine
    assert engine["futures/depthIncrease20:BTCUSDT@100ms"] is engine["BTCUSDT"]
    assert engine.get("NOPE_USDT") is None
    with pytest.raises(KeyError, match="there is spot/depth5:ETH_USDT"):
        engine["ETH_USDT"]
    with pytest.raises(KeyError):
        engine[5]
    # The default channel wins as soon as it is there.
    default = engine.book("BTCUSDT")
    assert engine["BTCUSDT"] is default
    assert engine.book("BTCUSDT") is default
    assert [book.symbol for book in engine.books] == ["BTC_USDT", "ETH_USDT", "BTCUSDT", "BTCUSDT"]


def test_symbols_of_the_wire_are_taken_verbatim():
    engine = bb.Engine()
    for symbol in ("Yinbi_BTC", "MKR-PERP", "BTC_USDT_210924"):
        engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")], symbol=symbol))
        assert engine[symbol].symbol == symbol
    with pytest.raises(bb.MessageError, match="expected a symbol"):
        engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")], symbol="a b\n"))


def test_a_book_by_itself_reads_its_own_frames_only():
    book = bb.Book("BTC_USDT")
    book.apply(frames.SPOT_SNAPSHOT_4, 123)
    assert book.receive_time_ns == 123
    assert book.apply(frames.SPOT_UPDATE_5.encode()) & Change.LEVELS
    for frame in (frames.SPOT_DEPTH5, frames.FUTURES_SNAPSHOT, frames.SPOT_TRADES):
        with pytest.raises(bb.UsageError, match="the frame is of"):
            book.apply(frame)
    with pytest.raises(bb.UsageError, match="the frame is of ETH_USDT"):
        book.apply(spot("update", 6, symbol="ETH_USDT"))
    assert (book.state, book.sequence) == (BookState.LIVE, 5)
    with pytest.raises(bb.MessageError):
        book.apply(spot("update", 6, [("x", "1")]))
    assert book.state == BookState.GAP


def test_confirm_moves_the_deadline():
    now = [0]
    engine = bb.Engine(clock=lambda: now[0], valid_for=5)
    engine.apply(frames.SPOT_DEPTH5)
    (book,) = engine.books
    now[0] = 4_000_000_000
    engine.confirm(book, 12_000_000_000)
    assert (book.valid_until, book.confirmed_by) == (12_000_000_000, "connection")
    now[0] = 12_000_000_000
    assert book.state == BookState.STALE


def test_a_closed_book_is_closed_for_good_and_a_later_frame_makes_a_new_one():
    engine = bb.Engine()
    engine.apply(frames.SPOT_SNAPSHOT_4)
    book = engine["BTC_USDT"]
    engine.close_book(book)
    assert book.state == BookState.CLOSED
    with pytest.raises(bb.FeedClosed):
        book.apply_snapshot([], [])
    with pytest.raises(bb.UsageError, match="not a book of this engine"):
        engine.confirm(bb.Book("BTC_USDT"), 0)
    engine.apply(frames.SPOT_SNAPSHOT_4)
    assert engine["BTC_USDT"] is not book


def test_only_frames_make_a_book_live():
    engine = bb.Engine()
    with pytest.raises(bb.UsageError):
        engine.invalidate(engine.book("BTC_USDT"), "x", state=BookState.LIVE)


def test_finish_stops_time():
    now = [0]
    engine = bb.Engine(clock=lambda: now[0])
    engine.apply(frames.SPOT_SNAPSHOT_4)
    engine.finish("end of capture")
    now[0] = 10**15
    book = engine["BTC_USDT"]
    assert (book.state, book.reason) == (BookState.LIVE, "end of capture")
    assert book.best_bid.price == 23105.0
