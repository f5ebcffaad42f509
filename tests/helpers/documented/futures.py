"""The documented pushes of futures' public channels.

The literals are the examples of BitMart's futures v2 API reference ("WebSocket Subscription"),
unless a comment names another source.
"""

TRADE = (
    '{"group":"futures/trade:BTCUSDT","data":[{"trade_id":1409495322,"symbol":"BTCUSDT",'
    '"deal_price":"117387.58","deal_vol":"1445","m":true,'
    '"created_at":"2023-02-24T07:54:11.124940968Z"}]}'
)
TRADE_2025 = (  # recorded by hftbacktest, 2025-03-10
    '{"data":[{"trade_id":3000000389425121,"symbol":"BTCUSDT","deal_price":"78727.3",'
    '"deal_vol":"310","way":2,"m":true,"created_at":"2025-03-10T18:17:14.656686827Z"}],'
    '"group":"futures/trade:BTCUSDT"}'
)
TRADE_2023 = (  # recorded in ccxt
    '{"group":"futures/trade:BTCUSDT","data":[{"trade_id":6798697637,"symbol":"BTCUSDT",'
    '"deal_price":"39735.8","deal_vol":"2","way":1,"created_at":"2023-12-03T15:48:23.517518538Z",'
    '"m":true}]}'
)
TRADE_WITHOUT_M = (  # from a test of hummingbot
    '{"group":"futures/trade:BTCUSDT","data":[{"trade_id":1409495322,"symbol":"BTCUSDT",'
    '"deal_price":"117387.58","way":1,"deal_vol":"1445",'
    '"created_at":"2023-02-24T07:54:11.124940968Z"}]}'
)
TICKER = (
    '{"data":{"symbol":"BTCUSDT","last_price":"97153.6","volume_24":"25502894",'
    '"range":"0.0016599204475393","mark_price":"97153.7","index_price":"97185.614",'
    '"ask_price":"97153.9","ask_vol":"28","bid_price":"97153.4","bid_vol":"428"},'
    '"group":"futures/ticker:BTCUSDT"}'
)
TICKER_OF_ALL = (  # live, 2026-09-23
    '{"data":{"symbol":"XAUTUSDT","last_price":"4338.94","volume_24":"1852728",'
    '"range":"-0.0013970048400349","mark_price":"4338.94","index_price":"4340.10731595",'
    '"ask_price":"4339.23","ask_vol":"137","bid_price":"4338.93","bid_vol":"2294"},'
    '"group":"futures/ticker"}'
)
TICKER_WITH_A_SPEED = (  # recorded in ccxt, 2025-02
    '{"data":{"symbol":"ETHUSDT","last_price":"2807.73","volume_24":"2227011952",'
    '"range":"0.0273398194664491","mark_price":"2807.5","index_price":"2808.71047619",'
    '"ask_price":"2808.04","ask_vol":"7371","bid_price":"2807.28","bid_vol":"3561"},'
    '"group":"futures/ticker:ETHUSDT@100ms"}'
)
TICKER_V1 = (  # the first protocol, from a test of hummingbot
    '{"group":"futures/ticker","data":{"symbol":"BTCUSDT","volume_24":"117387.58",'
    '"fair_price":"146.24","last_price":"146.24","range":"147.17","ask_price":"147.11",'
    '"ask_vol":"1","bid_price":"142.11","bid_vol":"1"}}'
)
BOOK_TICKER = (
    '{"data":{"symbol":"BTCUSDT","best_bid_price":"97315","best_bid_vol":"156",'
    '"best_ask_price":"97315.4","best_ask_vol":"333","ms_t":1733891542244},'
    '"group":"futures/bookticker:BTCUSDT"}'
)
BOOK_TICKER_2026 = (  # live, 2026-09-23
    '{"data":{"symbol":"BTCUSDT","best_bid_price":"86657.9","best_bid_vol":"17485",'
    '"best_ask_price":"86658","best_ask_vol":"10847","ms_t":1790134291018},'
    '"group":"futures/bookticker:BTCUSDT"}'
)
KLINE = (
    '{"group":"futures/klineBin1m:BTCUSDT","data":{"symbol":"BTCUSDT","o":"146.24","h":"146.24",'
    '"l":"146.24","c":"146.24","v":"146","ts":1700533801}}'
)
KLINE_ITEMS = (  # recorded in ccxt, 2023-12
    '{"group":"futures/klineBin1m:BTCUSDT","data":{"symbol":"BTCUSDT","items":[{"o":"39635.8",'
    '"h":"39636","l":"39614.4","c":"39629.7","v":"31852","ts":1701617761}]}}'
)
MARK_KLINE = (
    '{"group":"futures/markPriceKlineBin1m:BTCUSDT","data":{"symbol":"BTCUSDT","o":"146.24",'
    '"h":"146.24","l":"146.24","c":"146.24","v":"146","ts":1700533801}}'
)
MARK_KLINE_ITEMS = (  # built: the shape that the wire had for the other klines
    '{"group":"futures/markPriceKlineBin1H:BTCUSDT","data":{"symbol":"BTCUSDT","items":['
    '{"o":"1","h":"4","l":"0.5","c":"2","v":"7","ts":1701617701},'
    '{"o":"2","h":"3","l":"1.5","c":"3","v":"9","ts":1701617761}]}}'
)
FUNDING = (
    '{"data":{"symbol":"BTCUSDT","fundingRate":"0.000098800809","fundingTime":1732525864000,'
    '"nextFundingRate":"0.0000947","nextFundingTime":1732550400000,'
    '"funding_upper_limit":"0.0375","funding_lower_limit":"-0.0375","ts":1732525864601},'
    '"group":"futures/fundingRate:BTCUSDT"}'
)
FUNDING_BELOW_ZERO = (  # recorded in ccxt, 2026-02
    '{"data":{"symbol":"BTCUSDT","fundingRate":"0.0000561","fundingTime":1770978448000,'
    '"nextFundingRate":"-0.0000195","nextFundingTime":1770998400000,'
    '"funding_upper_limit":"0.0375","funding_lower_limit":"-0.0375","ts":1770978448970},'
    '"group":"futures/fundingRate:BTCUSDT"}'
)
FUNDING_2026 = (  # live, 2026-09-23
    '{"data":{"symbol":"BTCUSDT","fundingRate":"0.000011900082","fundingTime":1790134290000,'
    '"nextFundingRate":"0.0000386","nextFundingTime":1790150400000,'
    '"funding_upper_limit":"0.0375","funding_lower_limit":"-0.0375","ts":1790134290542},'
    '"group":"futures/fundingRate:BTCUSDT"}'
)
STREAM_FRAMES = (
    TRADE, TRADE_2025, TRADE_2023, TRADE_WITHOUT_M,
    TICKER, TICKER_OF_ALL, TICKER_WITH_A_SPEED, TICKER_V1, BOOK_TICKER, BOOK_TICKER_2026,
    KLINE, KLINE_ITEMS, MARK_KLINE, MARK_KLINE_ITEMS,
    FUNDING, FUNDING_BELOW_ZERO, FUNDING_2026,
)  # fmt: skip
DEPTHS = (
    '{"group":"futures/depth20:BTCUSDT@200ms","data":{"symbol":"BTCUSDT","way":1,'
    '"depths":[{"price":"5","vol":"97"}],"ms_t":1542337219120}}',
    '{"group":"futures/depth50:BTCUSDT","data":{"symbol":"BTCUSDT","way":2,'
    '"depths":[{"price":"30107.7","vol":"234"},{"price":"30107.8","vol":"1587"}]}}',
    '{"data":{"symbol":"BTCUSDT","asks":[{"price":"70294.4","vol":"455"}],'
    '"bids":[{"price":"70293.9","vol":"1856"}],"ms_t":1730399750402},'
    '"group":"futures/depthAll20:BTCUSDT@200ms"}',
    '{"data":{"symbol":"BTCUSDT","asks":[{"price":"70391.6","vol":"3550"}],'
    '"bids":[{"price":"70391.2","vol":"1335"}],"ms_t":1730400086184,"version":980361,'
    '"type":"snapshot"},"group":"futures/depthIncrease20:BTCUSDT@200ms"}',
)
