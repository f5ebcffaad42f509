"""How a book looks as text and as HTML: in every state, with any side empty, whatever it says."""

import html
import re
from decimal import Decimal
from html.parser import HTMLParser

import pytest

import bitmart_book as bb
from bitmart_book import display
from bitmart_book.display.markup import BADGES

STATES = list(bb.BookState)


def books(state, reason="why & <how>"):
    """A book of that state, with levels where it can have some."""
    now = [5_000_000_000]
    engine = bb.Engine(clock=lambda: now[0])
    book = engine.book("BTC_USDT")
    book.apply_snapshot([("99.50", "1"), ("99", "20")], [("100.5", "0.25")], sequence=7)
    if state == bb.BookState.CLOSED:
        engine.close_book(book)
    elif state != bb.BookState.LIVE:
        engine.invalidate(book, reason, state=state)
    now[0] += 1_500_000_000
    return book


class Page(HTMLParser):
    """Complains about tags that are not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.styles = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.styles.append(dict(attributes).get("style", ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def words(text):
    return " ".join(Page(text).text)


@pytest.mark.parametrize(
    ("value", "text"), [("1E+3", "1000"), ("1.500", "1.5"), ("0.00", "0"), ("10", "10")]
)
def test_number(value, text):
    assert display.number(Decimal(value)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-1, "0.0s"), (0.04, "0.0s"), (99.9, "99.9s"), (100, "2m"), (7200, "2h")],
)
def test_age(seconds, text):
    assert display.age(seconds) == text


def test_ages_are_short():
    assert max(len(display.age(10**exponent)) for exponent in range(-3, 12)) <= 5


def test_a_bar_has_one_width_and_is_never_empty():
    for share in (0, 1e-9, 0.1, 0.5, 0.999, 1):
        assert len(display.bar(share, 7)) == 7
        assert display.bar(share, 7).strip()


def test_control_characters_do_not_reach_a_terminal():
    assert display.clean("a\x1b[2Jb\nc") == "a\N{REPLACEMENT CHARACTER}[2Jb c"
    book = books(bb.BookState.GAP, "bad frame \x1b]0;x\x07\n")
    assert display.line(book).isprintable()


@pytest.mark.parametrize("state", STATES)
def test_ladder_in_every_state(state):
    lines = display.ladder(books(state))
    assert [kind for kind, _ in lines] == ["title", "ask", "spread", "bid", "bid"]
    assert f"BTC_USDT {state}" in lines[0][1]
    assert "spread 1" in lines[2][1]


@pytest.mark.parametrize("state", STATES)
def test_line_in_every_state(state):
    text = display.line(books(state))
    assert text.startswith(f"BTC_USDT {state}")
    assert ("last known" in text) == (state != bb.BookState.LIVE)
    assert "bid 99.5 x 1 | ask 100.5 x 0.25 | sequence 7 | age " in text
    assert text.isprintable()


def test_line_of_a_live_book_and_of_an_empty_one():
    assert display.line(books(bb.BookState.LIVE)) == (
        "BTC_USDT LIVE | bid 99.5 x 1 | ask 100.5 x 0.25 | sequence 7 | age 1.5s"
    )
    assert "bid - | ask - | sequence - | age -" in display.line(bb.Book("A_B"))
    assert display.line(bb.Book("A_B"), "spot/depth5:A_B").startswith("spot/depth5:A_B SYNCING")


@pytest.mark.parametrize("state", STATES)
def test_html_in_every_state(state):
    text = display.html(books(state))
    page = Page(text)
    assert [part for part in page.text if part in STATES] == [state]
    shown = words(text)
    for part in ("BTC_USDT", "spot/depth/increase100", "99.0", "100.5", "0.25", "sequence 7"):
        assert part in shown
    assert "age 1.5s" in shown or state != bb.BookState.LIVE
    trusted = state == bb.BookState.LIVE
    assert ("not to be trusted" in shown) != trusted
    assert any("opacity:.5;" in style for style in page.styles) != trusted


def test_html_quotes_what_others_wrote():
    text = display.html(books(bb.BookState.GAP, "<script>alert('&')</script>"))
    assert "<script" not in text
    assert html.escape("<script>alert('&')</script>") in text


def test_html_depends_on_nothing_outside():
    text = display.html(books(bb.BookState.LIVE))
    assert not re.search(r"https?:|<script|<style|class=|url\(", text)


def test_html_bars_are_shares_of_the_largest_size():
    assert re.findall(r"width:(\d+)%", display.html(books(bb.BookState.LIVE))) == ["1", "5", "100"]


def test_html_badges_can_be_read():
    def light(channel):
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    for colour in BADGES.values():
        red, green, blue = (light(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
        contrast = 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
        assert contrast >= 4.5, colour
    assert set(BADGES) == set(STATES)


@pytest.mark.parametrize("empty", ["bids", "asks", "both"])
def test_empty_sides(empty):
    book = bb.Book("A_B")
    book.apply_snapshot(
        [] if empty in ("bids", "both") else [("1", "1")],
        [] if empty in ("asks", "both") else [("2", "1")],
        sequence=1,
    )
    expected = "both sides are empty" if empty == "both" else "one side is empty"
    assert expected in display.html(book)
    assert expected in " ".join(text for _, text in display.ladder(book))
    assert " - " in display.line(book)


def test_html_never_raises():
    class Broken:
        def __repr__(self):
            return "<broken & co>"

        def peek(self):
            raise bb.FeedClosed("no <more>")

    text = display.html(Broken())
    assert Page(text).text == ["<broken & co>\nFeedClosed: no <more>"]


def test_html_of_numbers_of_any_size():
    book = bb.Book("A_B")
    book.apply_snapshot([("1e-18", "9e17")], [("5", "1")], sequence=1)
    assert "0.000000000000000001" in words(display.html(book))
    assert "900000000000000000" in display.line(book)
