"""Two programs, one that writes as fast as it can and one that reads: `python -m tests.share.torn`.

Says how many reads there were, of how many versions, how many were torn, and how many refused while
the writer lived. The last two must be 0.
"""

import argparse
import os
import sys
import tempfile

import numpy as np

import bitmart_book as bb
from tests.share.writer import LEVELS, writing


def read(book, reads, enough=0):
    """(versions seen, torn, refused) of so many reads of all levels, and of so many versions."""
    bids, asks = np.zeros((LEVELS, 2)), np.zeros((LEVELS, 2))
    out = bids, asks
    sizes = [bids[:, 1], asks[:, 1]]
    firsts = [bids[0], asks[0]]
    versions, torn, refused, last, count = 0, 0, 0, 0.0, 0
    while count < reads or versions < enough:
        count += 1
        try:
            book.depth(LEVELS, out=out)
        except bb.BookNotLive:
            refused += 1
            continue
        version = firsts[0][1]
        if version != last or firsts[1][1] != version:
            versions += 1
            last = version
            if any((side != version).any() for side in sizes):
                torn += 1
    return versions, torn, refused


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reads", type=lambda text: int(float(text)), default=100_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        with writing("torn"):
            versions, torn, refused = read(bb.attach("torn")["BTC_USDT"], options.reads)
    print(f"{options.reads:,} reads of {versions:,} versions: {torn} torn, {refused} refused")
    sys.exit(bool(torn or refused))


if __name__ == "__main__":
    main()
