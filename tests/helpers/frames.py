"""Frames for tests; those with a source beside them are BitMart's documented examples."""

import json

SPOT_SNAPSHOT_4 = (  # BitMart spot API reference, depth/increase100
    '{"data":[{"asks":[["23200","0.69959"],["28000.00","0.20000"]],"bids":[["23105","1.80114"]],'
    '"ms_t":1698292343610,"symbol":"BTC_USDT","type":"snapshot","version":4}],'
    '"table":"spot/depth/increase100"}'
)
SPOT_UPDATE_5 = (
    '{"data":[{"asks":[["23200","0.59959"]],"bids":[],"ms_t":1698292358292,"symbol":"BTC_USDT",'
    '"type":"update","version":5}],"table":"spot/depth/increase100"}'
)
SPOT_DEPTH5 = (  # BitMart spot API reference, depth5
    '{"table":"spot/depth5","data":[{"asks":[["161.96","7.37567"]],"bids":[["161.94","4.552355"]],'
    '"symbol":"ETH_USDT","ms_t":1542337219120}]}'
)
FUTURES_SNAPSHOT = (  # BitMart futures v2 API reference, depthIncrease
    '{"data":{"symbol":"BTCUSDT","asks":[{"price":"70391.6","vol":"3550"}],'
    '"bids":[{"price":"70391.2","vol":"1335"}],"ms_t":1730400086184,"version":980361,'
    '"type":"snapshot"},"group":"futures/depthIncrease20:BTCUSDT@200ms"}'
)
FUTURES_UPDATE = (
    '{"data":{"symbol":"BTCUSDT","asks":[{"price":"70395.3","vol":"341"},'
    '{"price":"70395.4","vol":"323"}],"bids":[{"price":"70391.2","vol":"0"},'
    '{"price":"70353.4","vol":"11435"}],"ms_t":1730400086194,"version":980362,"type":"update"},'
    '"group":"futures/depthIncrease20:BTCUSDT@200ms"}'
)
SPOT_TRADES = (  # BitMart spot API reference, trade
    '{"table":"spot/trade","data":[{"symbol":"ETH_USDT","price":"162.12","side":"buy",'
    '"size":"11.085","s_t":1542337219,"ms_t":1542337219120}]}'
)
FUTURES_TRADES = (  # BitMart futures v2 API reference, trade
    '{"group":"futures/trade:BTCUSDT","data":[{"trade_id":1409495322,"symbol":"BTCUSDT",'
    '"deal_price":"117387.58","deal_vol":"1445","m":true,'
    '"created_at":"2023-02-24T07:54:11.124940968Z"}]}'
)


def spot(kind, version, bids=(), asks=(), symbol="BTC_USDT", **more):
    """A frame of spot depth/increase100 with one item."""
    return spot_items(spot_item(kind, version, bids, asks, symbol, **more))


def spot_item(kind, version, bids=(), asks=(), symbol="BTC_USDT", **more):
    return {
        "asks": list(asks),
        "bids": list(bids),
        "ms_t": 1_700_000_000_000 + version,
        "symbol": symbol,
        "type": kind,
        "version": version,
        **more,
    }


def spot_items(*items):
    return json.dumps({"data": items, "table": "spot/depth/increase100"})


def futures_side(way, rows, symbol="BTCUSDT", time=None):
    """A frame of one side of futures depth20."""
    data = {
        "symbol": symbol,
        "way": way,
        "depths": [{"price": price, "vol": size} for price, size in rows],
    }
    if time is not None:
        data["ms_t"] = time
    return json.dumps({"group": f"futures/depth20:{symbol}@200ms", "data": data})
