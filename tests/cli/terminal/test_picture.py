"""What `watch` with keys draws: books in rows, one of them as a ladder, at every size."""

import pytest
from rich.cells import cell_len
from rich.segment import Segment

import bitmart_book as bb
from bitmart_book.cli.terminal.choice import ORDERS, Choice
from bitmart_book.cli.terminal.lines import DIM, in_ascii
from bitmart_book.cli.terminal.rows import KEPT, Rows
from bitmart_book.cli.terminal.spark import spark
from bitmart_book.cli.terminal.tape import Tape
from tests.helpers.frames import spot
from tests.helpers.watched import engine, picture, text


def lost(made, symbol, version=9):
    made.apply(spot("update", version, [], [], symbol))


# --- rows ---


def test_a_row_has_no_price_that_nobody_may_use():
    made = engine("A_B", "C_D")
    lost(made, "C_D")
    live, gap = Rows().look({book.symbol: book for book in made.books}, 0.0)
    assert (str(live.bid), str(live.ask), str(live.spread)) == ("100", "100.05", "0.05")
    assert gap[4:8] == (None,) * 4
    assert gap.spread_bps is None
    assert gap.reason.startswith("version gap")
    assert not gap.live


def test_rates_count_updates_and_not_looks():
    made, rows = engine("A_B"), Rows()
    books = {"A_B": made["A_B"]}
    assert rows.look(books, 0.0)[0].rate is None
    for version in range(8, 18):
        made.apply(spot("update", version, [("99.5", str(version))], [], "A_B"))
    assert rows.look(books, 2.0)[0].rate == 5.0
    assert rows.look({"X": made["A_B"]}, 2.5)[0].rate is None, "a name that is gone is forgotten"
    assert rows.look(books, 3.0)[0].rate is None


def test_a_mid_is_kept_each_second_and_none_through_a_gap():
    made, rows = engine("A_B"), Rows()
    books = {"A_B": made["A_B"]}
    for tenth in range(21):
        (row,) = rows.look(books, tenth / 10)
    assert list(row.mids) == [100.025] * 3
    lost(made, "A_B")
    rows.look(books, 2.5)
    made.apply(spot("snapshot", 20, [("100", "1")], [("102", "1")], "A_B"))
    (row,) = rows.look(books, 2.6)
    assert list(row.mids) == [100.025, 100.025, None], "of a second all was known, or nothing"
    (row,) = rows.look(books, 3.1)
    assert list(row.mids) == [100.025, 100.025, None, 101.0]
    for second in range(4, 200):
        (row,) = rows.look(books, float(second))
    assert len(row.mids) == KEPT


def test_a_spark_line_is_low_and_high_and_empty_where_nothing_is_known():
    assert spark([1, 4, None, 7], 6) == "  ▁▄ ▇"
    assert spark([2, 2], 2) == "▄▄"
    assert spark([1, 2, 3], 2) == "▁▇"
    assert (spark([], 3), spark([1], 0)) == ("   ", "")


# --- choice ---


def test_what_is_not_live_comes_first_and_other_orders_are_a_key_away():
    made = engine("B_X", "A_X", "C_X")
    lost(made, "C_X")
    made.apply(spot("update", 8, [("100", "0"), ("100.01", "1")], [], "A_X"))
    shown = picture(made)
    names = {}
    for _ in ORDERS:
        shown.choose()
        names[shown.choice.order] = "".join(row.name[0] for row in shown.rows)
        shown.choice.next_order()
    assert names == {
        "not LIVE first": "CBA",
        "symbol": "ABC",
        "widest spread": "BAC",
        "busiest": "BAC",
        "latest": "BAC",
        "as asked": "BAC",
    }
    assert shown.choice.order == "not LIVE first"


def test_a_filter_finds_names_and_states():
    made = engine("BTC_USDT", "ETH_USDT", "ETH_BTC")
    lost(made, "ETH_BTC")
    shown = picture(made)
    for words, found in (
        ("btc", {"BTC_USDT", "ETH_BTC"}),
        ("eth gap", {"ETH_BTC"}),
        ("live usdt", {"BTC_USDT", "ETH_USDT"}),
        ("nothing", set()),
    ):
        shown.choice.words = words
        shown.choose()
        assert {row.name for row in shown.rows} == found
    assert "no book has that" in text(shown.lines(80, 24))


def test_a_selection_stays_with_its_book():
    made = engine(*(f"S{number}_X" for number in range(30)))
    shown = picture(made)
    choice = shown.choice
    choice.move(shown.rows, 25)
    assert choice.selected == "S25_X"
    above, window = choice.window(shown.rows, 10)
    assert above == 16
    assert window[-1].name == "S25_X"
    lost(made, "S25_X")
    shown.look(1.0, "")
    assert shown.rows[0].name == choice.selected
    choice.move(shown.rows, -100)
    choice.move(shown.rows, 1000)
    assert choice.selected == shown.rows[-1].name
    choice.move([], 1)
    assert choice.chosen([]) is None


def test_esc_goes_back_one_step_at_a_time():
    choice = Choice()
    choice.help = choice.whole = choice.typing = True
    choice.type("a")
    choice.type("b")
    choice.erase()
    assert choice.words == "a"
    choice.back()
    assert (choice.help, choice.words) == (False, "a")
    choice.back()
    assert (choice.typing, choice.words, choice.whole) == (False, "", True)
    choice.back()
    assert not choice.whole


# --- the whole ---


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    "size", [(1, 1), (31, 9), (40, 6), (80, 24), (100, 15), (150, 30), (200, 60)]
)
def test_every_size_is_filled_and_not_more(size, whole):
    width, height = size
    made = engine(*(f"S{number}_X" for number in range(40)))
    lost(made, "S7_X")
    shown = picture(made)
    shown.choice.whole = whole
    for helps in (False, True):
        shown.choice.help = helps
        lines = shown.lines(width, height)
        assert len(lines) == height
        for line in (*lines, *map(in_ascii, lines)):
            assert sum(cell_len(segment.text) for segment in line) == width


def test_at_80_by_24_the_table_and_the_ladder_are_there():
    made = engine("BTC_USDT", "ETH_USDT")
    lost(made, "ETH_USDT")
    shown = text(picture(made).lines(80, 24))
    first, head, ill, well, ladder, *_, keys = shown.split("\n")
    assert "2 books · 1 not LIVE" in first
    assert first.endswith("12:00:00 ")
    assert head.split()[:4] == ["symbol", "state", "bid", "ask"]
    assert ill.startswith("▸ ETH_USDT    GAP")
    assert "version gap: expected 8, was 9" in ill
    assert "100.00  100.05    0.05" in well
    assert ladder.startswith("── ETH_USDT  GAP  version gap")
    assert "spread 0.05 · 5 bps" in shown
    assert "? help" in keys
    assert "q end" in keys


def test_what_cannot_be_seen_is_counted():
    made = engine(*(f"S{number}_X" for number in range(40)))
    lost(made, "S7_X")
    shown = picture(made)
    assert "32 more " in text(shown.lines(80, 24))
    shown.choice.move(shown.rows, 30)
    assert "32 more, 1 of them not LIVE" in text(shown.lines(80, 24))


def test_a_ladder_that_is_not_live_is_grey_and_says_what_the_copy_is():
    made = engine("A_B")
    shown = picture(made)
    lost(made, "A_B")  # after the look, before it is drawn
    lines = shown.lines(80, 24)
    at = next(n for n, line in enumerate(lines) if line[0].text == "── ")
    assert lines[at][3].text == " GAP "
    for line in lines[at + 1 : -2]:
        assert {segment.style for segment in line if segment.text.strip()} <= {DIM}


def test_own_orders_are_marked_and_add_up_in_a_coarse_row():
    def order(name, side, price, size, filled="0", symbol="A_B"):
        return bb.Order(
            market="spot", symbol=symbol, order_id=name, status="new", side=side, type="limit",
            price=price, size=size, filled_size=filled,
        )  # fmt: skip

    orders = [
        (order("1", "buy", "99.98", "0.5", "0.1"), False),
        (order("2", "buy", "99.95", "0.25"), True),
        (order("3", "sell", "100.06", "2"), False),
        (order("4", "sell", "100.06", "9", symbol="C_D"), True),
    ]
    shown = picture(engine("A_B"), orders=orders)
    lines = text(shown.lines(80, 24)).split("\n")
    assert [line.split("◂ ")[1].split()[0] for line in lines if "◂" in line] == [
        "2",
        "0.4",
        "0.25?",
    ]
    shown.choice.coarser(1)
    lines = text(shown.lines(80, 24)).split("\n")
    assert "by 0.1" in lines[-2]
    marked = [line for line in lines if "◂" in line]
    assert [line.split()[0] for line in marked] == ["100.1", "99.9"]
    assert [line.split("◂ ")[1].split()[0] for line in marked] == ["2", "0.65?"]
    for _ in range(9):
        shown.choice.coarser(-1)
    assert shown.choice.step == 1


def test_trades_are_told_with_what_was_lost():
    trade = bb.Trade(symbol="A_B", price="100.5", size="2", side="buy")

    class Stream:
        told = [trade, bb.StreamGap(3, "overflow"), trade]

        def get(self, timeout):
            one = self.told.pop(0) if self.told else TimeoutError()
            if isinstance(one, Exception):
                raise one
            return one

    made = engine("A_B", "C_D")
    tape = Tape({("spot", "A_B"): Stream()})
    assert list(tape.of(made["A_B"])) == []
    tape.take()
    assert list(tape.of(made["A_B"])) == [trade, "3 lost: overflow", trade]
    assert tape.of(made["C_D"]) == ()
    shown = text(picture(made, trades=tape.of(made["A_B"])).lines(80, 24))
    assert shown.count("100.5  2") == 2
    assert "3 lost: overflow" in shown


def test_every_character_has_a_likeness_in_ascii():
    made = engine("A_B", "C_D")
    lost(made, "C_D")
    shown = picture(made)
    shown.look(2.0, "12:00:02")
    shown.choice.move(shown.rows, 1)
    lines = [line for width in (80, 200) for line in shown.lines(width, 24)]
    plain = text(map(in_ascii, lines))
    assert plain.isascii()
    assert "?" not in plain.replace("? help", "")
    assert in_ascii([Segment("中 │")])[0].text == "? |"
