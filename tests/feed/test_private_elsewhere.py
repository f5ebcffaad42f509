"""Own orders at Bybit over real websockets: the same values, the same account as BitMart's."""

from decimal import Decimal

import pytest

import bitmart_book as bb
from tests.helpers.feeds import FAST, Unhurried, run

pytestmark = pytest.mark.private

SPOT = "bybit-spot"


async def first(stream, wanted=lambda value: True):
    """The next value that is meant."""
    async for value in stream:
        if wanted(value):
            return value
    raise AssertionError("the stream ended")


@pytest.mark.parametrize(("market", "size"), [("bybit", "0.01"), (SPOT, "0.01")])
def test_an_order_rests_fills_and_is_told(market, size):
    async def work():
        async with (
            Unhurried(venue="bybit", speed=FAST) as simulator,
            bb.Feed(source=simulator, venue="bybit") as feed,
        ):
            book = await feed.subscribe(f"{market}:BTCUSDT")
            orders, fills = await feed.orders(market=market), await feed.fills(f"{market}:BTCUSDT")
            feed.account.reconcile(orders=[], market=market)
            mine = simulator.place(market, "BTCUSDT", "buy", price="50000", size=size)
            resting = await first(orders)
            assert (resting.market, resting.symbol, resting.order_id) == (market, "BTCUSDT", mine)
            assert (resting.status, resting.side, resting.type) == ("new", "buy", "limit")
            assert resting.exact == (Decimal(50000), Decimal(size))
            assert list(feed.account.orders) == [mine]
            assert feed.account.own_size("BTCUSDT", "bid", "50000") == Decimal(size)

            simulator.cancel(mine)
            assert (await first(orders)).status == "canceled"

            taken = simulator.place(market, "BTCUSDT", "buy", price=None, size=size)
            done = await first(orders, lambda value: value.status == "filled")
            heard = Decimal(0)
            while heard < Decimal(size):
                fill = await fills.get(timeout=5)
                assert (fill.order_id, fill.liquidity, fill.market) == (taken, "taker", market)
                heard += fill.exact.size
            assert done.order_id == taken
            held = feed.account.inventory.of("BTCUSDT", market)
            assert (held.position, held.certain) == (Decimal(size), True)
            cost = simulator.exchange.trader.order_cost(taken)
            assert held.average_price == cost / Decimal(size)
            assert feed.account.missing_size(taken) == 0
            assert book.net().symbol == "BTCUSDT"

    run(work())
