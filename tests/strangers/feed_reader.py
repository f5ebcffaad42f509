"""A `bb.Feed` as the judge sees it: public names alone."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

import bitmart_book as bb
from tests.strangers.account_judge import Known


class BookReader:
    """Reads `bb.Book`s by house and topic. `account` is a `bb.Account` or None."""

    def __init__(
        self, books: dict[tuple[str, str], bb.Book], account: bb.Account | None = None
    ) -> None:
        self.books = books
        self.own = account
        self.last_gap: dict[str, int] = {}

    def topics(self) -> Sequence[tuple[str, str]]:
        return list(self.books)

    def read(self, house: str, topic: str, what: str, *args: Any) -> Any:
        book = self.books[house, topic]
        try:
            return getattr(self, f"_{what}")(book, *args)
        except bb.BookNotLive:
            return None

    def account(self, house: str) -> Known | None:
        """What `bb.Account` says that is confirmed."""
        account = self.own
        if account is None:
            return None
        known = Known(last_gap=self.last_gap.get(house, 0))
        for (market, name), balance in account.balances.items():
            known_amount = balance.available
            if market == house and known_amount is not None and account.is_confirmed(balance):
                known.balances[name] = known_amount
        for order_id, order in account.orders.items():
            if order.market == house and account.is_confirmed(order):
                known.open_orders[order_id] = order.exact.filled_size
            else:
                known.unconfirmed.add(order_id)
        if house == "futures":
            confirmed = [p for p in account.positions.values() if account.is_confirmed(p)]
            signs = {"long": 1, "short": -1}
            if confirmed:
                known.position = sum(
                    (signs.get(p.side or "", 0) * p.exact.size for p in confirmed), Decimal(0)
                )
        return known

    def _quote(self, book: bb.Book) -> Any:
        return book.quote.exact

    def _depth(self, book: bb.Book, n: int) -> Any:
        depth = book.depth(n, exact=True)
        return depth.bids, depth.asks, depth.complete

    def _floats(self, book: bb.Book, n: int) -> Any:
        depth = book.depth(n)
        return depth.bids.tolist(), depth.asks.tolist(), depth.complete

    def _certain(self, book: bb.Book) -> Any:
        if book.state is not bb.BookState.LIVE:
            return None
        return book.complete_depth("bid"), book.complete_depth("ask")

    def _sweep(self, book: bb.Book, side: Literal["bid", "ask"], size: Any) -> Any:
        sweep = book.sweep(side, size=size)
        return (
            sweep.average_price,
            sweep.worst_price,
            sweep.size,
            sweep.notional,
            sweep.levels,
            sweep.complete,
        )

    def _grouped(self, book: bb.Book, step: Any, n: int) -> Any:
        depth = book.grouped(step, n)
        return depth.bids.tolist(), depth.asks.tolist(), depth.complete

    def _net_depth(self, book: bb.Book, n: int) -> Any:
        if self.own is None:
            return None
        if any(not self.own.is_confirmed(order) for order in self.own.orders.values()):
            # After a hole an order of which nothing was heard may be gone: it says so itself.
            return None
        depth = self.own.net_depth(book, n)
        return depth.bids, depth.asks, depth.complete
