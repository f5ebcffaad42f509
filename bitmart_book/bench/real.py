"""Recorded streams as the changes of their best 100 levels, where such recordings are at hand.

They are no part of the package. A folder holds files `NAME.frames.jsonl.gz` of spot frames, one a
line; those of one symbol are taken. What a venue that publishes the best 100 levels would have
sent is worked out from the whole book before and after every frame.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sortedcontainers import SortedDict

from bitmart_book.bench.frames import LEVELS, Message, Row, spot_frame

__all__ = ["streams", "top_changes"]

SYMBOL = "BTC_USDT"
FEWEST = 1_000
# In milliseconds since 1970; of every further version a tenth of a second later.
_FIRST_STAMP = 1_700_000_000_000

_View = dict[float, Row]


def streams(folder: str | Path, most: int) -> dict[str, list[bytes]]:
    """Spot frames by name of the stream: a snapshot and then at most `most` updates each.

    Streams with few frames or several symbols are left out. All are said to be of BTC_USDT, and
    the versions and stamps of one go on where those of the one before end, so that they can be
    joined.
    """
    found: dict[str, list[bytes]] = {}
    version = 1_000_000
    for path in sorted(Path(folder).rglob("*.frames.jsonl.gz")):
        with gzip.open(path, "rb") as file:
            items = [json.loads(line)["data"][0] for line in itertools.islice(file, most + 1)]
        if len(items) >= min(FEWEST, most) and len({item["symbol"] for item in items}) == 1:
            frames = [spot_frame(message) for message in top_changes(items, version)]
            version += len(frames)
            found[path.name.removesuffix(".frames.jsonl.gz")] = frames
    return found


def top_changes(
    items: list[dict[str, Any]], version: int, levels: int = LEVELS
) -> Iterator[Message]:
    """The first view of the book, and then how the view changed with every item."""
    # A bid is kept by its negated price, so that the best comes first on both sides.
    book = SortedDict(), SortedDict()
    views: list[_View] = [{}, {}]
    for number, item in enumerate(items):
        if item["type"] == "snapshot":
            for side in book:
                side.clear()
        for side, sign, rows in zip(book, (-1, 1), (item["bids"], item["asks"]), strict=True):
            for price, size in rows:
                if float(size):
                    side[sign * float(price)] = (price, size)
                else:
                    side.pop(sign * float(price), None)
        new = [dict(itertools.islice(side.items(), levels)) for side in book]
        bids, asks = (_difference(*pair) for pair in zip(views, new, strict=True))
        views = new
        yield Message(
            SYMBOL,
            "update" if number else "snapshot",
            version + number,
            _FIRST_STAMP + 100 * (version + number),
            bids,
            asks,
        )


def _difference(old: _View, new: _View) -> list[Row]:
    gone = [(old[key][0], "0") for key in old if key not in new]
    return gone + [row for key, row in new.items() if key not in old or old[key] != row]
