"""Writes a capture of generated frames, for the demo, the tests and the packaging check.

`python -m benchmarks.frames --out FILE`; what is generated is argued in
`bitmart_book.bench.frames`.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

from bitmart_book.bench.frames import SYMBOLS, capture

__all__ = ["SYMBOLS", "capture"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a capture of generated frames.")
    parser.add_argument("--out", type=Path, required=True, help="a .jsonl.gz file")
    parser.add_argument("--symbols", nargs="+", default=["BTC_USDT", "ETH_USDT"], choices=SYMBOLS)
    parser.add_argument("--updates", type=int, default=5_000, help="updates for each symbol")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with gzip.GzipFile(options.out, "wb", mtime=0) as file:
        count = 0
        for frame in capture(tuple(options.symbols), options.updates, options.seed):
            file.write(frame + b"\n")
            count += 1
    print(f"{count:,} generated frames (seed {options.seed}) in {options.out}")


if __name__ == "__main__":
    main()
