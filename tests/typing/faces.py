"""What type checkers must say of every call of both faces. Read by mypy and pyright, never run.

Each wrong call has a comment that would itself be an error if the call were not one.
"""

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import assert_type

import bitmart_book as bb
from bitmart_book import feed as rooms
from bitmart_book import sync
from bitmart_book.client.plan import Plan
from bitmart_book.feed.report import Report
from bitmart_book.feed.subscriber import Value
from bitmart_book.listeners.hub import Handle

Own = bb.Order | bb.Position | bb.Balance


async def awaited(symbols: list[str], simulator: bb.Simulator) -> None:
    async with bb.Feed(source=simulator, timeout=5, shadow=True) as feed:
        assert_type(feed, bb.Feed)
        book = await feed.subscribe("BTC_USDT")
        assert_type(book, bb.LiveBook)
        assert_type(await feed.subscribe("BTC_USDT", channel="depth20", wait="none"), bb.LiveBook)
        assert_type(await feed.subscribe("BTC_USDT", "ETH_USDT"), tuple[bb.LiveBook, ...])
        assert_type(await feed.subscribe(*symbols), tuple[bb.LiveBook, ...])
        orders = await feed.subscribe("spot/user/orders:ALL_SYMBOLS")
        assert_type(orders, rooms.Stream[bb.Order])
        assert_type(await feed.subscribe("futures/position"), rooms.Stream[bb.Position])
        assert_type(await feed.subscribe("futures/asset:USDT"), rooms.Stream[bb.Balance])
        both = await feed.subscribe("futures/order", "futures/position")
        assert_type(both, tuple[rooms.Stream[Own], ...])
        await feed.unsubscribe("BTC_USDT", market="spot")

        trades = feed.trades("BTC_USDT", maxsize=5)
        assert_type(trades, rooms.Stream[bb.Trade])
        assert_type(await trades, rooms.Stream[bb.Trade])
        async for trade in trades:
            assert_type(trade, bb.Trade)
        assert_type(await trades.get(timeout=1), bb.Trade)
        trades.close()
        assert_type(feed.tickers("BTC_USDT"), rooms.Stream[bb.Ticker])
        assert_type(feed.klines("BTC_USDT", "5m"), rooms.Stream[bb.Kline])
        assert_type(await feed.orders(market="futures"), rooms.Stream[bb.Order])
        assert_type(await feed.positions(), rooms.Stream[bb.Position])
        assert_type(await feed.balances("USDT", market="futures"), rooms.Stream[bb.Balance])
        assert_type(feed.events(), rooms.Stream[bb.Event])
        assert_type(feed.stream("spot/ticker:BTC_USDT"), rooms.Stream[Value])
        await feed.wait_for_end(timeout=1)
        await feed.finished()
        await feed.close()

        assert_type(feed["BTC_USDT"], bb.LiveBook)
        assert_type(feed.books, tuple[bb.LiveBook, ...])
        for topic in feed:
            assert_type(topic, str)
        assert_type(book.quotes(timeout=1), AsyncGenerator[bb.Quote, None])
        async for quote in book.quotes():
            assert_type(quote, bb.Quote)

        def changed(book: bb.LiveBook, change: int) -> None: ...

        assert_type(book.on_change(changed), Handle)
    reads(feed, book)


def blocking(symbols: list[str], path: Path) -> None:
    with bb.connect("BTC_USDT", *symbols, source="sim", record=path, wait="all") as feed:
        assert_type(feed, sync.Feed)
        assert_type(feed, bb.sync.Feed)
        book = feed.subscribe("BTC_USDT")
        assert_type(book, sync.LiveBook)
        assert_type(feed.subscribe("BTC_USDT", "ETH_USDT"), tuple[sync.LiveBook, ...])
        assert_type(feed.subscribe(*symbols), tuple[sync.LiveBook, ...])
        assert_type(feed.subscribe("spot/user/orders:ALL_SYMBOLS"), sync.Stream[bb.Order])
        assert_type(feed.subscribe("futures/position"), sync.Stream[bb.Position])
        balances = feed.subscribe("spot/user/balance:BALANCE_UPDATE", wait="none")
        assert_type(balances, sync.Stream[bb.Balance])
        both = feed.subscribe("futures/order", "futures/position")
        assert_type(both, tuple[sync.Stream[Own], ...])
        feed.unsubscribe("BTC_USDT")

        trades = feed.trades("BTC_USDT", maxsize=5)
        assert_type(trades, sync.Stream[bb.Trade])
        for trade in trades:
            assert_type(trade, bb.Trade)
            assert_type(trade.price, float)
            assert_type(trade.exact.price, Decimal)
        assert_type(trades.get(timeout=1), bb.Trade)
        trades.close()
        assert_type(feed.tickers("BTC_USDT"), sync.Stream[bb.Ticker])
        assert_type(feed.klines("BTC_USDT", "5m"), sync.Stream[bb.Kline])
        assert_type(feed.orders(), sync.Stream[bb.Order])
        assert_type(feed.fills("BTC_USDT"), sync.Stream[bb.Fill])
        assert_type(feed["BTC_USDT"].net(), bb.NetBook)
        assert_type(feed.positions(), sync.Stream[bb.Position])
        assert_type(feed.balances(), sync.Stream[bb.Balance])
        assert_type(feed.events().get(), bb.Event)
        assert_type(feed.stream("spot/ticker:BTC_USDT"), sync.Stream[Value])
        feed.wait_for_end(timeout=1)
        feed.finished()
        feed.close()

        assert_type(feed["BTC_USDT"], sync.LiveBook)
        assert_type(feed.books, tuple[sync.LiveBook, ...])
        assert_type(book.quotes(timeout=1), Generator[bb.Quote, None, None])
        for quote in book.quotes():
            assert_type(quote, bb.Quote)
    reads(feed, book)


def reads(feed: bb.Feed | bb.sync.Feed, book: bb.LiveBook | bb.sync.LiveBook) -> None:
    """What is alike in both faces."""
    assert_type(feed.subscriptions, dict[str, str])
    assert_type(feed.plan(["BTC_USDT"]), Plan)
    assert_type(feed.explain("BTC_USDT"), str)
    assert_type(feed.account, bb.Account)
    assert_type(feed.account.orders, dict[str, bb.Order])
    for order in feed.account.unclear.values():
        assert_type(order.price, float | None)
        assert_type(order.exact.filled_size, Decimal | None)
        price, size = order.exact
        assert_type(price, Decimal | None)
        assert_type(size, Decimal | None)
    for fill in feed.account.fills("1"):
        assert_type(fill.size, float)
        assert_type(fill.exact[1], Decimal)
    held = bb.Position(symbol="BTCUSDT", side="long", size=Decimal(1), average_price="70000.1")
    assert_type(held.exact.size, Decimal)
    changed = feed.account.reconcile(positions=[held], balances=[], asked=feed.account.words)
    assert_type(changed[0].after, bb.Order | bb.Position | bb.Balance)
    assert_type(feed.instruments, dict[str, bb.Instrument])
    report = feed.report()
    assert_type(report, Report)
    assert_type(report["connections"]["spot-1"]["open"], bool)
    assert_type(report["loop"]["longest_pause"], float)
    assert_type(report["loop"]["stalls"]["elsewhere"]["seconds"], float)
    assert_type(report["latency"]["not_live_to_callback"]["p99"], float | None)
    assert_type(report["latency"]["venue_to_socket"]["buckets"], list[tuple[float, int]])
    assert_type(report["counters"]["connects"], int)
    assert_type(feed.stats, dict[str, int])
    assert_type(feed.bad_lines, tuple[bb.CaptureError, ...])
    assert_type(feed.closed, bool)
    assert_type(len(feed), int)
    assert_type("BTC_USDT" in feed, bool)
    assert_type(book.on_quote(print), Handle)
    assert_type(book.instrument, bb.Instrument | None)
    assert_type(book.base_size("1", Decimal(2)), Decimal)
    assert_type(book.explain(), str)
    net = feed.account.net_depth(book, 5)
    assert_type(net.bids, list[tuple[Decimal, Decimal]])


def options(
    urls: Mapping[str, str], failed: Callable[[str, BaseException], None], paths: list[Path]
) -> None:
    bb.connect(source=paths, speed=1.0, on_bad_line="skip", progress=lambda done, of: None)
    bb.connect(source="frames.jsonl", urls=urls, on_error=failed, max_levels=100)
    bb.Feed(source=paths[0], ca_file="ca.pem", demo=True, allow_other_hosts=True)
    bb.Feed(credentials=bb.Credentials("key", "secret", "memo"), on_outage=print)


def wrong(feed: bb.Feed, blocks: bb.sync.Feed) -> None:
    bb.connect("BTC_USDT", shadwo=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    bb.Feed(shadwo=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    bb.connect("BTC_USDT", timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bb.connect(["BTC_USDT"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bb.connect(urls="ws://x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bb.connect(wait="al")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bb.connect(source=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bb.NoSuchName  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    blocks.subscribe("BTC_USDT").best_bid.size  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    feed.subscribe("BTC_USDT").best_bid  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
