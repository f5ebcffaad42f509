"""The documented pushes of spot's public channels.

The literals are the examples of BitMart's spot API reference ("WebSocket Subscription"), unless
a comment names another source.
"""

TICKER = (
    '{"data":[{"ask_px":"36000","ask_sz":"1.021","base_volume_24h":"2.02000","bid_px":"35000",'
    '"bid_sz":"11","fluctuation":"-0.0001","high_24h":"35003.04","last_price":"35000.00",'
    '"low_24h":"35000.00","ms_t":1709024652967,"open_24h":"35003.03",'
    '"quote_volume_24h":"70700.00","s_t":1709024652,"symbol":"BTC_USDT"}],"table":"spot/ticker"}'
)
TICKER_2021 = (  # recorded in ccxt
    '{"data":[{"base_volume_24h":"78615593.81","high_24h":"52756.97","last_price":"52638.31",'
    '"low_24h":"50991.35","open_24h":"51692.03","s_t":1630981727,"symbol":"BTC_USDT"}],'
    '"table":"spot/ticker"}'
)
BOOK_TICKER = (  # from a test of rustcta, stamped 2026-03
    '{"data":[{"ask_px":"71291.23","ask_sz":"2.46310","bid_px":"71291.2","bid_sz":"2.30267",'
    '"ms_t":1773892368212,"symbol":"BTC_USDT"}],"table":"spot/bookTicker"}'
)
KLINE = (
    '{"data":[{"candle":[1709025360,"162.01","162.02","162.03","162.04","336.452694"],'
    '"symbol":"BTC_USDT"}],"table":"spot/kline1m"}'
)
KLINE_2021 = (  # recorded in ccxt
    '{"data":[{"candle":[1631056350,"46532.83","46555.71","46511.41","46555.71","0.25"],'
    '"symbol":"BTC_USDT"}],"table":"spot/kline1m"}'
)
TRADE = (
    '{"table":"spot/trade","data":[{"symbol":"ETH_USDT","price":"162.12","side":"buy",'
    '"size":"11.085","s_t":1542337219,"ms_t":1542337219120}]}'
)
TRADE_2021 = (  # recorded in ccxt
    '{"table":"spot/trade","data":[{"price":"52700.50","s_t":1630982050,"side":"buy",'
    '"size":"0.00112","symbol":"BTC_USDT"}]}'
)
TRADE_TWO_SYMBOLS = (  # from a test of a public collector, 2026-07
    '{"table":"spot/trade","data":[{"symbol":"TAO_USDT","price":"197.54","side":"sell",'
    '"size":"0.35","ms_t":1784466123456},{"symbol":"BTC_USDT","price":"64230.11","side":"buy",'
    '"size":"0.00500","ms_t":1784466123999}]}'
)
TRADE_TWO_ROWS = (  # from a test of hummingbot
    '{"table":"spot/trade","data":[{"symbol":"COINALPHA_HBOT","price":"162.12","side":"buy",'
    '"size":"11.085","s_t":1542337219},{"symbol":"COINALPHA_HBOT","price":"163.12","side":"buy",'
    '"size":"15","s_t":1542337238}]}'
)
TRADE_ROWS = (  # recorded, ccxt
    '{"ms_t":1740320841473,"price":"2806.54","s_t":1740320841,"side":"sell","size":"0.77598",'
    '"symbol":"ETH_USDT"}',
    '{"ms_t":1709552020997,"price":"64949.02","s_t":1709552020,"side":"sell","size":"0.00067",'
    '"symbol":"BTC_USDT"}',
)
DEPTHS = (
    '{"data":[{"asks":[["23200","0.69959"],["28000.00","0.20000"]],"bids":[["23105","1.80114"]],'
    '"ms_t":1698292343610,"symbol":"BTC_USDT","type":"snapshot","version":4}],'
    '"table":"spot/depth/increase100"}',
    '{"data":[{"asks":[["23200","0.59959"]],"bids":[],"ms_t":1698292358292,"symbol":"BTC_USDT",'
    '"type":"update","version":5}],"table":"spot/depth/increase100"}',
    # recorded in ccxt, 2023-12
    '{"data":[{"asks":[["43652.52","0.02039"]],"bids":[["43652.51","0.00500"]],'
    '"ms_t":1703376836487,"symbol":"BTC_USDT","type":"snapshot","version":2141731}],'
    '"table":"spot/depth/increase100"}',
    # built from the reference's words on the idle heartbeat
    '{"data":[{"asks":[],"bids":[],"ms_t":1698292368292,"symbol":"BTC_USDT","type":"update",'
    '"version":5}],"table":"spot/depth/increase100"}',
    '{"table":"spot/depth5","data":[{"asks":[["161.96","7.37567"]],"bids":[["161.94","4.552355"]],'
    '"symbol":"ETH_USDT","ms_t":1542337219120}]}',
    # recorded in ccxt, 2021-09
    '{"data":[{"asks":[["46828.38","0.21847"],["46830.68","0.08232"],["46832.08","0.09285"],'
    '["46837.82","0.02028"],["46839.43","0.15068"]],"bids":[["46820.78","0.00444"],'
    '["46814.33","0.00234"],["46813.50","0.05021"],["46808.14","0.00217"],'
    '["46808.04","0.00013"]],"ms_t":1631044962431,"symbol":"BTC_USDT"}],"table":"spot/depth5"}',
)
STREAM_FRAMES = (
    TICKER, TICKER_2021, BOOK_TICKER, KLINE, KLINE_2021,
    TRADE, TRADE_2021, TRADE_TWO_SYMBOLS, TRADE_TWO_ROWS,
)  # fmt: skip
