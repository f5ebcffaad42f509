"""What was traded of one symbol: the latest trades, the day, candles, and the texts of them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

from bitmart_book.sim.market.market import Listing, Print
from bitmart_book.sim.venue.clock import Clock
from bitmart_book.sim.venue.wire import Numbers, padded, stripped

__all__ = ["Bar", "Best", "Tape", "bar_start"]

REMEMBERED_TRADES = 200
DAY_SECONDS = 86_400

Best = tuple[tuple[int, int], tuple[int, int]]


class Bar:
    """Open, high, low, close and volumes of some time; prices in ticks, volumes exact."""

    __slots__ = ("base", "close", "high", "low", "open", "quote", "start")

    def __init__(self, start: int, price: int) -> None:
        self.start = start
        self.open = self.high = self.low = self.close = price
        self.base = self.quote = 0

    def add(self, price: int, size: int) -> None:
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.base += size
        self.quote += price * size


def bar_start(step: str | int, time_s: int) -> int:
    """When the bar began that holds a time (both seconds since 1970): weeks begin on Monday.

    `step` is seconds, or "1W", or "1M" for a month of the calendar.
    """
    if step == "1M":
        month = datetime.fromtimestamp(time_s, UTC).replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        )
        return int(month.timestamp())
    if step == "1W":
        monday = 4 * DAY_SECONDS  # 1970-01-05
        return time_s - (time_s - monday) % (7 * DAY_SECONDS)
    assert isinstance(step, int)
    return time_s - time_s % step


class Tape:
    """The trades of one symbol. Times are the exchange's."""

    def __init__(
        self, listing: Listing, numbers: Numbers, clock: Clock, chance: random.Random, now: float
    ) -> None:
        self.prints: deque[tuple[int, Print]] = deque(maxlen=REMEMBERED_TRADES)
        """(milliseconds, trade) of the latest, oldest first."""
        self.trades = 0
        """How many there have been."""
        self.day = Bar(clock.seconds(now), listing.price)
        self._listing = listing
        self._numbers = numbers
        self._clock = clock
        self._bars: dict[str | int, Bar] = {}
        self._chance = chance

    def remember_a_past(self, best: int, now: float) -> None:
        """A day that has already happened, so that a newcomer finds a price and trades."""
        chance, size_ = self._chance, self._listing.size
        time = now
        past = []
        for _ in range(15):
            time -= chance.expovariate(0.5) + 0.001
            size = max(1, int(size_ * chance.lognormvariate(-1, 1)))
            past.append(Print(time, best, size, chance.choice(("buy", "sell"))))
        opened = max(1, best + int(best * chance.uniform(-0.03, 0.03)))
        self.day = Bar(self._clock.seconds(now), opened)
        for print_ in reversed(past):
            self.prints.append((self._clock.ms(print_.time), print_))
            self.day.add(print_.price, print_.size)
        self.day.high = max(self.day.high, opened + int(best * chance.uniform(0, 0.02)))
        self.day.low = min(self.day.low, max(1, opened - int(best * chance.uniform(0, 0.02))))
        self.day.base += 900 * size_
        self.day.quote += 900 * size_ * best
        self.trades = len(self.prints)

    @property
    def last(self) -> int:
        """The price of the last trade."""
        return self.day.close

    def add(self, print_: Print, time: float) -> None:
        """A trade, at that time of the exchange."""
        seconds = self._clock.seconds(time)
        self.prints.append((self._clock.ms(time), print_))
        self.trades += 1
        if seconds - self.day.start >= DAY_SECONDS:
            self.day = Bar(seconds, self.last)
        self.day.add(print_.price, print_.size)
        for step, bar in self._bars.items():
            start = bar_start(step, seconds)
            if start != bar.start:
                bar = self._bars[step] = Bar(start, bar.close)
            bar.add(print_.price, print_.size)

    def bar(self, step: str | int, now: float) -> Bar:
        """The running bar. The first one of a step holds the trades that are remembered of it."""
        start = bar_start(step, self._clock.seconds(now))
        bar = self._bars.get(step)
        if bar is None:
            within = [p for time_ms, p in self.prints if time_ms // 1000 >= start]
            bar = Bar(start, within[0].price if within else self.last)
            for print_ in within:
                bar.add(print_.price, print_.size)
            self._bars[step] = bar
        elif bar.start != start:
            bar = self._bars[step] = Bar(start, bar.close)
        return bar

    def rows(
        self, prints: list[Print], exchange_time: Callable[[float], float]
    ) -> list[tuple[str, str, str, int]]:
        """(price, size, side of the taker, milliseconds) of trades of the market's clock."""
        price, size, ms = self._numbers.price, self._numbers.size, self._clock.ms
        return [
            (price(print_.price), size(print_.size), print_.taker, ms(exchange_time(print_.time)))
            for print_ in prints
        ]

    def fluctuation(self) -> int:
        """Change of the price since the day began, in ten-thousandths."""
        return (self.last - self.day.open) * 10_000 // self.day.open

    def bar_values(self, bar: Bar) -> list[str]:
        """Open, high, low, close and base volume of a spot candle."""
        price = self._numbers.price
        ohlc = [price(value) for value in (bar.open, bar.high, bar.low, bar.close)]
        return [*ohlc, padded(bar.base, self._listing.size_decimals)]

    def ticker_values(self, best: Best) -> dict[str, str]:
        """The texts of the ticker by their names."""
        (bid, bid_size), (ask, ask_size) = best
        price, size = self._numbers.price, self._numbers.size
        listing, day = self._listing, self.day
        return {
            "ask_px": price(ask),
            "ask_sz": size(ask_size),
            "base_volume_24h": padded(day.base, listing.size_decimals),
            "bid_px": price(bid),
            "bid_sz": size(bid_size),
            "fluctuation": padded(self.fluctuation(), 4),
            "high_24h": price(day.high),
            "last_price": price(self.last),
            "low_24h": price(day.low),
            "open_24h": price(day.open),
            "quote_volume_24h": padded(self._quote(day, 2), 2),
        }

    def _quote(self, bar: Bar, decimals: int) -> int:
        scale = self._listing.price_decimals + self._listing.size_decimals - decimals
        return int(bar.quote // 10**scale if scale >= 0 else bar.quote * 10**-scale)

    # The legacy feed

    def legacy_trades(self, precision: int, count: int) -> list[tuple[str, str, str, str, int]]:
        """(side, quote amount, price, base size, milliseconds) of the latest, newest first."""
        listing = self._listing
        step = int(10 ** (listing.price_decimals - precision))
        rows: list[tuple[str, str, str, str, int]] = []
        for time_ms, print_ in list(self.prints)[: -count - 1 : -1] if count else ():
            price = print_.price // step
            amount = padded(price * print_.size, precision + listing.size_decimals)
            base = padded(print_.size, listing.size_decimals)
            rows.append((print_.taker, amount, padded(price, precision), base, time_ms))
        return rows

    def legacy_bar(self, bar: Bar) -> list[str]:
        """Open, highest, lowest, volume (of the quote currency) and current price."""
        decimals = self._listing.price_decimals
        open_, high, low, close = (
            padded(value, decimals) for value in (bar.open, bar.high, bar.low, bar.close)
        )
        return [open_, high, low, padded(self._quote(bar, 6), 6), close]

    def legacy_rate(self) -> str:
        """The price in dollars, as a text."""
        listing = self._listing
        dollars = {"BTC": 61_235, "ETH": 1_922}.get(listing.symbol.rpartition("_")[2], 1)
        cents = self.last * dollars * 100 // 10**listing.price_decimals
        return f"{stripped(cents, 2)} USD"
