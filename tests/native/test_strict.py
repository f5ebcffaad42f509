"""What the scanner must not let pass, to books that are there: what is no JSON, what does not fit,
and what is somebody else's."""

import json

import msgspec
import pytest

from bitmart_book import BookState, Engine, MessageError, NumberError
from bitmart_book.venues import SPOT, Venue
from tests.helpers.frames import futures_side, spot

# --- what is no JSON, and keys of every length ---


def live():
    engine = Engine()
    engine.apply(spot("snapshot", 5, [("100", "1")], [("101", "1")]))
    return engine


@pytest.mark.parametrize("member", ["version", "ms_t"])
def test_a_whole_number_does_not_begin_with_a_zero(member):
    item = {"version": 6, "ms_t": 1_700_000_000_006}
    frame = spot("update", 6, [("99", "1")]).replace(f'"{member}": ', f'"{member}": 0')
    assert f": 0{item[member]}" in frame
    engine = live()
    with pytest.raises(MessageError, match="not JSON"):
        engine.apply(frame)
    assert engine["BTC_USDT"].peek().size_at("bid", 99) == 0


@pytest.mark.parametrize("length", range(1, 12))
@pytest.mark.parametrize("where", ["item", "frame"])
def test_a_key_with_a_control_character_in_it_is_no_json(length, where):
    key = "x" * (length - 1) + "\n"
    start = '"version"' if where == "item" else '"table"'
    frame = spot("update", 6, [("99", "1")]).replace(start, f'"{key}": 1, {start}')
    engine = live()
    with pytest.raises(MessageError, match="not JSON"):
        engine.apply(frame)
    assert engine["BTC_USDT"].peek().size_at("bid", 99) == 0


@pytest.mark.parametrize("length", range(1, 10))
def test_keys_of_every_length_are_told_apart_by_each_letter(length):
    """Letters that differ by one bit, whichever it is, and wherever it stands."""
    key = "a" * length
    books = tuple(msgspec.structs.replace(book, sequence=key) for book in SPOT.books)
    venue = Venue(profiles=(msgspec.structs.replace(SPOT, books=books),))
    frame = spot("snapshot", 5, [("100", "1")], [("101", "1")])
    engine = Engine(venue=venue)
    assert engine.apply(frame.replace('"version"', f'"{key}"'))
    for place in range(length):
        for bit in (1, 2, 4, 8, 16):
            other = key[:place] + chr(ord("a") ^ bit) + key[place + 1 :]
            with pytest.raises(MessageError, match="expected a version"):
                engine.apply(frame.replace('"version"', f'"{other}"'))


# --- what does not fit at the scale of the book ---


@pytest.mark.parametrize("column", ["price", "size"])
@pytest.mark.parametrize(
    "number",
    [
        "99999999999999",
        "999999999999999",
        "1e18",
        "1000000000000000000",
        "9000000000000000000",
        "4e15",
        "1e19",
        "9e30",
        "10000000000000000000",
    ],
)
@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("other", ["1", "0.00000001"])
@pytest.mark.parametrize("spelling", ["spot", "compact", "futures"])
def test_a_number_too_large_for_the_scale_is_refused_wherever_it_stands(
    column, number, quoted, other, spelling
):
    """The book has eight decimals of it, and of the other one as many or none; in the venue's
    spelling and in every other."""
    small = ("0.00000001", other) if column == "price" else (other, "0.00000001")
    row = (number, "1") if column == "price" else ("2", number)
    engine = Engine()
    if spelling != "futures":
        engine.apply(spot("snapshot", 5, [small], []))
        frame = spot("update", 6, [row, ("3", "1")])
        topic = "spot/depth/increase100:BTC_USDT"
    else:
        engine.apply(futures_side(1, [small]))
        engine.apply(futures_side(2, [("900", "1")]))
        frame = futures_side(1, [row, ("3", "1")])
        topic = "futures/depth20:BTCUSDT"
    if not quoted:
        frame = frame.replace(f'"{number}"', number)
    if spelling == "compact":
        frame = frame.replace(" ", "")
    before = engine[topic].peek().depth(exact=True)
    with pytest.raises(NumberError):
        engine.apply(frame)
    assert engine[topic].peek().depth(exact=True) == before


@pytest.mark.parametrize("way", [0, 3, -1, 12])
def test_there_are_two_sides(way):
    engine = Engine()
    engine.apply(futures_side(1, [("100", "1")]))
    engine.apply(futures_side(2, [("101", "1")]))
    with pytest.raises(MessageError, match="expected side 1 or 2"):
        engine.apply(futures_side(way, [("99", "1")]))
    assert engine["futures/depth20:BTCUSDT"].best_bid_price == 100


# --- whose a frame is ---


@pytest.mark.parametrize("left_out", ["version", "type"])
def test_an_update_of_a_live_book_says_what_it_is(left_out):
    item = json.loads(spot("update", 6, [("99", "1")]))["data"][0]
    del item[left_out]
    engine = live()
    with pytest.raises(MessageError):
        engine.apply(json.dumps({"table": "spot/depth/increase100", "data": [item]}))
    assert engine["BTC_USDT"].state == BookState.GAP


def legacy(symbol, inner=None, size="1", **envelope):
    rows = {"buys": [{"price": "100", "amount": size}], "sells": [{"price": "101", "amount": "1"}]}
    data = rows if inner is None else {**rows, "symbol": inner}
    return json.dumps({"subscribe": "depth", **envelope, "symbol": symbol, "data": data})


@pytest.mark.parametrize("inner", ["ETH_USDT", "BTC_USD", "BTC_USDTT"])
def test_a_frame_that_names_two_symbols_changes_neither(inner):
    engine = Engine()
    for symbol in ("BTC_USDT", inner):
        engine.apply(legacy(symbol))
        engine.apply(legacy(symbol, symbol))
    for outer, within in (("BTC_USDT", inner), (inner, "BTC_USDT")):
        with pytest.raises(MessageError, match="the topic names"):
            engine.apply(legacy(outer, within, size="7"))
    for symbol in ("BTC_USDT", inner):
        assert engine[f"legacy/depth:{symbol}"].best_bid_size == 1


def test_a_frame_whose_envelope_names_nobody_is_nobodys():
    engine = Engine()
    engine.apply(legacy("BTC_USDT", "BTC_USDT"))
    frame = legacy("BTC_USDT", "BTC_USDT", size="7").replace(
        '"symbol": "BTC_USDT", "data"', '"data"'
    )
    with pytest.raises(MessageError):
        engine.apply(frame)
    assert engine["legacy/depth:BTC_USDT"].best_bid_size == 1


@pytest.mark.parametrize("inner", ["ETH_USDT", "BTC_USD", "BTC_USDTT"])
def test_a_topic_that_names_another_symbol_than_its_data_changes_neither(inner):
    engine = Engine()
    for symbol in ("BTC_USDT", inner):
        engine.apply(spot_frame(f"spot/depth/increase100:{symbol}", symbol))
    for outer, within in (("BTC_USDT", inner), (inner, "BTC_USDT")):
        with pytest.raises(MessageError, match="the topic names"):
            engine.apply(spot_frame(f"spot/depth/increase100:{outer}", within, version=9))
        assert {book.state for book in engine.books} == {BookState.GAP}, "both are in doubt"
        for symbol in ("BTC_USDT", inner):
            engine.apply(spot_frame(f"spot/depth/increase100:{symbol}", symbol))
    assert [book.sequence for book in engine.books] == [5, 5]


def spot_frame(topic, symbol, version=5):
    frame = json.loads(spot("snapshot", version, [("100", "1")], [("101", "1")], symbol=symbol))
    return json.dumps({**frame, "table": topic})


@pytest.mark.parametrize("order", [1, -1])
def test_a_symbol_that_begins_like_another_one_has_a_book_of_its_own(order):
    engine = Engine()
    symbols = ["BTC_USDT", "BTC_USD", "BTC_USDTT"][::order]
    for version in (5, 6, 7):
        for place, symbol in enumerate(symbols):
            kind = "snapshot" if version == 5 else "update"
            rows = [("90", str(10 * version + place))]
            engine.apply(spot(kind, version, rows, [("101", "1")], symbol=symbol))
    for place, symbol in enumerate(symbols):
        assert engine[f"spot/depth/increase100:{symbol}"].size_at("bid", 90) == 70 + place
