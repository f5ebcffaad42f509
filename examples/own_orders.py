"""Orders of one's own at the exchange in the box: one rests, one fills. Also in docs/guide.md."""

import asyncio

import bitmart_book as bb


async def main():
    async with bb.Simulator() as simulator, bb.Feed(source=simulator) as feed:
        orders = await feed.subscribe("spot/user/orders:ALL_SYMBOLS")
        rests = simulator.place("spot", "BTC_USDT", "buy", price="60000", size="0.01")
        simulator.place("spot", "ETH_USDT", "buy", price=None, size="0.5")  # at the market
        async for order in orders:
            print(f"{order.symbol} {order.side} {order.size:.2f}: {order.status}")
            if order.status == "filled":
                break
        for order in feed.account.orders.values():
            print(f"open: {order.symbol} {order.side} {order.size:.2f} at {order.price:.2f}")
        assert rests in feed.account.orders


asyncio.run(main())
