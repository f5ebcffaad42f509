"""What a table of a capture costs, and a scrape: `python -m benchmarks.tables`.

* export: a capture with about 46 levels a frame, as updates of busy symbols have, is written as
  Parquet (snappy), a row for each level, and beside it the way in which one would do it with the
  libraries alone: frames decoded by msgspec as the type that they have, rows made in Python, the
  same columns of them written by pyarrow. It keeps no book, notices no gap and says no states.
* scrape: what `bb.metrics` takes to tell of 500 books, and what prometheus-client takes to write it
  as the text that a server sends: Prometheus asks for OpenMetrics.

Passes take turns, and a ratio is the median of those of the pairs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import prometheus_client
import pyarrow as pa
import pyarrow.parquet as pq
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics import exposition

import bitmart_book as bb
from bitmart_book.bench.frames import Grid, Market, Message, spot_frame
from bitmart_book.display.files import export

# With the last of the market's own that goes in, about 46.
ENOUGH = 35
BOOKS = 500
PASSES = 5


# Its own types are not complete.
openmetrics: Callable[[CollectorRegistry], bytes] = exposition.generate_latest


class _Item(msgspec.Struct):
    asks: list[tuple[str, str]]
    bids: list[tuple[str, str]]
    ms_t: int
    symbol: str
    type: str
    version: int


class _Frame(msgspec.Struct):
    data: list[_Item]
    table: str


class _Line(msgspec.Struct):
    t: int
    frame: str


def crowded(market: Market) -> Message:
    """The next update, with about so many levels: several of the market's as one."""
    first = market.version
    sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
    while len(sides[0]) + len(sides[1]) < ENOUGH:
        update = market.update()
        for side, rows in zip(sides, (update.bids, update.asks), strict=True):
            side.update(rows)
    market.version = first + 1
    bids, asks = (list(side.items()) for side in sides)
    return Message(market.symbol, "update", market.version, market.time_ms, bids, asks)


def write_capture(path: Path, frames: int, seed: int) -> None:
    market = Market("BTC_USDT", seed)
    with path.open("wb") as file:
        for number in range(frames):
            message = crowded(market) if number else market.snapshot()
            line = {"t": message.time_ms * 1_000_000, "conn": "spot-1"}
            line["frame"] = spot_frame(message).decode()
            file.write(msgspec.json.encode(line) + b"\n")


def ours(capture: Path, out: Path) -> int:
    rows, problems = export(str(capture), str(out), schema="incremental", force=True)
    assert not problems
    return rows


def by_hand(capture: Path, out: Path) -> int:
    lines, frames = msgspec.json.Decoder(_Line), msgspec.json.Decoder(_Frame)
    heard: list[int] = []
    said: list[int] = []
    symbols: list[str] = []
    versions: list[int] = []
    sides: list[str] = []
    prices: list[float] = []
    sizes: list[float] = []
    with capture.open("rb") as file:
        for text in file:
            line = lines.decode(text)
            for item in frames.decode(line.frame).data:
                for side, rows in (("B", item.bids), ("A", item.asks)):
                    for price, size in rows:
                        heard.append(line.t)
                        said.append(item.ms_t * 1_000_000)
                        symbols.append(item.symbol)
                        versions.append(item.version)
                        sides.append(side)
                        prices.append(float(price))
                        sizes.append(float(size))
    table = pa.table({
        "ts_event": pa.array(said, pa.int64()),
        "ts_recv": pa.array(heard, pa.int64()),
        "symbol": pa.array(symbols).dictionary_encode(),
        "sequence": pa.array(versions, pa.int64()),
        "side": pa.array(sides).dictionary_encode(),
        "price": pa.array(prices, pa.float64()),
        "size": pa.array(sizes, pa.float64()),
    })  # fmt: skip
    pq.write_table(table, out, compression="snappy")
    return len(prices)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def measure_export(folder: Path, frames: int, seed: int) -> None:
    capture = folder / "frames.jsonl"
    write_capture(capture, frames, seed)
    pairs = []
    for _ in range(PASSES):
        mine, rows = timed(lambda: ours(capture, folder / "ours.parquet"))
        theirs, _ = timed(lambda: by_hand(capture, folder / "theirs.parquet"))
        pairs.append((mine, theirs))
    least = min(pair[0] for pair in pairs)
    ratio = statistics.median(theirs / mine for mine, theirs in pairs)
    print(
        f"export      {frames:,} frames of about {rows / frames:.0f} rows: "
        f"{frames / least:,.0f} frames a second; {ratio:.2f} times as fast as by hand"
    )


def measure_scrape(folder: Path, seed: int) -> None:
    capture = folder / "books.jsonl"
    with capture.open("wb") as file:
        for number in range(BOOKS):
            market = Market(f"SYM{number:04d}_USDT", seed, grid=Grid(100_000, 2, 2, 1_000))
            file.write(spot_frame(market.snapshot()) + b"\n")
    symbols = [f"SYM{number:04d}_USDT" for number in range(BOOKS)]
    with bb.connect(*symbols, source=capture) as feed:
        collector = bb.metrics(feed)
        registry = CollectorRegistry()
        registry.register(collector)
        scrapes: dict[str, Callable[[], Any]] = {
            "the package's part": lambda: list(collector.collect()),
            "as Prometheus text": lambda: prometheus_client.generate_latest(registry),
            "as OpenMetrics": lambda: openmetrics(registry),
        }
        for name, scrape in scrapes.items():
            times = [timed(scrape)[0] for _ in range(3 * PASSES)]
            print(
                f"scrape      {BOOKS} books, {name}: {min(times) * 1000:.1f} ms at the least, "
                f"{statistics.median(times) * 1000:.1f} in the middle"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_export(Path(folder), options.frames, options.seed)
        measure_scrape(Path(folder), options.seed)


if __name__ == "__main__":
    main()
