"""`python -m tests.simulation.depth`: recorded markets, of which a client sees 100 levels.

The exchange in the box follows recorded streams of full depth and serves them as BitMart would:
snapshots of 100 levels and then every change. What the client says of the best twenty levels is
compared with the exchange's own, whenever it says that it knows them all.
"""

import os
import sys
from pathlib import Path

from bitmart_book import BookState
from bitmart_book.sim.exchange import Exchange
from bitmart_book.sim.market.market import capture_markets
from tests.simulation.world import World
from tests.soak.rows import at_least, at_most, exactly, show

DATA = Path(os.environ.get("BITMART_BOOK_DATA", Path(__file__).parents[3] / "shared" / "data"))
STREAMS = (
    "binance_spot_btcusdt_snap100",
    "binance_spot_ethusdt",
    "binance_coinm_ethusd",
    "binance_usdm_btcusdt_202304",
)
SECONDS = 600.0
STEP = 0.1
LEVELS = 20


def measure(name, seconds):
    """Rows of one stream."""
    markets = list(capture_markets(DATA / "frames" / f"{name}.frames.jsonl.gz"))
    world = World(1, Exchange(markets=markets, history=50_000))
    world.subscribe(*[market.listing.symbol for market in markets])
    reads = complete = 0
    while world.now < seconds:
        world.run(world.now + STEP)
        for book in world.engine.books:
            if book.state == BookState.LIVE:
                reads += 1
                complete += book.depth(LEVELS).complete
    counters = world.client.counters
    asked = counters["questions"] + counters["refreshes"] + counters["audits"]
    asked += counters["requests"]
    yield exactly(f"{name}: wrong levels among those said to be known", 0, len(world.wrong))
    yield at_most(f"{name}: requests for depth", 1.5, asked / seconds * 60, " a minute")
    yield at_least(
        f"{name}: top {LEVELS} said to be complete", 99, 100 * complete / max(reads, 1), " %"
    )


def main():
    streams = [name for name in STREAMS if (DATA / "frames" / f"{name}.frames.jsonl.gz").exists()]
    if not streams:
        sys.exit("no recorded streams here; BITMART_BOOK_DATA names their folder")
    return show(row for name in streams for row in measure(name, SECONDS))


if __name__ == "__main__":
    sys.exit(main())
