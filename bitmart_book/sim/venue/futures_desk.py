"""One contract of the simulated futures exchange: its market, and the frames that tell of it.

Every frame is written as two texts, before and after its group: the topic in the words of who
subscribed. Who that is, and when it is pushed, is not known here. Sizes are contracts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from typing import Any

from bitmart_book.sim.market.contracts import Contract, contract_market
from bitmart_book.sim.market.market import Print
from bitmart_book.sim.venue import futures_wire as wire
from bitmart_book.sim.venue.clock import Clock
from bitmart_book.sim.venue.knobs import FuturesKnobs
from bitmart_book.sim.venue.publisher import Publisher, Reach
from bitmart_book.sim.venue.tape import Bar, bar_start
from bitmart_book.sim.venue.wire import padded, stripped

__all__ = ["BOOK", "KLINE", "KLINES", "Body", "Desk", "first_trade_id"]

KLINES: dict[str, str | int] = {
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1H": 3_600,
    "2H": 7_200,
    "4H": 14_400,
    "1D": 86_400,
    "1W": "1W",
}
BOOK = re.compile(r"(v2/)?(depth|depthAll|depthIncrease)(5|20|50)")
KLINE = re.compile(r"(k|markPriceK)lineBin(.+)")
INDEX_DECIMALS = 3
FUNDING_SECONDS = 8 * 3_600
HISTORY = 256

Body = tuple[str, str]
Levels = list[tuple[int, int]]


def first_trade_id(seed: int, symbol: str) -> int:
    """Trades of a symbol are numbered from here on. Above 2^51 and below 2^53, as on the wire."""
    return 3_000_000_000_000_000 + random.Random(f"trades {symbol} {seed}").randrange(10**12)


class Desk:
    """One contract."""

    def __init__(
        self,
        contract: Contract,
        knobs: FuturesKnobs,
        *,
        seed: int,
        now: float,
        clock: Clock,
        speed: float,
        glimpses: int,
    ) -> None:
        symbol = contract.listing.symbol
        self.publisher = Publisher(
            contract_market(contract, seed),
            seed=seed,
            now=now,
            clock=clock,
            speed=speed,
            history=HISTORY,
            numbers="stripped",
            reach=Reach(),
            glimpses=glimpses,
        )
        self.trade_id = first_trade_id(seed, symbol)
        """Of the trade before its first."""
        self._knobs = knobs
        self._seed = seed
        width = contract.listing.price // 2
        # How far the index is above the middle of the book, in thousandths of a tick.
        self._index = random.Random(f"index {symbol} {seed}").randint(-width, width)
        self._mark_bars: dict[str, Bar] = {}

    @property
    def mark(self) -> int:
        """The marked price in ticks: the middle of the book, else the last trade."""
        best = self.publisher.best()
        return self.publisher.tape.last if best is None else (best[0][0] + best[1][0]) // 2

    def levels(self, depth: int) -> tuple[Levels, Levels]:
        """The best so many bids and asks, best first."""
        market = self.publisher.market
        return market.bids.levels(depth), market.asks.levels(depth)

    # Books

    def increase(self, kind: str, version: int, bids: Levels, asks: Levels, now: float) -> Body:
        """A "snapshot" or an "update" of a sequenced book."""
        publisher = self.publisher
        rows = self._rows(bids, asks, self._knobs.futures_levels == "arrays")
        time_ms = publisher.clock.ms(now)
        return wire.depth_increase(kind, publisher.symbol, version, time_ms, *rows)

    def picture(self, channel: str, now: float) -> tuple[Any, list[Body]] | None:
        """Of a channel whose pushes are complete each time: what makes this one another than the
        last, and its frames; None: nothing to show."""
        publisher, knobs = self.publisher, self._knobs
        symbol, time_ms = publisher.symbol, publisher.clock.ms(now)
        book, kline = BOOK.fullmatch(channel), KLINE.fullmatch(channel)
        if book is not None and book[2] == "depthAll":
            sides = self.levels(int(book[3]))
            rows = self._rows(*sides, knobs.futures_levels == "arrays")
            return sides, [wire.depth_all(symbol, time_ms, *rows)]
        if book is not None:
            return self._both_ways(int(book[3]), time_ms)
        if kline is not None:
            return self._kline(kline[1] != "k", kline[2], now)
        if channel == "fundingRate":
            values = self._funding(time_ms)
            return values, [wire.funding(symbol, values)]
        best = publisher.best()
        if best is None:
            return None
        if channel == "bookticker":
            price = publisher.numbers.price
            bid, ask = ((price(at), str(size)) for at, size in best)
            return best, [wire.book_ticker(symbol, bid, ask, time_ms)]
        ticker = self.ticker()
        return ticker, [wire.ticker(symbol, ticker, knobs.futures_generation)]

    def _both_ways(self, depth: int, time_ms: int) -> tuple[Any, list[Body]]:
        knobs, sides = self._knobs, self.levels(depth)
        rows, stamp = self._rows(*sides, False), time_ms if knobs.futures_depth_stamps else None
        bodies = [
            wire.depth_side(self.publisher.symbol, way, rows[way - 1], stamp) for way in (1, 2)
        ]
        return sides, bodies[::-1] if knobs.futures_asks_first else bodies

    def _rows(
        self, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]], arrays: bool
    ) -> tuple[str, str]:
        price = self.publisher.numbers.price
        sides = [[(price(at), str(size)) for at, size in side] for side in (bids, asks)]
        if arrays:
            texts = [",".join(f'["{at}","{size}"]' for at, size in side) for side in sides]
        else:
            texts = [wire.levels(side) for side in sides]
        return texts[0], texts[1]

    # Prices

    def ticker(self) -> dict[str, str]:
        """The values of a ticker by their names; to be asked only where both sides have orders."""
        publisher = self.publisher
        best = publisher.best()
        assert best is not None
        (bid, bid_size), (ask, ask_size) = best
        price, decimals = publisher.numbers.price, publisher.listing.price_decimals
        index = self.mark * 10**INDEX_DECIMALS + self._index
        tape = publisher.tape
        opened = tape.day.open
        return {
            "last_price": price(tape.last),
            "volume_24": str(tape.day.base),
            "range": stripped((tape.last - opened) * 10**16 // opened, 16),
            "mark_price": price(self.mark),
            "index_price": stripped(index, decimals + INDEX_DECIMALS),
            "ask_price": price(ask),
            "ask_vol": str(ask_size),
            "bid_price": price(bid),
            "bid_vol": str(bid_size),
        }

    def _kline(self, marked: bool, step: str, now: float) -> tuple[Any, list[Body]]:
        publisher, knobs = self.publisher, self._knobs
        bar = publisher.tape.bar(KLINES[step], now)
        volume = str(bar.base)
        if marked:
            bar = self._mark_bar(step, now)
        price = publisher.numbers.price
        values = [*(price(value) for value in (bar.open, bar.high, bar.low, bar.close)), volume]
        form = knobs.futures_mark_klines if marked else knobs.futures_klines
        flat = form == "flat" or knobs.futures_generation == 1
        # One second after the bar began, as in every recorded frame.
        text = wire.bar(values, bar.start + 1)
        return (bar.start, values), [wire.kline(publisher.symbol, text, not flat)]

    def _mark_bar(self, step: str, now: float) -> Bar:
        start = bar_start(KLINES[step], self.publisher.clock.seconds(now))
        bar = self._mark_bars.get(step)
        if bar is None or bar.start != start:
            bar = self._mark_bars[step] = Bar(start, self.mark if bar is None else bar.close)
        bar.add(self.mark, 0)
        return bar

    def _funding(self, time_ms: int) -> dict[str, str | int]:
        period = time_ms // (FUNDING_SECONDS * 1000)
        settled, coming = (self._funding_rate(at) for at in (period - 1, period))
        return {
            "fundingRate": stripped(settled, 12),
            # Of the push, not of the settlement: so the running venue did it.
            "fundingTime": time_ms // 1000 * 1000,
            "nextFundingRate": stripped(coming // 10**5, 7),
            "nextFundingTime": (period + 1) * FUNDING_SECONDS * 1000,
            "funding_upper_limit": padded(375, 4),
            "funding_lower_limit": padded(-375, 4),
            "ts": time_ms,
        }

    def _funding_rate(self, period: int) -> int:
        chance = random.Random(f"funding {self.publisher.symbol} {period} {self._seed}")
        return chance.randint(-2 * 10**8, 4 * 10**8)

    # Trades

    def trades(self, prints: list[Print]) -> Body:
        """The trades that the market has just made, which are the latest of all."""
        publisher, rows = self.publisher, []
        form = "way" if self._knobs.futures_generation == 1 else self._knobs.futures_trades
        price, first = publisher.numbers.price, publisher.tape.trades - len(prints) + 1
        for place, print_ in enumerate(prints):
            id_ = self.trade_id + first + place
            # `way` named both parties' intents, and contradicted `m` in recorded frames.
            way = 1 + id_ % (4 if form == "way" else 8)
            if form == "way" and print_.taker == "sell":
                way += 4
            rows.append(
                wire.TradeRow(
                    id_,
                    price(print_.price),
                    str(print_.size),
                    way,
                    print_.taker == "sell",
                    publisher.clock.ns(publisher.exchange_time(print_.time)),
                )
            )
        return wire.trades(publisher.symbol, reversed(rows), form)
