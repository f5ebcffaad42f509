"""Executions, inventory and the lens over real websockets, in both faces."""

import pytest

import bitmart_book as bb
from bitmart_book.client.outbox import fills_of
from bitmart_book.feed.fills import FillMailbox
from bitmart_book.listeners.streams import Empty, Mailbox
from tests.helpers.feeds import box, run
from tests.helpers.own import fill, order

pytestmark = pytest.mark.private


def test_a_mailbox_of_executions_takes_nothing_else():
    woken = []
    box_of = FillMailbox.instead_of(Mailbox(5, lambda: woken.append(1)), "BTC_USDT")
    box_of.put([order(), fill("a")])
    assert box_of.take().fill_id == "a"
    other = bb.Fill(
        market="spot", symbol="ETH_USDT", order_id="1", fill_id="b", side="buy", price=1, size=1
    )
    box_of.put([other])
    with pytest.raises(Empty):
        box_of.take()
    assert len(woken) == 1
    all_of = FillMailbox.instead_of(Mailbox(5, lambda: None), None)
    all_of.put([other])
    assert all_of.take() is other


def test_each_execution_is_told_once_and_counts():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            book = await feed.subscribe("BTC_USDT")
            lens = feed.account.lens(book)
            fills = await feed.fills("BTC_USDT")
            orders = await feed.orders()
            feed.account.reconcile(orders=[], market="spot")
            assert (book.net().certain, lens.certain) == (True, True)
            bought = simulator.place("spot", "BTC_USDT", "buy", price=None, size="0.01")
            other = simulator.place("spot", "ETH_USDT", "buy", price=None, size="0.01")
            sizes = 0
            while sizes < 0.01:
                done = await fills.get(timeout=5)
                assert (done.symbol, done.order_id) == ("BTC_USDT", bought)
                sizes += done.size
            async for one in orders:
                if one.order_id == other and one.status == "filled":
                    break
            held = feed.account.inventory["BTC_USDT"]
            assert (float(held.position), held.certain) == (0.01, True)
            assert held.fees["BTC"] > 0
            assert len(fills.mailbox) == 0
            fills.close()
            assert fills_of(fills.topic) not in feed._core.audience._streams

    run(work())


def test_the_blocking_face():
    simulator = bb.Simulator()
    with bb.connect("BTC_USDT", source=simulator) as feed:
        fills = feed.fills()
        feed.account.reconcile(orders=[], market="spot")
        simulator.place("spot", "BTC_USDT", "sell", price=None, size="0.01")
        assert fills.get(timeout=5).side == "sell"
        assert feed["BTC_USDT"].net().certain in (True, False)


def test_a_hole_is_told_to_the_stream_and_to_the_inventory():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            fills = await feed.fills()
            feed.account.reconcile(orders=[], market="spot")
            simulator.place("spot", "BTC_USDT", "buy", price=None, size="0.01")
            await fills.get(timeout=5)
            assert feed.account.inventory.certain
            for peer in list(simulator._connected.values()):
                peer.abort()
            with pytest.raises(bb.StreamGap):
                await fills.get(timeout=10)
            assert not feed.account.inventory["BTC_USDT"].certain

    run(work())
