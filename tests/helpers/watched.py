"""Books to be watched, and the screen that shows them, as text."""

import bitmart_book as bb
from bitmart_book.cli._rows import named
from bitmart_book.cli.terminal.picture import Picture, Watched
from tests.helpers.frames import spot


def levels(best, step, count=30):
    return [(f"{best + step * n:.2f}", f"{n + 1}.25") for n in range(count)]


def engine(*symbols):
    """Books of these symbols, LIVE; a best bid of 100.00, and an ask of 100.05."""
    made = bb.Engine()
    for symbol in symbols:
        made.apply(spot("snapshot", 7, levels(100, -0.01), levels(100.05, 0.01), symbol))
    return made


def watched(made, trades=(), orders=()):
    return Watched("sim", lambda: named(made.books), lambda _: trades, lambda: orders)


def picture(made, **more):
    shown = Picture(watched(made, **more))
    shown.look(0.0, "12:00:00")
    return shown


def text(lines):
    """Lines of segments as one text."""
    return "\n".join("".join(segment.text for segment in line) for line in lines)
