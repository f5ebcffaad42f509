"""The same quoter without await: Ctrl-C ends its loop. Also in docs/quoting.md."""

import contextlib
import signal
from decimal import Decimal

import bitmart_book as bb

SYMBOL, SIZE, MOST = "BTC_USDT", "0.01", Decimal("0.05")


def wanted(feed: bb.sync.Feed, book: bb.sync.LiveBook, lens: bb.Lens) -> dict[str, Decimal]:
    """The price of each order that should rest now. Raises BookNotLive."""
    with book.guard(max_spread_bps=50):
        top, held = lens.top, feed.account.inventory[SYMBOL]
        bid, _, ask, _ = top.exact
        tick = book.instrument.tick if book.instrument else None
        if not (top.certain and held.certain) or bid is None or ask is None or tick is None:
            return {}
        prices = {"buy": bid - tick, "sell": ask + tick}
        if abs(held.position) >= MOST:
            del prices["buy" if held.position > 0 else "sell"]
        return prices


def requote(feed: bb.sync.Feed, entry: bb.sync.CheckedEntry, prices: dict[str, Decimal]) -> None:
    """Take back what stands elsewhere, and place what is missing."""
    for order in [feed.account.orders[name] for name in entry.open if name in feed.account.orders]:
        side = order.side
        if side and prices.get(side) == order.exact.price:
            del prices[side]
        else:
            with contextlib.suppress(bb.OrderRefused):  # it was filled meanwhile
                entry.cancel(order.order_id)
    if "buy" in prices:
        entry.place(SYMBOL, "buy", SIZE, prices["buy"], time_in_force="post_only")
    if "sell" in prices:
        entry.place(SYMBOL, "sell", SIZE, prices["sell"], time_in_force="post_only")


def quote(feed: bb.sync.Feed, venue: bb.sync.OrderEntry, looks: int) -> None:
    """Quote until so many quotes of the book were seen, or it is interrupted."""
    book = feed.subscribe(SYMBOL)
    feed.fills(SYMBOL)
    feed.account.reconcile(orders=[], market=book.market)  # or what your REST client answers
    entry, lens = bb.sync.CheckedEntry(venue, feed), feed.account.lens(book)
    # An interrupt between sending an order and its answer would leave one that nobody knows of.
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    try:
        for _ in book.quotes():
            try:
                requote(feed, entry, wanted(feed, book, lens))
            except (bb.BookNotLive, bb.OrderRefused) as error:
                print("no quote:", error)
                entry.cancel_all()
            looks -= 1
            if looks == 0 or asked:
                break
    finally:
        left, held = entry.cancel_all(), feed.account.inventory[SYMBOL]
        print(f"position {held.position}, average {held.average_price}, orders left {len(left)}")
        signal.signal(signal.SIGINT, before)


def main() -> None:
    simulator = bb.Simulator()
    with bb.connect(source=simulator) as feed:
        try:
            print("quoting")
            quote(feed, simulator.entry.blocking, looks=20)
        finally:
            print("open at the exchange:", len(simulator.orders()))


if __name__ == "__main__":
    main()
