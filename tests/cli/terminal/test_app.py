"""`watch` with keys, as Textual runs it: what keys do, and how it ends."""

import asyncio
import os
import pty
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bitmart_book.cli.terminal.app import Keyed
from tests.helpers.frames import spot
from tests.helpers.watched import engine, watched


def shown(app):
    """The screen as text."""
    canvas = app.query_one("_Canvas")
    return "\n".join(canvas.render_line(y).text for y in range(canvas.size.height))


def running(made, script, *, ended=lambda: False, size=(80, 24), plain=False):
    """Let a script press keys; the app when it is over."""
    app = Keyed(watched(made), ended, plain=plain, clock=lambda: 0.0, wall=lambda: "12:00:00")

    async def run():
        async with app.run_test(size=size) as pilot:
            await script(app, pilot)

    asyncio.run(run())
    return app


def press(app, *keys):
    """As if they had been typed, without the time that a terminal takes."""
    canvas = app.query_one("_Canvas")
    for key in keys:
        nothing = dict.fromkeys(("stop", "prevent_default"), lambda: None)
        one = key if len(key) == 1 else None
        canvas.on_key(SimpleNamespace(key=key, character=one, **nothing))


def test_keys_of_a_terminal_arrive():
    async def script(app, pilot):
        await pilot.press("down", "slash", "Q")
        assert app.picture.choice.selected == "ETH_USDT"
        assert "filter: Q_" in shown(app)
        await pilot.resize_terminal(40, 8)
        await pilot.pause()
        assert len(shown(app).split("\n")) == 8

    running(engine("BTC_USDT", "ETH_USDT"), script)


def test_keys_select_sort_filter_group_and_help():
    async def script(app, pilot):
        choice = app.picture.choice
        assert "▸ BTC_USDT" in shown(app)
        press(app, "down")
        assert "▸ ETH_USDT" in shown(app)
        assert "── ETH_USDT" in shown(app)
        press(app, "g")
        assert "by 0.1" in shown(app)
        press(app, "G", "s")
        assert choice.step == 1
        assert "· symbol" in shown(app)
        press(app, "enter")
        assert "state" not in shown(app).split("\n")[1]
        press(app, "escape", "slash", "b", "x", "backspace", "t", "q")
        assert "filter: btq_" in shown(app)
        press(app, "backspace", "enter")
        assert "1 of 2 books" in shown(app)
        assert "filter: bt " in shown(app)
        press(app, "escape", "question_mark")
        assert "put ten ticks into one row" in shown(app)
        press(app, "question_mark", "end", "k", "j", "home", "pagedown", "pageup")
        assert choice.selected == "BTC_USDT"
        press(app, "slash", "ctrl+c", "f5")
        assert not choice.typing

    running(engine("BTC_USDT", "ETH_USDT"), script)


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
def test_keys_end_it(key):
    async def script(app, pilot):
        await pilot.press(key)
        await pilot.pause()
        assert not app.is_running

    assert running(engine("BTC_USDT"), script).failure is None


def test_a_book_that_leaves_live_is_seen_at_the_next_look():
    made = engine("BTC_USDT", "ETH_USDT")

    async def script(app, pilot):
        made.apply(spot("update", 9, [], [], "ETH_USDT"))
        app.look()
        assert shown(app).split("\n")[2].startswith("  ETH_USDT    GAP")
        assert "1 not LIVE" in shown(app)
        assert "ETH_USDT" in app.export_screenshot()

    running(made, script)


def test_what_ends_the_feed_ends_the_screen():
    problem = RuntimeError("over")

    def ended():
        raise problem

    async def script(app, pilot):
        await pilot.pause()

    assert running(engine("BTC_USDT"), script, ended=ended).failure is problem
    assert running(engine("BTC_USDT"), script, ended=lambda: True).failure is None


def test_a_terminal_with_ascii_alone_is_sent_nothing_else():
    async def script(app, pilot):
        assert shown(app).isascii()
        assert "> BTC_USDT" in shown(app)

    running(engine("BTC_USDT"), script, plain=True)


@pytest.mark.slow
def test_keys_on_a_real_terminal():
    main, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bitmart_book", "watch", "BTC_USDT", "--source", "sim", "--keys"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    ) as process:
        os.close(terminal)
        shown = b""
        typed = [(b" LIVE ", b"/"), (b"filter: _", b"btc\r"), (b"filter: btc ", b"q")]
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:  # Linux's way of saying that the other end is closed
                break
            if not part:
                break
            shown += part
            if typed and typed[0][0] in shown:
                os.write(main, typed.pop(0)[1])
        assert process.wait() == 0
    os.close(main)
    restored = shown.rindex(b"\x1b[?1049l")
    assert b"BTC_USDT LIVE | bid " in shown[restored:]
    assert b"Traceback" not in shown
