"""The scanner and the general decoder give the same answers, and no byte too many is read."""

import ctypes
import json
import mmap
import os
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.frames import capture
from bitmart_book import BookState, Engine, MessageError
from tests.helpers.frames import spot

BLANK = st.sampled_from(["", "", "", " ", "\n", "\t ", "\r\n"])
NUMBERS = st.sampled_from(
    ["1", "0", "12.50", "0.00000001", "28000.00", "99999999999999999", "1e3", "1.5E-4", "5e+2"]
    + ["0.10", "007", "1.", ".5", "-0", "-1", "", "x", "1" * 18, "1" * 19, "9" * 19, "1" * 65]
    + ["0." + "0" * 29 + "1", "0.5" + "0" * 29, "1.000000000000000001", "10000000000000000.10"]
    + ["NaN", "+1", "1_0", " 1", "00", "0.0", "1e", "1e400", "0e5", "9223372036854775807"]
)


class Raw(str):
    """Text that stands in the JSON as it is."""


@st.composite
def written(draw, value):
    """JSON of a value, with blanks and keys in any order."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        names = draw(st.permutations(list(value)))
        members = [
            f"{draw(BLANK)}{json.dumps(name)}{draw(BLANK)}:{draw(BLANK)}"
            f"{draw(written(value[name]))}{draw(BLANK)}"
            for name in names
        ]
        return "{" + ",".join(members) + draw(BLANK if not members else st.just("")) + "}"
    if isinstance(value, list):
        items = [f"{draw(BLANK)}{draw(written(item))}{draw(BLANK)}" for item in value]
        return "[" + ",".join(items) + "]"
    return json.dumps(value)


@st.composite
def numbers(draw):
    text = draw(NUMBERS if draw(st.integers(0, 9)) == 0 else st.sampled_from(["1", "2.5", "0.10"]))
    return Raw(text) if draw(st.integers(0, 3)) == 0 and text else text


@st.composite
def levels(draw, as_objects, price, size):
    if draw(st.integers(0, 15)) == 0:
        return draw(st.sampled_from([None, "", {}, "x", [[]], [["1"]], [["1", "1", "1"]], [{}], 5]))
    rows = []
    for _ in range(draw(st.integers(0, 4))):
        row = [draw(numbers()), draw(numbers())]
        if as_objects:
            row = {price: row[0], size: row[1]}
            if draw(st.integers(0, 5)) == 0:
                row["count"] = draw(st.sampled_from([1, "x", None, True, [1], {"a": 1}]))
        rows.append(row)
    return rows


SYMBOLS = st.sampled_from(["BTC_USDT", "BTC_USDT", "BTC_USDT", "ETH_USDT", "", "a b", "É", 5, None])
VERSIONS = st.sampled_from([8, 8, 8, 9, 7, 0, "8", "08", -1, 1.5, None, "x", 10**18, 10**19, True])
EXTRA = st.sampled_from([1, "x", None, -1.5e3, False, [], {}, [1], "\\n", "é", "\x7f"])


ITEM_KEYS = st.sampled_from(["s_t", "data", "way", "depths", "a_long_key_it_is"])
FRAME_KEYS = st.sampled_from(["table", "group", "event", "errorCode", "precision", "symbol"])


@st.composite
def frames(draw):
    """A frame of some channel, nearly right."""
    kind = draw(st.sampled_from(["increase", "depth5", "futures", "side", "legacy"]))
    as_objects = kind in ("futures", "side", "legacy") or draw(st.integers(0, 9)) == 0
    price, size = "price", {"legacy": "amount"}.get(kind, "vol")
    if kind in ("increase", "depth5"):
        size = "size"
    symbol = draw(SYMBOLS)
    if kind in ("futures", "side") and isinstance(symbol, str):
        symbol = symbol.replace("_", "")
    item = {"symbol": symbol, "ms_t": draw(st.sampled_from([1700, 1700, "1700", "", None, "x"]))}
    names = {"legacy": ("buys", "sells")}.get(kind, ("bids", "asks"))
    if kind == "side":
        item |= {"way": draw(st.sampled_from([1, 2, "1", 3, None]))}
        item["depths"] = draw(levels(True, price, size))
    else:
        for name in names:
            item[name] = draw(levels(as_objects, price, size))
    if kind in ("increase", "futures"):
        item["type"] = draw(st.sampled_from(["update", "update", "snapshot", "x", None]))
        item["version"] = draw(VERSIONS)
    for name in list(item):
        if draw(st.integers(0, 25)) == 0:
            del item[name]
    if draw(st.integers(0, 5)) == 0:
        item[draw(st.sampled_from(["s_t", "data", "way", "depths", "a_long_key_it_is"]))] = draw(
            EXTRA
        )
    topic = {
        "increase": "spot/depth/increase100", "depth5": "spot/depth5",
        "futures": "futures/depthIncrease50:BTCUSDT@100ms", "side": "futures/depth20:BTCUSDT",
        "legacy": "depth",
    }[kind]  # fmt: skip
    if draw(st.integers(0, 9)) == 0:
        topic = draw(st.sampled_from(["spot/depth5:BTC_USDT", "spot/trade", "x", "", "depth", ":"]))
    key = {"increase": "table", "depth5": "table", "legacy": "subscribe"}.get(kind, "group")
    data = item if key != "table" or draw(st.integers(0, 9)) == 0 else [item]
    if draw(st.integers(0, 15)) == 0:
        data = draw(st.sampled_from([[], [item, item], None, "", [1], [[]]]))
    frame = {key: topic, "data": data}
    if kind == "legacy":
        frame |= {"symbol": item.pop("symbol", "BTC_USDT"), "precision": 6}
    if draw(st.integers(0, 9)) == 0:
        name = draw(
            st.sampled_from(["table", "group", "event", "errorCode", "precision", "symbol"])
        )
        frame[name] = draw(EXTRA)
    text = draw(BLANK) + draw(written(frame)) + draw(BLANK)
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(text)))
        text = (
            text[:at] + draw(st.sampled_from(["", ",", "}", '"', "0", "\\", "x"])) + text[at + 1 :]
        )
    return text


def begun(**options):
    """Both kinds of engine with a LIVE book of each kind, so that the scanner has work."""
    engine = Engine(**options)
    levels = {"bids": [["1", "1"]], "asks": [["3", "1"]]}
    objects = {side: [{"price": p, "vol": v} for p, v in rows] for side, rows in levels.items()}
    engine.apply(spot("snapshot", 7, **levels))
    engine.apply(json.dumps({"table": "spot/depth5", "data": [{"symbol": "BTC_USDT", **levels}]}))
    engine.apply(
        json.dumps(
            {
                "group": "futures/depthIncrease50:BTCUSDT",
                "data": {"symbol": "BTCUSDT", "type": "snapshot", "version": 7, **objects},
            }
        )
    )
    for way in (1, 2):
        rows = objects["bids" if way == 1 else "asks"]
        item = {"symbol": "BTCUSDT", "way": way, "depths": rows, "ms_t": 1}
        engine.apply(json.dumps({"group": "futures/depth20:BTCUSDT", "data": item}))
    legacy = {
        name: [{"price": p, "amount": a, "total": "1", "count": 1} for p, a in rows]
        for name, rows in (("buys", levels["bids"]), ("sells", levels["asks"]))
    }
    engine.apply(
        json.dumps({"subscribe": "depth", "symbol": "BTC_USDT", "precision": 6, "data": legacy})
    )
    return engine


def outcome(engine, frame):
    try:
        return engine.apply(frame)
    except MessageError as error:
        return type(error), str(error)


def picture(engine):
    return {
        topic: (
            engine[topic].state,
            engine[topic].reason,
            engine[topic].epoch,
            engine[topic].sequence,
            engine[topic].exchange_time_ms,
            engine[topic].stats,
            [tuple(map(tuple, rows)) for rows in engine[topic].peek().depth(exact=True)],
        )
        for topic in engine
    }


@given(st.lists(frames(), min_size=1, max_size=4))
@example(['{"table":"spot/depth/increase100","data":[{"symbol":"BTC_USDT","type":"update",'
          '"version":8,"bids":[["1.10","2"]],"asks":null}]} '])  # fmt: skip
def test_the_scanner_and_the_decoder_agree(texts):
    scanning, decoding = begun(), begun(scan=False)
    for text in texts:
        assert outcome(scanning, text) == outcome(decoding, text)
        touched = [[book.symbol for book in engine.touched] for engine in (scanning, decoding)]
        assert touched[0] == touched[1]
    assert picture(scanning) == picture(decoding)
    assert decoding.stats["scanned"] == 0


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("digits", range(1, 21))
def test_whole_numbers_of_any_length(digits, quoted):
    """Versions and times, with much behind them and with little."""
    number = 10 ** (digits - 1) + 123_456_789_012_345_678_901 % 10 ** (digits - 1)
    for version in (number, 10**digits - 1):
        written = f'"{version}"' if quoted else version
        item = '"symbol":"BTC_USDT","type":"snapshot"'
        bids = '"bids":[["1","1"]],"asks":[]'
        head, tail = '{"table":"spot/depth/increase100","data":[{', "}]}"
        apart = [
            f'{head}"version":{written},{item},"ms_t":7,{bids}{tail}',
            f'{head}"ms_t":{written},{item},"version":7,{bids}{tail}',
            f'{head}{item},"ms_t":7,{bids},"version":{written}{tail}',
            f'{head}{item},"version":7,{bids},"ms_t":{written}{tail}',
        ]
        for text in apart:
            scanning, decoding = begun(), begun(scan=False)
            before = scanning.stats["scanned"]
            assert outcome(scanning, text) == outcome(decoding, text)
            assert picture(scanning) == picture(decoding)
            assert scanning.stats["scanned"] - before == (version < 1 << 63)


SHORT = st.one_of(
    st.from_regex(r"[0-9]{1,10}(\.[0-9]{1,10})?", fullmatch=True),
    st.from_regex(r"[0-9]{1,3}(0|[0-9]){0,8}(\.[0-9]{0,4}0{0,8})?", fullmatch=True),
    st.text("0059.", max_size=17),
    st.text('19.e-" ,]', max_size=12),
)


@given(st.lists(st.tuples(SHORT, SHORT), min_size=1, max_size=5))
@example([("12345678", "0.0000000"), ("1234567.8", "123456.789"), ("0", "00.5")])
@example([("1.2345678", "0.1234567"), ("123456780", "100")])
@example([("61830.01000000", "3.00739000"), ("99999999.999999", "0.0000000000001")])
@example([("12345678901234", "12345678.000001"), ("123456789.1234", "100000000000.00")])
@example([("12345678901230", "123456789012345"), ("1234567890.000", "123456780")])
@example([("1234567890123.", "12345678901.23")])
@example([("123456789.12x4", "1")])
@example([("1234x6789.1234", "1")])
@example([("12345678.1.2345", "1")])
@example([("1.", "1")])
@example([(".5", "1")])
@example([("1", "1234567.")])
@example([("1", "1.2.3")])
@example([("1", "12345678.")])
@example([("1/2", "1:2")])
@example([("", "1")])
def test_short_numbers_are_what_the_decoder_makes_of_them(levels):
    rows = ",".join(f'["{price}","{size}"]' for price, size in levels)
    text = (
        f'{{"data":[{{"bids":[],"asks":[{rows}],"symbol":"BTC_USDT","type":"snapshot","version":9}}],'
        '"table":"spot/depth/increase100"}'
    )
    scanning, decoding = begun(), begun(scan=False)
    assert outcome(scanning, text) == outcome(decoding, text)
    assert picture(scanning) == picture(decoding)
    # A repeat is known as one, however it is read; three that were none would be a restart.
    update = text.replace("snapshot", "update").replace('"version":9', '"version":10')
    blank = update.replace("],[", "] , [").replace('["', '[ "')
    for frame in (update, blank, blank, blank):
        assert outcome(scanning, frame) == outcome(decoding, frame)
    assert picture(scanning) == picture(decoding)


@given(st.lists(frames(), min_size=1, max_size=3), st.sampled_from(["bytes", "bytearray", "view"]))
def test_bytes_of_every_kind_are_read_alike(texts, kind):
    engine, other = begun(), begun()
    make = {"bytes": bytes, "bytearray": bytearray, "view": lambda b: memoryview(b"x" + b)[1:]}
    for text in texts:
        assert outcome(engine, make[kind](text.encode())) == outcome(other, text)
    assert picture(engine) == picture(other)


SCANNED = [
    '{"data":[{"asks":[["3","1"]],"bids":[],"ms_t":1,"symbol":"BTC_USDT","type":"update",'
    '"version":8}],"table":"spot/depth/increase100"}',
    ' { "table" : "spot/depth/increase100:BTC_USDT" , "data" : [ { "type" : "update" , '
    '"version" : "8" , "bids" : [ [ 1.5 , 2 ] , ["1e0", 5e-1] ] , "x" : null } ] } ',
    '{"data":{"symbol":"BTC_USDT","type":"snapshot","version":9,"bids":[["1","1"]],"asks":[]},'
    '"table":"spot/depth/increase100"}',
    '{"table":"spot/depth5","data":[{"symbol":"BTC_USDT","bids":[["1","1"]],"asks":[["2","1"]]}]}',
    '{"group":"futures/depthIncrease50:BTCUSDT@200ms","data":{"symbol":"BTCUSDT","type":"update",'
    '"version":8,"asks":[{"price":"3","vol":"0"}],"bids":[{"vol":"7","price":"1","n":[]}]}}'
    .replace('"n":[]', '"n":1'),
    '{"data":{"way":2,"symbol":"BTCUSDT","depths":[{"price":"3","vol":"4"}],"ms_t":2},'
    '"group":"futures/depth20:BTCUSDT"}',
    '{"subscribe":"depth","symbol":"BTC_USDT","precision":6,"data":{"buys":[{"amount":"1",'
    '"total":"1","price":"1","count":1}],"sells":[]}}',
    '{"table":"spot/depth/increase100","data":[{"version":8,"symbol":"BTC_USDT","type":"update",'
    '"bids":[["1.25","0.50000"],["1","0"],["1.5","12345678.9"],["0.12345678","7"],["2.5","1"]]}]}',
    '{"group":"futures/depthIncrease50:BTCUSDT@200ms","data":{"symbol":"BTCUSDT","version":8,'
    '"type":"update","asks":[{"price":"3","vol":"0"},{"price":"4.5","vol":"10"},'
    '{"price":"4.25","vol":"1"},{"vol":"2","price":"5"},{"vol":"3","price":"6"}]}}',
]  # fmt: skip


@pytest.mark.parametrize("text", SCANNED)
def test_every_documented_shape_is_scanned(text):
    engine = begun()
    before = engine.stats["scanned"]
    engine.apply(text)
    assert engine.stats["scanned"] == before + 1


@pytest.mark.parametrize(
    "text",
    [
        SCANNED[0].replace('"asks"', '"a\\u0073ks"'),
        SCANNED[0].replace('"asks"', '"asks\\0"'),
        SCANNED[0].replace('"asks"', '"\\\\s"'),
        SCANNED[0].replace('"ms_t":1', '"é":1'),
        SCANNED[0].replace('"ms_t":1', '"a\\tb":1'),
        SCANNED[0].replace('"ms_t":1', '"ms_t":1,"ms_t":1'),
        SCANNED[0].replace('"ms_t":1', '"note":"é"'),
        SCANNED[0].replace('[["3","1"]]', '[["3","1"],]'),
        SCANNED[0].replace('"3"', "03"),
        SCANNED[0].replace('"3"', "3."),
        SCANNED[0].replace('"3"', "0"),
        SCANNED[0].replace("}]", "},{}]"),
        SCANNED[0].replace("BTC", "ETH"),
        SCANNED[0] + "x",
        SCANNED[1] + "x",
        SCANNED[1].replace('"data"', '"group":"x","data"'),
        SCANNED[0][:-1] + ',"group":null}',
    ],
)
def test_what_is_odd_is_left_to_the_decoder(text):
    engine = begun()
    before = engine.stats["scanned"]
    outcome(engine, text)
    assert engine.stats["scanned"] == before


@pytest.mark.parametrize(
    "number",
    [
        "9.999999999999999999",
        "99999999999999999999",
        "0.123456789012345678901",
        "18446744073709551617",
    ]
    + ["1.84467440737095516170", "922337203685477580.8", "92233720368547758.080000000"],
)
def test_numbers_of_many_digits(number):
    """More than an int64 holds: what wraps around must not look like a number that fits."""
    text = SCANNED[0].replace('"1"', f'"{number}"')
    scanning, decoding = begun(), begun(scan=False)
    assert outcome(scanning, text) == outcome(decoding, text)
    assert picture(scanning) == picture(decoding)


@pytest.mark.parametrize("zeros", [1, 4, 7, 8, 15])
def test_padding_makes_a_book_no_finer(zeros):
    """With the zeros the large size would no longer fit."""
    engine, large = Engine(), 10**17
    engine.apply(spot("snapshot", 7, [["1", str(large)]], [["3", "1"]]))
    engine.apply(spot("update", 8, [["2.0" + "0" * zeros, "0.5" + "0" * zeros]]))
    assert engine.stats["scanned"] == 1
    assert [level.exact for level in engine["BTC_USDT"].bids] == [(2, Decimal("0.5")), (1, large)]


def test_padding_of_a_long_number_makes_a_book_no_finer():
    """A number with more than fourteen digits, but not more than eight on either side of its point,
    is read by another way than shorter ones."""
    engine, large = Engine(), 10**17
    engine.apply(spot("snapshot", 7, [["1", str(large)]], [["3", "1"]]))
    engine.apply(spot("update", 8, [["2", "1234567.50000000"]]))
    assert engine.stats["scanned"] == 1
    assert engine["BTC_USDT"].best_bid.exact == (2, Decimal("1234567.5"))


def test_channels_with_names_of_one_length_are_told_apart():
    engine = Engine()
    for price in ("1", "2"):
        for depth, size in (("20", "2"), ("50", "5")):
            item = {"symbol": "BTC_USDT", "bids": [[price, size]], "asks": []}
            engine.apply(json.dumps({"table": f"spot/depth{depth}", "data": [item]}))
    assert engine.stats["scanned"] == 2
    assert tuple(engine["spot/depth20:BTC_USDT"].best_bid) == (2.0, 2.0)
    assert tuple(engine["spot/depth50:BTC_USDT"].best_bid) == (2.0, 5.0)


def test_generated_frames_are_all_scanned():
    engine = Engine()
    count = 0
    for frame in capture(("BTC_USDT", "ETH_USDT"), 500, seed=3):
        engine.apply(frame)
        count += 1
    # The first frame of each book makes it.
    assert engine.stats["scanned"] == count - 2
    assert engine.stats["decoded"] == 2


def test_what_is_kept_is_looked_at_again_when_its_time_comes():
    engine = Engine()
    engine.apply(spot("snapshot", 7, [["1.5", "1"]], [["3", "1"]]))
    engine.apply(spot("update", 9, [["1.5", "2"]], []))
    book = engine["BTC_USDT"]
    assert (book.state, engine.stats["scanned"]) == (BookState.GAP, 1)
    # With such a price there is no room for decimals.
    engine.apply(spot("snapshot", 8, [["1", "1"]], [["4000000000000000000", "1"]]))
    assert book.state == BookState.GAP
    engine.apply(spot("snapshot", 9, [["1", "1"]], [["4000000000000000000", "1"]]))
    assert book.best_bid.exact == (Decimal(1), Decimal(1))


def test_a_closed_book_is_not_found_again():
    engine = begun()
    book = engine["BTC_USDT"]
    engine.apply(SCANNED[0])
    engine.close_book(book)
    engine.apply(SCANNED[2])
    assert engine["BTC_USDT"] is not book
    assert book.state == BookState.CLOSED
    assert engine["BTC_USDT"].sequence == 9


def test_a_thousand_books_are_told_apart():
    engine = Engine()
    symbols = [f"S{number}_USDT" for number in range(1_000)]
    for number, symbol in enumerate(symbols):
        engine.apply(spot("snapshot", number, [["1", "1"]], [["2", "1"]], symbol=symbol))
    for number, symbol in enumerate(symbols):
        engine.apply(spot("update", number + 1, [["1", str(number + 1)]], symbol=symbol))
    assert engine.stats["scanned"] == 1_000
    assert all(engine[s].best_bid_size == n + 1 for n, s in enumerate(symbols))


class GuardedPages:
    """Memory that ends where the next page must not be read."""

    def __init__(self):
        self.size = mmap.PAGESIZE
        self.map = mmap.mmap(-1, 2 * self.size)
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        libc = ctypes.CDLL(None, use_errno=True)
        failed = libc.mprotect(ctypes.c_void_p(self.start + self.size), self.size, 0)
        assert not failed, os.strerror(ctypes.get_errno())

    def at_the_end(self, data):
        address = self.start + self.size - len(data)
        ctypes.memmove(address, data, len(data))
        return memoryview((ctypes.c_char * len(data)).from_address(address)).cast("B")


def test_not_a_byte_behind_the_frame_is_read():
    """Every beginning of every shape, against the end of a mapped page: one byte too many kills
    the process."""
    pages = GuardedPages()
    for text in SCANNED:
        data = text.encode()
        for length in range(1, len(data) + 1):
            engine = Engine()
            engine.apply(spot("snapshot", 7, [["1", "1"]], [["3", "1"]]))
            outcome(engine, pages.at_the_end(data[:length]))
    engine = begun()
    before = engine.stats["scanned"]
    engine.apply(pages.at_the_end(SCANNED[0].encode()))
    assert engine.stats["scanned"] == before + 1
