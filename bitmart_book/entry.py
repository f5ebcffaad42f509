"""The seam at which orders go out: what a simulated exchange implements, and your REST client can.

No venue's REST interface is here. `OrderEntry` says what placing, cancelling and changing an order
look like; `CheckedEntry` stands before any of them, tells what cannot work before it is sent, and
has the account of a feed hear every answer, so that its lens and inventory know of it at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any, Literal, Protocol, runtime_checkable

from bitmart_book._book import Book
from bitmart_book.client.account import Account
from bitmart_book.client.known import FINAL
from bitmart_book.errors import OrderRefused
from bitmart_book.exact import Number, exact_number
from bitmart_book.model import Instrument, Order

__all__ = [
    "BlockingCheckedEntry",
    "BlockingOrderEntry",
    "CheckedEntry",
    "Desk",
    "OrderEntry",
    "Side",
    "TimeInForce",
    "check_order",
]

Side = Literal["buy", "sell"]
TimeInForce = Literal["gtc", "post_only", "ioc", "fok"]
_TAKES = frozenset({"ioc", "fok"})


@runtime_checkable
class OrderEntry(Protocol):
    """Whatever orders go out by.

    Each method returns the order as the venue describes it, and raises `OrderRefused` where it says
    no, `OrderUnknown` where no answer came. `client_order_id` is yours: by it an order is found
    whose answer was lost. `time_in_force`: "gtc" (rests; the default), "post_only" (is refused
    where it would trade at once), "ioc", "fok". Without a price it is a market order.

    >>> isinstance(bb.Simulator().entry, bb.OrderEntry)
    True
    """

    async def place(
        self,
        symbol: str,
        side: Side,
        size: Number,
        price: Number | None = None,
        *,
        market: str | None = None,
        client_order_id: str | None = None,
        time_in_force: TimeInForce | None = None,
    ) -> Order:
        """Send an order."""

    async def cancel(self, order_id: str) -> Order:
        """Take an order back. OrderRefused for one that is over: it was filled, perhaps."""

    async def amend(
        self, order_id: str, *, price: Number | None = None, size: Number | None = None
    ) -> Order:
        """Change an open order. `size` is that of the whole order. What is returned may have
        another id, where the venue replaces an order instead of changing it."""


@runtime_checkable
class BlockingOrderEntry(Protocol):
    """`OrderEntry` without await; `bitmart_book.sync.OrderEntry`.

    >>> isinstance(bb.Simulator(), bb.sync.OrderEntry)
    False
    """

    def place(
        self,
        symbol: str,
        side: Side,
        size: Number,
        price: Number | None = None,
        *,
        market: str | None = None,
        client_order_id: str | None = None,
        time_in_force: TimeInForce | None = None,
    ) -> Order:
        """Send an order."""

    def cancel(self, order_id: str) -> Order:
        """Take an order back."""

    def amend(
        self, order_id: str, *, price: Number | None = None, size: Number | None = None
    ) -> Order:
        """Change an open order."""


class Desk(Protocol):
    """What a checked entry needs of a feed."""

    @property
    def account(self) -> Account: ...
    @property
    def instruments(self) -> Mapping[str, Instrument]: ...
    def __contains__(self, key: object) -> bool: ...
    def __getitem__(self, key: str) -> Book: ...


def check_order(
    side: str,
    size: Number,
    price: Number | None = None,
    *,
    instrument: Instrument | None = None,
    book: Book | None = None,
    time_in_force: str | None = None,
) -> None:
    """Raise OrderRefused for an order that cannot be meant: of a price that is no multiple of the
    tick, a size that is none of the lot or beyond the least and the most, a value below the least,
    or that would trade at once with what the book shows though it is to rest.

    What is not known of the instrument is not checked; without a book nothing crosses. Raises
    BookNotLive where the book cannot say whether it would cross.

    >>> bb.check_order("buy", "0.01", "100.5")
    >>> bb.check_order("buy", "0.01", "101", book=book, time_in_force="post_only")
    Traceback (most recent call last):
    bitmart_book.errors.OrderRefused: not sent: a buy at 101 would trade at once: 101 is there
    """
    if side not in ("buy", "sell"):
        raise OrderRefused(f'side must be "buy" or "sell", was {side!r}')
    exact_size = exact_number(size, "size")
    exact_price = None if price is None else exact_number(price, "price")
    if exact_size <= 0 or (exact_price is not None and exact_price <= 0):
        raise OrderRefused("size and price must be above zero")
    if instrument is not None:
        _check_grid(instrument, exact_size, exact_price)
    rests = exact_price is not None and time_in_force not in _TAKES
    if book is not None and rests and exact_price is not None:
        best = book.best_ask if side == "buy" else book.best_bid
        there = None if best is None else best.exact[0]
        if there is not None and (exact_price >= there if side == "buy" else exact_price <= there):
            raise OrderRefused(f"a {side} at {exact_price} would trade at once: {there} is there")


def _check_grid(instrument: Instrument, size: Decimal, price: Decimal | None) -> None:
    name = instrument.symbol
    if instrument.lot and size % instrument.lot:
        raise OrderRefused(f"{size} {name} is no multiple of the lot, {instrument.lot}")
    least = instrument.min_size or instrument.lot
    if least and size < least:
        raise OrderRefused(f"{size} {name} is less than the least size, {least}")
    if instrument.max_size and size > instrument.max_size:
        raise OrderRefused(f"{size} {name} is more than the largest size, {instrument.max_size}")
    if price is None:
        return
    if instrument.tick and price % instrument.tick:
        raise OrderRefused(f"{price} is no multiple of the tick of {name}, {instrument.tick}")
    if instrument.min_notional and instrument.market != "futures":
        value = size * price
        if value < instrument.min_notional:
            raise OrderRefused(f"{value} is less than the least value, {instrument.min_notional}")


class _Checks:
    """What both checked entries know: how an order is checked, and which of theirs are open."""

    def __init__(self, feed: Desk, may_cross: bool) -> None:
        self._feed = feed
        self._may_cross = may_cross
        self._placed: dict[str, None] = {}

    def check(
        self, symbol: str, side: str, size: Number, price: Number | None, force: str | None
    ) -> None:
        book = self._feed[symbol] if symbol in self._feed and not self._may_cross else None
        instrument = self._feed.instruments.get(symbol)
        check_order(side, size, price, instrument=instrument, book=book, time_in_force=force)

    def check_change(self, order_id: str, price: Number | None, size: Number | None) -> None:
        known = self._feed.account.order(order_id)
        if known is None or known.side is None or known.exact.size is None:
            return
        wanted = known.exact.price if price is None else price
        much = known.exact.size if size is None else size
        self.check(known.symbol, known.side, much, wanted, None)

    def heard(self, order: Order) -> Order:
        self._feed.account.tell(orders=[order])
        if order.status in FINAL:
            self.forget(order.order_id)
        else:
            self._placed[order.order_id] = None
        return order

    def replaced(self, order_id: str, order: Order) -> Order:
        if order.order_id != order_id:
            self.forget(order_id)
        return self.heard(order)

    def forget(self, order_id: str) -> None:
        """That order is open no more."""
        self._placed.pop(order_id, None)

    @property
    def open(self) -> tuple[str, ...]:
        """The orders that were placed here and are not known to be over."""
        found = []
        for order_id in self._placed:
            known = self._feed.account.order(order_id)
            if known is None or known.status not in FINAL:
                found.append(order_id)
        return tuple(found)


class CheckedEntry:
    """An `OrderEntry` before another one, for orders in the books of a feed.

    What cannot work is an `OrderRefused` before it is sent: by `feed.instruments`, and by the book,
    where an order that is to rest would trade at once (unless `may_cross`). The account of the feed
    hears every answer. `cancel_all` takes back whatever was placed here.

    >>> simulator = bb.Simulator()
    >>> async with bb.Feed(source=simulator) as feed:
    ...     book = await feed.subscribe("BTC_USDT")
    ...     entry = bb.CheckedEntry(simulator.entry, feed)
    ...     await entry.place("BTC_USDT", "sell", "0.01", "60000", time_in_force="post_only")
    Traceback (most recent call last):
    bitmart_book.errors.OrderRefused: not sent: a sell at 60000 would trade at once: ... is there
    """

    def __init__(self, entry: OrderEntry, feed: Any, *, may_cross: bool = False) -> None:
        self._entry = entry
        self._checks = _Checks(feed, may_cross)

    @property
    def open(self) -> tuple[str, ...]:
        """The ids of the orders that were placed here and are not known to be over."""
        return self._checks.open

    async def place(
        self,
        symbol: str,
        side: Side,
        size: Number,
        price: Number | None = None,
        *,
        market: str | None = None,
        client_order_id: str | None = None,
        time_in_force: TimeInForce | None = None,
    ) -> Order:
        """Check an order, and send it. Cancelled meanwhile, it still waits for the answer: what
        was sent would otherwise rest, and nobody would know of it."""
        self._checks.check(symbol, side, size, price, time_in_force)
        sent = self._entry.place(
            symbol, side, size, price, market=market, client_order_id=client_order_id,
            time_in_force=time_in_force,
        )  # fmt: skip
        return await _whole(sent, self._checks.heard)

    async def cancel(self, order_id: str) -> Order:
        """Take an order back."""
        return self._checks.heard(await self._entry.cancel(order_id))

    async def amend(
        self, order_id: str, *, price: Number | None = None, size: Number | None = None
    ) -> Order:
        """Check a change of an order, and send it."""
        self._checks.check_change(order_id, price, size)
        sent = self._entry.amend(order_id, price=price, size=size)
        return await _whole(sent, lambda order: self._checks.replaced(order_id, order))

    async def cancel_all(self) -> tuple[str, ...]:
        """Take back all that was placed here and is open. Returns the ids of those that could not
        be: what the venue refused because they are over is none of them."""
        for order_id in self.open:
            try:
                await self.cancel(order_id)
            except OrderRefused:
                self._checks.forget(order_id)
        return self.open


async def _whole(sent: Coroutine[Any, Any, Order], heard: Callable[[Order], Order]) -> Order:
    """Wait for the answer and have it heard, also when whoever waits is cancelled."""
    task = asyncio.ensure_future(sent)
    try:
        return heard(await asyncio.shield(task))
    except asyncio.CancelledError:
        if not task.cancelled():
            heard(await task)
        raise


class BlockingCheckedEntry:
    """`CheckedEntry` without await; `bitmart_book.sync.CheckedEntry`.

    >>> order = bb.sync.CheckedEntry(my_client, feed).place("BTC_USDT", "buy", 1)  # doctest: +SKIP
    """

    def __init__(self, entry: BlockingOrderEntry, feed: Any, *, may_cross: bool = False) -> None:
        self._entry = entry
        self._checks = _Checks(feed, may_cross)

    @property
    def open(self) -> tuple[str, ...]:
        """The ids of the orders that were placed here and are not known to be over."""
        return self._checks.open

    def place(
        self,
        symbol: str,
        side: Side,
        size: Number,
        price: Number | None = None,
        *,
        market: str | None = None,
        client_order_id: str | None = None,
        time_in_force: TimeInForce | None = None,
    ) -> Order:
        """Check an order, and send it."""
        self._checks.check(symbol, side, size, price, time_in_force)
        order = self._entry.place(
            symbol, side, size, price, market=market, client_order_id=client_order_id,
            time_in_force=time_in_force,
        )  # fmt: skip
        return self._checks.heard(order)

    def cancel(self, order_id: str) -> Order:
        """Take an order back."""
        return self._checks.heard(self._entry.cancel(order_id))

    def amend(
        self, order_id: str, *, price: Number | None = None, size: Number | None = None
    ) -> Order:
        """Check a change of an order, and send it."""
        self._checks.check_change(order_id, price, size)
        return self._checks.replaced(order_id, self._entry.amend(order_id, price=price, size=size))

    def cancel_all(self) -> tuple[str, ...]:
        """Take back all that was placed here and is open. Returns the ids of those that could not
        be: what the venue refused because they are over is none of them."""
        for order_id in self.open:
            try:
                self.cancel(order_id)
            except OrderRefused:
                self._checks.forget(order_id)
        return self.open
