"""What is subscribed in a long run: books of every family of channels, trades, a ticker."""

import random

SPOT = ("BTC_USDT", "ETH_USDT", "Yinbi_BTC", "BMX_ETH", "BABYDOGE_USDT")
CONTRACTS = ("BTCUSDT", "SOLUSDT", "ASTEROIDETHUSDT")
# One more lively market, with a name that nobody has heard of.
EXTRA_SYMBOLS = 1
EXTRA_RATE = 60.0
SPOT_TRADES = "spot/trade:BTC_USDT"
FUTURES_TRADES = "futures/trade:BTCUSDT"
STREAMS = (SPOT_TRADES, FUTURES_TRADES, "spot/ticker:ETH_USDT")


def books(seed):
    """The topics of a run's books, as a user would name them.

    Lively markets and a quiet one, whose heartbeats matter; of each family two books at least.
    """
    rng = random.Random(f"channels {seed}")
    spot, futures = (rng.sample((5, 20, 50), 2) for _ in range(2))
    speed = rng.choice(("", "@200ms", "@100ms"))
    return (
        "BTC_USDT",
        "BABYDOGE_USDT",
        "Yinbi_BTC",
        "SYM0001_USDT",
        f"spot/depth{spot[0]}:BTC_USDT",
        f"spot/depth{spot[1]}:ETH_USDT",
        "futures/depthIncrease20:BTCUSDT@200ms",
        f"futures/depthIncrease50:SOLUSDT{speed}",
        f"futures/depth{futures[0]}:BTCUSDT",
        f"futures/depth{futures[1]}:ASTEROIDETHUSDT{speed}",
        f"futures/depthAll{futures[0]}:SOLUSDT{speed}",
        f"futures/depthAll{futures[1]}:BTCUSDT",
        "legacy/depth:BMX_ETH",
        "legacy/depth:ETH_USDT",
    )
