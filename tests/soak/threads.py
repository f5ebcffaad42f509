"""One thread writes, four read: whether a reader ever sees parts of two frames.

`python -m tests.soak.threads` makes ten million reads. In every frame all sizes are the version,
and the best prices follow from it, so that a torn read shows.
"""

import argparse
import sys
import threading
import time

import numpy as np

from bitmart_book import BookNotLive, Engine
from tests.helpers.frames import spot
from tests.soak.rows import at_least, exactly, main, noted

LEVELS = 5
# So often the interpreter may change threads, in seconds; its default is a hundred times as long.
SWITCH = 0.00005


def prices(version):
    """The best bid and ask of a version."""
    best = 1_000 + version % 500
    return best, best + 1


def frames(version):
    """The update that makes the book of a version out of the one before."""
    old_bid, old_ask = prices(version - 1)
    bid, ask = prices(version)
    bids = {old_bid - depth: 0 for depth in range(LEVELS)}
    asks = {old_ask + depth: 0 for depth in range(LEVELS)}
    bids |= {bid - depth: version for depth in range(LEVELS)}
    asks |= {ask + depth: version for depth in range(LEVELS)}
    return spot(
        "update", version, *([(str(p), str(s)) for p, s in side.items()] for side in (bids, asks))
    )


def whole_quote(book, _):
    quote = book.quote
    version = quote.sequence
    return (quote.bid, quote.ask) == prices(version) and (
        quote.bid_size == quote.ask_size == version
    )


def whole_depth(book, out):
    bids, asks = out
    book.depth(out=out)
    version = bids[0, 1]
    best = prices(int(version))
    return (bids[0, 0], asks[0, 0]) == best and bool(
        (bids[:LEVELS, 1] == version).all() and (asks[:LEVELS, 1] == version).all()
    )


def whole_levels(book, _):
    depth = book.depth(exact=True)
    sizes = {size for _, size in (*depth.bids, *depth.asks)}
    return len(sizes) == 1 and len(depth.bids) == len(depth.asks) == LEVELS


def measure(reads=10_000_000, readers=4, engine=Engine):
    """Rows of figures. Of a hundred reads 90 are quotes, 9 fill arrays, 1 makes exact levels."""
    made = engine()
    made.apply(spot("snapshot", 1, *(_side(1, side) for side in (0, 1))))
    book = made["BTC_USDT"]
    done, counts, torn, not_live = threading.Event(), [0] * readers, [0] * readers, [0] * readers

    def read(place):
        out = np.empty((LEVELS, 2)), np.empty((LEVELS, 2))
        kinds = [whole_quote] * 90 + [whole_depth] * 9 + [whole_levels]
        for _ in range(reads // readers // len(kinds)):
            for kind in kinds:
                try:
                    torn[place] += not kind(book, out)
                except BookNotLive:
                    not_live[place] += 1
                counts[place] += 1

    def write():
        version = 1
        while not done.is_set():
            version += 1
            made.apply(frames(version))
        written.append(version)

    written = []
    switch = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    start = time.process_time()
    writer = threading.Thread(target=write)
    threads = [threading.Thread(target=read, args=(place,)) for place in range(readers)]
    try:
        for thread in (writer, *threads):
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        done.set()
        writer.join()
        sys.setswitchinterval(switch)
    return [
        noted("reader threads", readers),
        at_least("reads", reads // readers // 100 * 100 * readers, sum(counts)),
        at_least("frames meanwhile", reads // 10_000, written[0]),
        exactly("torn reads", 0, sum(torn)),
        exactly("reads refused", 0, sum(not_live)),
        noted("CPU seconds", time.process_time() - start),
    ]


def _side(version, side):
    best = prices(version)[side]
    step = 1 if side else -1
    return [(str(best + step * depth), str(version)) for depth in range(LEVELS)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reads", type=int, default=10_000_000)
    main(measure(parser.parse_args().reads))
