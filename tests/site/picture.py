"""The picture of `watch` with keys: `python -m tests.site.picture FILE`, or `make picture`.

The program itself, on a screen of Textual's that nobody sees: an exchange in the box, in which an
order of one's own rests, and one symbol brings nothing any more.
"""

import argparse
import asyncio
import re
from decimal import Decimal
from pathlib import Path

import bitmart_book as bb
from bitmart_book.cli._keys import watch_of
from bitmart_book.cli._live import Following, silent
from bitmart_book.cli.terminal.app import Keyed

SYMBOLS = ("BTC_USDT", "ETH_USDT", "BTCUSDT", "ETHUSDT")
SIZE = (100, 28)
# When one symbol falls silent, and when an order is placed, in seconds.
MUTE, PLACE = 40, 51


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    path = parser.parse_args().file
    simulator = bb.Simulator(seed=3, faults=f"mute/ETH_USDT@{MUTE}:60s")
    with bb.connect(*SYMBOLS, source=simulator, wait="none", logger=silent()) as feed:
        for market in ("spot", "futures"):
            feed.orders(market=market, maxsize=1)
        app = Keyed(watch_of(Following(feed, None), "sim"), lambda: False)
        text = asyncio.run(drawn(app, simulator))
    # A picture that fetches nothing: Textual names a font of somebody else's server.
    path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL))


async def drawn(app: Keyed, simulator: bb.Simulator) -> str:
    async with app.run_test(size=SIZE) as pilot:
        await asyncio.sleep(PLACE)
        row = next(row for row in app.picture.rows if row.name == SYMBOLS[0])
        assert row.bid is not None
        simulator.place("spot", row.name, "buy", price=str(row.bid - Decimal("0.5")), size="0.25")
        while all(row.live for row in app.picture.rows):
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        await pilot.pause()
        return app.export_screenshot(title="bitmart-book watch")


if __name__ == "__main__":
    main()
