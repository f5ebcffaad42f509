"""One thread writes, four read everything: whether a reader ever sees parts of two books.

`python -m tests.soak.threads` makes a million reads, of each public read of a book as many. The
writer's frames turn one book into another and back, so that an answer is one of two; what counts
up with each frame counts here as even or odd.
"""

import argparse
import itertools
import re
import sys
import threading
import time
from decimal import Decimal

from bitmart_book import BookNotLive, Engine
from tests.helpers import reads
from tests.helpers.frames import spot
from tests.soak.rows import at_least, exactly, main, noted

# So often the interpreter may change threads, in seconds; its default is a hundred times as long.
SWITCH = 0.00005
LEVELS = 40
# The best bid, the best ask and the sizes of an even version and of an odd one.
KINDS = (Decimal("1000.25"), Decimal("1000.5"), "1.5"), (Decimal("2000.125"), Decimal("2001"), "9")


def sides(version):
    """The levels of a version, as rows of a frame."""
    bid, ask, size = KINDS[version % 2]
    return (
        [(str(bid - place), size) for place in range(LEVELS)],
        [(str(ask + place), size) for place in range(LEVELS)],
    )


def frame(version):
    """The frame that makes a version out of the one before; the first is a snapshot."""
    kind, rows = "snapshot", sides(version)
    if version > 1:
        kind = "update"
        gone = ([(price, "0") for price, _ in side] for side in sides(version - 1))
        rows = [old + new for old, new in zip(gone, rows, strict=True)]
    return spot(kind, version, *rows, ms_t=1_700_000_000_000 + version % 2)


def parity(version):
    return version % 2


def quote(value):
    exact, version, *rest = reads.quote(value)
    return exact, version % 2, *rest


def sentence(text):
    """A text that names the version, as `explain` does or in HTML."""
    return re.sub(
        r"((?:version|sequence) )(\d+)", lambda found: f"{found[1]}{int(found[2]) % 2}", text
    )


def frozen(copy):
    return quote(copy.quote), reads.exact_depth(copy.depth(exact=True)), sentence(copy.explain())


def counted(stats):
    """Whether the counters are of one frame: each was an update, but for the first."""
    return sum(stats.values()) - stats["updates"] - stats["widened"], stats["snapshots"]


# What of an answer counts, where that is not what `READS` says.
FOLDED = {
    "sequence": parity,
    "quote": quote,
    "quote_in_any_state": quote,
    "guard": quote,
    "explain": sentence,
    "_repr_html_": lambda text: sentence(reads.timeless(text)),
    "peek": frozen,
    "net": frozen,
    "stats": counted,
}
EVERY = tuple(
    (f"{name} {variant}".strip(), call, FOLDED.get(name, look))
    for name, variants in reads.READS.items()
    for variant, call, look in variants
)


def whole_answers(every):
    """What each read answers of an even version, and of an odd one."""
    made = Engine()
    # Both have been there before: scales have widened, and stay.
    for version in range(1, 4):
        made.apply(frame(version), version % 2)
    book = made["BTC_USDT"]
    odd = [look(call(book)) for _, call, look in every]
    made.apply(frame(4), 0)
    even = [look(call(book)) for _, call, look in every]
    return [(one, other) for one, other in zip(odd, even, strict=True)]


def measure(reads=1_000_000, readers=4, engine=Engine, every=EVERY):
    """Rows of figures: so many reads in all, of each public read as many."""
    right = whole_answers(every)
    made = engine()
    for version in range(1, 4):
        made.apply(frame(version), version % 2)
    book = made["BTC_USDT"]
    rounds = -(-reads // (readers * len(every)))
    done, not_live, torn = threading.Event(), [0] * readers, [set() for _ in range(readers)]
    counts, written = [[0] * len(every) for _ in range(readers)], []

    def read(me):
        for _ in range(rounds):
            for place, (name, call, look) in enumerate(every):
                try:
                    if look(call(book)) not in right[place]:
                        torn[me].add((name, counts[me][place]))
                except BookNotLive:
                    not_live[me] += 1
                counts[me][place] += 1

    def write():
        for version in itertools.count(4):
            if done.is_set():
                written.append(version)
                return
            made.apply(frame(version), version % 2)

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
    of_each = [sum(mine) for mine in zip(*counts, strict=True)]
    return [
        noted("reader threads", readers),
        noted("public reads", len(every)),
        at_least("reads", reads, sum(of_each)),
        at_least("reads of each", rounds * readers, min(of_each)),
        at_least("frames meanwhile", reads // 10_000, written[0]),
        exactly("torn reads", 0, sum(map(len, torn))),
        noted("torn of", ", ".join(sorted({name for mine in torn for name, _ in mine})) or "none"),
        exactly("reads refused", 0, sum(not_live)),
        noted("CPU seconds", time.process_time() - start),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reads", type=int, default=1_000_000)
    main(measure(parser.parse_args().reads))
