"""What can be wrong, or merely unusual, with one frame of the sequenced book.

Each function makes other frames of one: some mean the same and must be read the same, the others
are such that a reader can know that something is wrong. None is wrong unnoticeably: a changed
digit of a price, say, is not here, because nothing on the wire could tell (BitMart sends no
checksum). Chance is an argument.
"""

from __future__ import annotations

import functools
import json
import random
import re
import zlib
from collections.abc import Callable
from decimal import Decimal

from bitmart_book.sim.faults.shapes import Shape

__all__ = [
    "ANYWHERE",
    "LOSING",
    "MEANING_THE_SAME",
    "OF_SNAPSHOTS",
    "Damage",
    "Pushed",
    "PushedElsewhere",
    "bomb",
    "other_digit",
]

TABLE = "spot/depth/increase100"
SIDES = ("asks", "bids")
MEBIBYTE = 1024 * 1024


class Pushed:
    """A push of the sequenced book taken apart: each value is its JSON text.

    `rows` holds (price, size) of "asks" and "bids", `fields` what else the item has.
    """

    names = {"asks": "asks", "bids": "bids"}
    """Of the sides, in an item."""
    elsewhere = False

    def __init__(self, text: str) -> None:
        item = json.loads(text)["data"][0]
        self.text = text
        self.rows = {
            side: [(f'"{price}"', f'"{size}"') for price, size in item.pop(side)] for side in SIDES
        }
        self.fields = {name: json.dumps(value) for name, value in item.items()}
        self.symbol: str = item["symbol"]

    def places(self) -> list[tuple[str, int]]:
        """(side, index) of every row."""
        return [(side, place) for side in SIDES for place in range(len(self.rows[side]))]

    def item(self, sides: dict[str, str] | None = None) -> dict[str, str]:
        """The item's members as JSON texts; `sides` replaces the texts of some sides."""
        rows = {
            side: "[" + ",".join(f"[{price},{size}]" for price, size in self.rows[side]) + "]"
            for side in SIDES
        }
        return {**rows, **(sides or {}), **self.fields}

    def written(self, table: str = TABLE) -> str:
        """The frame again, in the order in which the server writes it."""
        return _frame(_object(self.item()), table)

    def framed(self, item: str) -> str:
        """An item in a frame."""
        return _frame(item)

    def with_data(self, data: str) -> str:
        """A frame with other data."""
        return f'{{"data":{data},"table":"{TABLE}"}}'

    def otherwise(self, size: str, rng: random.Random) -> str:
        """Another size than this one, as the venue would write it; it may be zero."""
        del size
        return rng.choice(('"0"', '"7"', '"123.4"'))

    def gone(self, price: str, rng: random.Random) -> tuple[str, str]:
        """The deletion of one tick, far from any market, where prices look like this one."""
        decimals = len(price.strip('"').partition(".")[2])
        return f'"{Decimal(1).scaleb(-decimals):f}"', rng.choice(('"0"', '"0.00000"'))


class PushedElsewhere(Pushed):
    """The same of another venue's push."""

    elsewhere = True

    def __init__(self, text: str, shape: Shape) -> None:
        frame = json.loads(text, parse_float=_Text, parse_int=_Text)
        self._frame = frame
        self._listed = isinstance(frame["data"], list)
        item = frame["data"][0] if self._listed else frame["data"]
        self._order = list(item)
        self.text = text
        self.shape = shape
        self.names = shape.sides
        self.symbol = shape.key(shape.look(text).symbol)
        self.rows = {
            side: [shape.row(row) for row in item.pop(shape.sides[side])] for side in SIDES
        }
        self.fields = {name: _written(value) for name, value in item.items()}

    def item(self, sides: dict[str, str] | None = None) -> dict[str, str]:
        found = dict(self.fields)
        for side, name in self.names.items():
            rows = ",".join(self.shape.written_row(*row) for row in self.rows[side])
            found[name] = (sides or {}).get(side, f"[{rows}]")
        known = {name: found.pop(name) for name in self._order if name in found}
        return {**known, **found}

    def written(self, table: str = "") -> str:
        del table
        return self.framed(_object(self.item()))

    def framed(self, item: str) -> str:
        return self.with_data(f"[{item}]" if self._listed else item)

    def with_data(self, data: str) -> str:
        members = {name: _written(value) for name, value in self._frame.items()}
        return _object({**members, "data": data})

    def otherwise(self, size: str, rng: random.Random) -> str:
        return _with_digits(rng.choice("0789"), size)

    def gone(self, price: str, rng: random.Random) -> tuple[str, str]:
        side, place = rng.choice(self.places())
        tick = re.sub(r"\d(?=\"?$)", "1", _with_digits("0", price))
        return tick, _with_digits("0", self.rows[side][place][1])


Damage = Callable[[Pushed, random.Random], str | bytes | None]
"""Makes another frame of one; None where this one does not lend itself to it."""


class _Text(str):
    """The text of a number."""


def _written(value: object) -> str:
    if isinstance(value, _Text):
        return str(value)
    if isinstance(value, dict):
        return _object({name: _written(part) for name, part in value.items()})
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return json.dumps(value)


def _with_digits(digit: str, text: str) -> str:
    """A number of that digit alone, with as many decimals, and as few others as JSON wants."""
    return re.sub(r"^(\"?)0+(?=\d)", r"\1", re.sub(r"\d", digit, text))


def other_digit(text: str, rng: random.Random) -> str:
    """The text of a number of which one digit is another one."""
    place = rng.choice([place for place, sign in enumerate(text) if sign.isdigit()])
    digit = rng.choice([other for other in "123456789" if other != text[place]])
    return text[:place] + digit + text[place + 1 :]


def _object(members: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}"


def _frame(item: str, table: str = TABLE) -> str:
    return f'{{"data":[{item}],"table":"{table}"}}'


def _deflated(text: str) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(text.encode()) + deflate.flush()


# --- the same, said otherwise ---


def shuffled(push: Pushed, rng: random.Random) -> str | None:
    """Rows in any order, and members too: bids may come before asks, so that a book that looks
    into the middle of a frame sees it crossed."""
    if len(push.places()) < 2:
        return None
    if any(len({price for price, _ in rows}) < len(rows) for rows in push.rows.values()):
        return None  # the last of two counts
    for side in SIDES:
        rng.shuffle(push.rows[side])
    members = list(push.item().items())
    rng.shuffle(members)
    item = _object(dict(members))
    if push.elsewhere:
        return push.framed(item)
    return rng.choice((_frame(item), f'{{"table":"{TABLE}","data":[{item}]}}'))


def named_twice(push: Pushed, rng: random.Random) -> str | None:
    """A price stands in the frame twice; the last one counts."""
    places = push.places()
    if not places:
        return None
    side, place = rng.choice(places)
    rows = push.rows[side]
    other = push.otherwise(rows[place][1], rng)
    rows.insert(rng.randint(0, place), (rows[place][0], other))
    return push.written()


def deleted_without_being_there(push: Pushed, rng: random.Random) -> str | None:
    """A price that has no level is deleted: one tick, far from any market."""
    places = push.places()
    if not places:
        return None
    side, place = rng.choice(places)
    push.rows[side].insert(place, push.gone(push.rows[side][place][0], rng))
    return push.written()


def no_side(push: Pushed, rng: random.Random) -> str | None:
    """A side without rows is null, an empty text, an empty object, or missing."""
    empty = [side for side in SIDES if not push.rows[side]]
    if not empty:
        return None
    item = push.item()
    for side in empty:
        text = rng.choice(("null", '""', "{}", None))
        if text is None:
            del item[side]
        else:
            item[side] = text
    return _frame(_object(item))


def numbers_otherwise(push: Pushed, rng: random.Random) -> str | None:
    """Prices and sizes without quotes, or with an exponent, or both."""
    if not push.places():
        return None

    def other(text: str) -> str:
        value = Decimal(text.strip('"'))
        plain, exponent = f"{value:f}", f"{value:e}"
        return rng.choice((plain, exponent, f'"{exponent}"', f'"{exponent.upper()}"', text))

    for side in SIDES:
        push.rows[side] = [(other(price), other(size)) for price, size in push.rows[side]]
    return push.written()


def with_zeros(push: Pushed, rng: random.Random) -> str | None:
    """More zeros behind the point than a number needs: up to thirty decimals are on record."""
    if not push.places():
        return None

    def longer(text: str) -> str:
        number = text.strip('"')
        decimals = len(number.partition(".")[2])
        zeros = "0" * rng.randint(1, max(1, 30 - decimals))
        return f'"{number}{"" if "." in number else "."}{zeros}"'

    for side in SIDES:
        push.rows[side] = [(longer(price), longer(size)) for price, size in push.rows[side]]
    return push.written()


def integers_as_texts(push: Pushed, rng: random.Random) -> str:
    """The stamp and the version in quotes, as other channels write them."""
    fields = push.fields
    for name in rng.choice((("ms_t",), ("version",), ("ms_t", "version"))):
        fields[name] = f'"{fields[name]}"'
    return push.written()


def stamped_wrongly(push: Pushed, rng: random.Random) -> str:
    """The stamp says nothing of the order: it repeats, steps back, is of another day."""
    stamp = int(push.fields["ms_t"])
    push.fields["ms_t"] = str(
        rng.choice((0, stamp - 1, stamp - rng.randint(100, 10_000), stamp + 86_400_000))
    )
    return push.written()


def named_otherwise(push: Pushed, rng: random.Random) -> str:
    """The table carries the symbol, as the generic part of BitMart's text shows it; members that
    nobody documented."""
    names = ("note", "version", "Symbol") if push.elsewhere else ("checksum", "seqId", "Symbol")
    push.fields[rng.choice(names)] = rng.choice(("null", "7", '["x"]'))
    return push.written(rng.choice((f"{TABLE}:{push.symbol}", TABLE)))


def long_frame(push: Pushed, rng: random.Random) -> str:
    """Up to 3.5 MiB, and still within every limit."""
    return push.text + " " * rng.randint(64 * 1024, 3 * MEBIBYTE + MEBIBYTE // 2)


# --- what a reader must refuse ---


def _with_last_row(push: Pushed, row: tuple[str, str], rng: random.Random) -> str:
    # Behind good rows, so that a reader that applies as it reads is caught half way.
    push.rows[rng.choice(SIDES)].append(row)
    return push.written()


def _some_row(push: Pushed, rng: random.Random) -> tuple[str, str] | None:
    places = push.places()
    if not places:
        return None
    side, place = rng.choice(places)
    return push.rows[side][place]


_NO_NUMBERS = (
    '"NaN"', '"Infinity"', '"-Infinity"', '"0x1F"', '"1_000"', '""', '" "', '"1,5"', '"1.2.3"',
    '"--1"', '"1e"', '"\\u0661"', "true", "null", "[]", "{}", "NaN",
)  # fmt: skip


def not_a_number(push: Pushed, rng: random.Random) -> str | None:
    """A price or size that is none."""
    row = _some_row(push, rng)
    if row is None:
        return None
    token = rng.choice(_NO_NUMBERS)
    return _with_last_row(push, rng.choice(((token, row[1]), (row[0], token))), rng)


def too_many_digits(push: Pushed, rng: random.Random) -> str | None:
    """A number that no 64 bits hold, or a price that cannot be: zero, or below it."""
    row = _some_row(push, rng)
    if row is None:
        return None
    long_ = rng.choice(('"12345678901234567890123.5"', '"9e99999"', '"0.' + "3" * 31 + '"'))
    price = rng.choice(('"0"', '"-1"', '"-0.01"', long_))
    return _with_last_row(push, rng.choice(((price, row[1]), (row[0], long_))), rng)


def negative_size(push: Pushed, rng: random.Random) -> str | None:
    """A size below zero, as venues send that tell changes and not sizes."""
    row = _some_row(push, rng)
    if row is None:
        return None
    return _with_last_row(push, (row[0], '"-' + row[1].strip('"').lstrip("0") + '1"'), rng)


def crossed(push: Pushed, rng: random.Random) -> str | None:
    """A bid above every ask. Only for a book that has asks: in another it would be believed."""
    row = _some_row(push, rng)
    if row is None:
        return None
    price = Decimal(row[0].strip('"')) * 10
    push.rows["bids"].insert(0, (f'"{price:f}"', '"1"'))
    return push.written()


def wrong_fields(push: Pushed, rng: random.Random) -> str:
    """A type, version or symbol that cannot be; elsewhere the number or checksum that proves it."""
    if isinstance(push, PushedElsewhere):
        text = rng.choice((None, "null", "1.5", "true", '"x"', "99999999999999999999"))
        if text is None:
            del push.fields[push.shape.number]
        else:
            push.fields[push.shape.number] = text
        return push.written()
    name, bad = rng.choice(
        (
            ("type", (None, "null", '"delta"', "5", '"SNAPSHOT"')),
            ("version", (None, "null", "-1", "1.5", "true", '"x"', '"-7"', "99999999999999999999")),
            ("symbol", (None, "null", '""', "22", '["BTC_USDT"]')),
        )
    )
    text = rng.choice(bad)
    if text is None:
        del push.fields[name]
    else:
        push.fields[name] = text
    return push.written()


def wrong_data(push: Pushed, rng: random.Random) -> str:
    """Data that is no list of objects."""
    return push.with_data(rng.choice(('""', "null", "[]", "5", '"x"', "[5]", "[[]]", "[null]")))


def not_json(push: Pushed, rng: random.Random) -> str:
    """Wrong quotes (BitMart sent those), a byte order mark, a zero byte, broken UTF-8, half a
    frame, a page of a proxy, nothing at all."""
    text = push.text
    return rng.choice(
        (
            text.replace('"', "'"),
            "\ufeff" + text,
            text[: len(text) // 2] + "\0" + text[len(text) // 2 :],
            # A lone surrogate stands for a byte that is no UTF-8; see `Send` in faults.
            text.replace('"symbol":"', '"symbol":"\udcff'),
            text[: rng.randrange(1, len(text))],
            "<html><body>502 Bad Gateway</body></html>",
            "",
            text + text,
            "[" * 2_000,
        )
    )


def not_deflate(push: Pushed, rng: random.Random) -> bytes:
    """A binary frame that does not inflate to exactly one text. No flipped bits: deflate has no
    checksum, and what they make of a price might pass."""
    good = _deflated(push.text)
    return rng.choice(
        (
            good[: rng.randrange(1, len(good) - 1)],
            good + b"\0\0",
            good + good,
            zlib.compress(push.text.encode()),
            b"\x07" + good,
            b"",
        )
    )


@functools.cache
def bomb() -> bytes:
    """Sixteen kilobytes that would inflate to sixteen mebibytes."""
    return _deflated('{"data":[' + " " * (16 * MEBIBYTE))


def deflate_bomb(push: Pushed, rng: random.Random) -> bytes:
    """A small frame that would be a very large one."""
    del push, rng
    return bomb()


def too_long(push: Pushed, rng: random.Random) -> str:
    """More than the 4 MiB that a frame may have."""
    del rng
    return push.text + " " * (4 * MEBIBYTE + 1)


# --- of snapshots ---


def without_a_side(push: Pushed, rng: random.Random) -> str:
    """A snapshot that lacks a side altogether: not an empty one, but no snapshot."""
    item = push.item()
    del item[push.names[rng.choice(SIDES)]]
    return push.framed(_object(item))


def emptied(push: Pushed, rng: random.Random) -> str:
    """What a server says that is not ready yet."""
    del rng
    return push.framed(_object(push.item(dict.fromkeys(SIDES, "[]"))))


MEANING_THE_SAME: dict[str, tuple[Damage, tuple[int, ...]]] = {
    "shuffle": (shuffled, (20,)),
    "twice": (named_twice, (18,)),
    "absent": (deleted_without_being_there, (17,)),
    "null": (no_side, (21,)),
    "number": (numbers_otherwise, (24,)),
    "zeros": (with_zeros, (26,)),
    "strings": (integers_as_texts, (31,)),
    "stamp": (stamped_wrongly, (32,)),
    "table": (named_otherwise, (29,)),
    "big": (long_frame, (50,)),
}
"""Of updates, and the rows of the fault catalogue that they are."""

LOSING: dict[str, tuple[Damage, tuple[int, ...]]] = {
    "nan": (not_a_number, (24, 28)),
    "digits": (too_many_digits, (25, 28)),
    "negative": (negative_size, (27, 28)),
    "cross": (crossed, (14,)),
    "fields": (wrong_fields, (29, 31)),
    "data": (wrong_data, (21,)),
    "rubbish": (not_json, (34,)),
    "deflate": (not_deflate, (51,)),
    "bomb": (deflate_bomb, (51,)),
    "oversize": (too_long, (50,)),
}
"""Of updates: the update itself is lost."""

OF_SNAPSHOTS: dict[str, tuple[Damage, tuple[int, ...]]] = {
    "shufflesnap": (shuffled, (20,)),
    "twicesnap": (named_twice, (19,)),
    "numbersnap": (numbers_otherwise, (24,)),
    "zerossnap": (with_zeros, (26,)),
    "crosssnap": (crossed, (14,)),
    "negativesnap": (negative_size, (27, 28)),
    "nosidesnap": (without_a_side, (21,)),
    "emptysnap": (emptied, (22,)),
}

ANYWHERE = frozenset(
    {
        *("shuffle", "twice", "absent", "table", "big"),
        *LOSING,
        *("shufflesnap", "twicesnap", "crosssnap", "negativesnap", "nosidesnap", "emptysnap"),
    }
)
"""Those that other venues may meet too. Where a checksum is made of the texts of numbers, the same
number cannot be written otherwise; and nobody saw a side that is not a list."""
