"""A feed in a notebook: its books as a table, and no price of one that is not LIVE."""

import re

import bitmart_book as bb
from bitmart_book.display import books_html
from tests.helpers import frames
from tests.helpers.frames import spot


def cells(text):
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", text)
    return [
        [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in rows[1:]
    ]


def test_books_that_are_not_live_come_first_and_without_prices(tmp_path):
    path = tmp_path / "capture.jsonl"
    other = spot("snapshot", 4, [("1.50", "2")], [("3", "1")], symbol="ETH_USDT")
    path.write_text("\n".join([other, frames.SPOT_SNAPSHOT_4, spot("update", 9)]))
    with bb.connect(source=path) as feed:
        shown = cells(feed._repr_html_())
        assert shown == [
            ["BTC_USDT", "spot/depth/increase100", "GAP", "-", "-", "-", "-", "-",
             "version gap: expected 5, was 9"],
            ["ETH_USDT", "spot/depth/increase100", "LIVE", "1.5", "2", "3", "1", "-", ""],
        ]  # fmt: skip
        assert "<b>Feed 2 books</b>" in feed._repr_html_()
    assert "<b>Feed closed</b>" in feed._repr_html_()


def test_symbols_and_reasons_are_text():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 4, [("1", "2")], [("3", "1")], symbol="<b>X"))
    engine.invalidate(engine["<b>X"], "<script>")
    text = books_html("<i>", engine.books)
    assert "<script>" not in text
    assert "&lt;b&gt;X" in text
    assert "<b>&lt;i&gt;</b>" in text


def test_of_many_books_some_are_shown():
    engine = bb.Engine()
    for number in range(50):
        engine.apply(spot("snapshot", 4, [("1", "2")], [], symbol=f"S{number}_USDT"))
    text = books_html("many", engine.books)
    assert len(cells(text)) == 40
    assert "and 10 more" in text
