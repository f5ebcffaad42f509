"""The screen with keys, by Textual: keys change what is chosen, and a timer looks at the books.

All of it is one widget that draws lines: what has not changed is not sent to the terminal again,
which is what a slow line notices.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bitmart_book.cli.terminal.lines import Line, in_ascii
from bitmart_book.cli.terminal.picture import Picture, Watched
from bitmart_book.display.libraries import library

__all__ = ["Keyed"]

_WANTED_BY = "`watch` with keys"
_App: Any = library("textual.app", _WANTED_BY).App
_Widget: Any = library("textual.widget", _WANTED_BY).Widget
_Strip: Any = library("textual.strip", _WANTED_BY).Strip
_Region: Any = library("textual.geometry", _WANTED_BY).Region

# Faster than anybody reads prices, and slow enough to cost a few percent of one core.
REFRESH = 0.2


class _Canvas(_Widget):  # type: ignore[misc]
    """Draws a picture, and sends the lines of it that are not as they were."""

    can_focus = True
    DEFAULT_CSS = "_Canvas { width: 100%; height: 100%; background: ansi_default; }"

    def __init__(self, picture: Picture, plain: bool) -> None:
        super().__init__()
        self._picture = picture
        self._plain = plain
        self._lines: list[Line] = []

    def redraw(self) -> None:
        width, height = self.size
        lines = self._picture.lines(width, height)
        if self._plain:
            lines = [in_ascii(line) for line in lines]
        before, self._lines = self._lines, lines
        if len(before) != len(lines):
            self.refresh()
            return
        regions = [_Region(0, y, width, 1) for y, line in enumerate(lines) if line != before[y]]
        if regions:
            self.refresh(*regions)

    def on_resize(self, _: object) -> None:
        self._lines = []
        self.redraw()

    def render_line(self, y: int) -> Any:
        if y >= len(self._lines):
            return _Strip.blank(self.size.width)
        return _Strip(self._lines[y], self.size.width)

    def on_key(self, event: Any) -> None:
        event.stop()
        event.prevent_default()
        if self.app.picture.choice.typing:
            self.app.typed(event.key, event.character or "")
        else:
            self.app.pressed(event.key)
        self.app.picture.choose()
        self.redraw()


class Keyed(_App):  # type: ignore[misc]
    """Shows what is watched until `ended` says so, or raises, or a key ends it.

    ended: asked five times a second. plain: for a terminal that has ASCII alone. `failure` is what
    it raised.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: ansi_default; }"

    def __init__(
        self,
        watched: Watched,
        ended: Callable[[], bool],
        *,
        plain: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], str] = lambda: time.strftime("%H:%M:%S"),
    ) -> None:
        super().__init__(ansi_color=True)
        self.picture = Picture(watched)
        self.failure: BaseException | None = None
        self._ended = ended
        self._clock = clock
        self._wall = wall
        self._canvas = _Canvas(self.picture, plain)

    def compose(self) -> Any:
        yield self._canvas

    def on_mount(self) -> None:
        self._canvas.focus()
        self.look()
        self.set_interval(REFRESH, self.look)

    def look(self) -> None:
        """See how the books are now, and draw them; or end."""
        try:
            if self._ended():
                self.exit()
                return
            self.picture.look(self._clock(), self._wall())
            self._canvas.redraw()
        except BaseException as error:
            self.failure = error
            self.exit()

    # --- keys ---

    def pressed(self, key: str) -> None:
        """A key that means something by itself."""
        choice, rows = self.picture.choice, self.picture.rows
        screenful = max(1, self._canvas.size.height // 3)
        moves = {
            "up": -1, "k": -1, "down": 1, "j": 1, "pageup": -screenful, "pagedown": screenful,
            "home": -len(rows), "end": len(rows),
        }  # fmt: skip
        if key in ("q", "ctrl+c", "ctrl+q"):
            self.exit()
        elif key in moves:
            choice.move(rows, moves[key])
        elif key == "enter":
            choice.whole = not choice.whole
        elif key == "s":
            choice.next_order()
        elif key == "slash":
            choice.typing = True
        elif key in ("g", "G", "upper_g"):
            choice.coarser(1 if key == "g" else -1)
        elif key == "question_mark":
            choice.help = not choice.help
        elif key == "escape":
            choice.back()

    def typed(self, key: str, character: str) -> None:
        """A key while the words of the filter are typed."""
        choice = self.picture.choice
        if key == "enter":
            choice.typing = False
        elif key in ("escape", "ctrl+c"):
            choice.back()
        elif key == "backspace":
            choice.erase()
        elif character.isprintable():
            choice.type(character)
