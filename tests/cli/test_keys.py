"""`watch` with keys, beside what it draws: where keys are had, and whose orders are seen."""

import io
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

import bitmart_book as bb
from bitmart_book.cli import _keys, _live
from bitmart_book.cli._rows import named
from bitmart_book.cli.terminal.screen import Screen
from tests.helpers.watched import engine

CAPTURED = '{"spot_public":"ws://127.0.0.1:9/x","credentials":{"key":"k","secret":"s","memo":"m"}}'


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("wanted", "terminal", "library", "there"),
    [
        (None, True, True, True),
        (None, True, False, False),
        (None, False, True, False),
        (False, True, True, False),
        (True, True, False, True),  # which then names what installs it
    ],
)
def test_keys_are_had_on_a_terminal_with_the_library(monkeypatch, wanted, terminal, library, there):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, f"__{name}__", Terminal() if terminal else io.StringIO())
    monkeypatch.setattr(_keys.importlib.util, "find_spec", lambda name: library or None)
    console = Console(force_terminal=terminal, file=io.StringIO(), _environ={"TERM": "xterm"})
    assert bool(_keys.have_keys(wanted, console)) is there


def test_keys_without_a_terminal_are_refused(monkeypatch):
    monkeypatch.setattr(sys, "__stdin__", io.StringIO())
    with pytest.raises(bb.UsageError, match="--keys needs a terminal"):
        _keys.have_keys(True, Console())


@pytest.mark.parametrize(("encoding", "plain"), [("utf-8", False), ("ascii", True), ("cp437", 1)])
def test_what_is_no_utf_8_is_drawn_in_ascii(encoding, plain):
    assert _keys.is_plain(encoding) == plain


def test_what_is_watched_of_a_feed():
    known, held, unclear = (
        bb.Order(
            market="spot", symbol="A_B", order_id=name, status="new", side="buy", type="limit",
            price="1", size="2",
        )
        for name in "123"
    )  # fmt: skip
    asked = []

    class Feed:
        account = SimpleNamespace(
            orders={"1": known, "2": held, "3": unclear},
            unconfirmed=(held, "a balance"),
            unclear={"3": unclear},
        )

        def trades(self, topic, *, maxsize):
            asked.append(topic)
            if topic == "spot:C_D":
                raise bb.UsageError("this has none")
            return SimpleNamespace(get=lambda timeout: (_ for _ in ()).throw(TimeoutError()))

    made = engine("A_B", "C_D")
    watched = _keys.watch_of(SimpleNamespace(feed=Feed(), books=made.books), CAPTURED)
    assert watched.source == "addresses of a server", "which hold keys"
    assert asked == ["spot:A_B", "spot:C_D"]
    assert watched.books() == named(made.books)
    assert list(watched.orders()) == [(known, False), (held, True), (unclear, True)]
    assert list(watched.trades(made["C_D"])) == []


def test_of_a_capture_no_orders_are_seen():
    class Feed:
        @property
        def account(self):
            raise bb.UsageError("a capture has none")

    watched = _keys.watch_of(SimpleNamespace(feed=Feed(), books=()), "x.jsonl")
    assert list(watched.orders()) == []


@pytest.mark.private
def test_whose_orders_are_seen(monkeypatch):
    assert _live.account("sim", ()) == {}
    assert list(_live.account(CAPTURED, ("bitmart",))["credentials"]) == ["bitmart"]
    assert _live.account('{"spot_public":"ws://127.0.0.1:9/x"}', ()) == {}
    for source in ("x.jsonl", "attach:prices"):
        with pytest.raises(bb.UsageError, match="there is no account with"):
            _live.account(source, ())
    for name in ("KEY", "SECRET", "MEMO"):
        monkeypatch.delenv(f"BITMART_API_{name}", raising=False)
    with pytest.raises(bb.UsageError, match="BITMART_API_KEY"):
        _live.account("live", ())
    for wrong in ('{"a', "{}x", "[]"):
        with pytest.raises(bb.UsageError, match="that `bitmart-book sim` printed") as error:
            _live._printed(wrong)
        assert wrong not in str(error.value)


def test_without_keys_a_terminal_of_ascii_is_sent_nothing_else():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    screen = Screen("sim")
    screen.observe(named(engine("A_B").books), 0.0, "12:00:00", deepest=24)
    Console(file=out, width=80, height=24, force_terminal=True).print(screen, end="", height=24)
    out.flush()
    text = out.buffer.getvalue().decode()
    assert "A_B" in text
    assert "#####" in text
    assert "\\u" not in text
