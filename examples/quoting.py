"""A small two-sided quoter at the exchange in the box. Also in docs/quoting.md.

It quotes a tick outside of the best prices of others, on a book that can be trusted; takes its
orders back where it cannot; and leaves none behind, however it ends: Ctrl-C cancels `quote`.
"""

import asyncio
import contextlib
from decimal import Decimal

import bitmart_book as bb

SYMBOL, SIZE, MOST = "BTC_USDT", "0.01", Decimal("0.05")


def wanted(feed: bb.Feed, book: bb.LiveBook, lens: bb.Lens) -> dict[str, Decimal]:
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


async def requote(feed: bb.Feed, entry: bb.CheckedEntry, prices: dict[str, Decimal]) -> None:
    """Take back what stands elsewhere, and place what is missing."""
    for order in [feed.account.orders[name] for name in entry.open if name in feed.account.orders]:
        side = order.side
        if side and prices.get(side) == order.exact.price:
            del prices[side]
        else:
            with contextlib.suppress(bb.OrderRefused):  # it was filled meanwhile
                await entry.cancel(order.order_id)
    if "buy" in prices:
        await entry.place(SYMBOL, "buy", SIZE, prices["buy"], time_in_force="post_only")
    if "sell" in prices:
        await entry.place(SYMBOL, "sell", SIZE, prices["sell"], time_in_force="post_only")


async def quote(feed: bb.Feed, venue: bb.OrderEntry, looks: int) -> None:
    """Quote until so many quotes of the book were seen, or it is cancelled."""
    book = await feed.subscribe(SYMBOL)
    await feed.fills(SYMBOL)
    feed.account.reconcile(orders=[], market=book.market)  # or what your REST client answers
    entry, lens = bb.CheckedEntry(venue, feed), feed.account.lens(book)
    try:
        async for _ in book.quotes():
            try:
                await requote(feed, entry, wanted(feed, book, lens))
            except (bb.BookNotLive, bb.OrderRefused) as error:
                print("no quote:", error)
                await entry.cancel_all()
            looks -= 1
            if looks == 0:
                break
    finally:
        left, held = await entry.cancel_all(), feed.account.inventory[SYMBOL]
        print(f"position {held.position}, average {held.average_price}, orders left {len(left)}")


async def main() -> None:
    async with bb.Simulator() as simulator, bb.Feed(source=simulator) as feed:
        try:
            print("quoting")
            await quote(feed, simulator.entry, looks=20)
        finally:
            print("open at the exchange:", len(simulator.orders()))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
