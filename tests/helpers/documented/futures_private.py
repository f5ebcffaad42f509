"""The documented pushes of futures' private channels.

The literals are the examples of BitMart's futures v2 API reference ("WebSocket Subscription"),
unless a comment names another source.
"""

ORDER = (
    '{"group":"futures/order","data":[{"action":3,"order":{"order_id":"220906179895578",'
    '"client_order_id":"BM1234","price":"1","size":"1000","symbol":"BTCUSDT","state":2,"side":1,'
    '"type":"limit","leverage":"5","open_type":"isolated","deal_avg_price":"0","deal_size":"0",'
    '"create_time":1662368173000,"update_time":1662368173000,"plan_order_id":"220901412155341",'
    '"last_trade":{"lastTradeID":1247592391,"fillQty":"1","fillPrice":"25667.2",'
    '"fee":"-0.00027","feeCcy":"USDT"},"trigger_price":"-","trigger_price_type":"-",'
    '"execution_price":"-","activation_price_type":"-","activation_price":"-",'
    '"callback_rate":"-","position_mode":"hedge_mode"}}]}'
)
ORDER_2023 = (  # recorded in ccxt
    '{"group":"futures/order","data":[{"action":2,"order":{"order_id":"2312045036986775",'
    '"client_order_id":"","price":"71.61707928","size":"1","symbol":"LTCUSDT","state":1,"side":4,'
    '"type":"market","leverage":"1","open_type":"cross","deal_avg_price":"0","deal_size":"0",'
    '"create_time":1701625324646,"update_time":1701625324640,"plan_order_id":"",'
    '"last_trade":null}}]}'
)
POSITION = (
    '{"group":"futures/position","data":[{"symbol":"BTCUSDT","hold_volume":"2000",'
    '"position_type":1,"open_type":1,"frozen_volume":"0","close_volume":"0",'
    '"hold_avg_price":"19406.2092","close_avg_price":"0","open_avg_price":"19406.2092",'
    '"liquidate_price":"15621.998406","create_time":1662692862255,"update_time":1662692862255,'
    '"position_mode":"hedge_mode"}]}'
)
POSITIONS_2023 = (  # recorded in ccxt
    '{"group":"futures/position","data":[{"symbol":"LTCUSDT","hold_volume":"5","position_type":2,'
    '"open_type":2,"frozen_volume":"0","close_volume":"0","hold_avg_price":"71.582",'
    '"close_avg_price":"0","open_avg_price":"71.582","liquidate_price":"0",'
    '"create_time":1701623327513,"update_time":1701627620439},{"symbol":"LTCUSDT",'
    '"hold_volume":"6","position_type":1,"open_type":2,"frozen_volume":"0","close_volume":"0",'
    '"hold_avg_price":"71.681666666666666667","close_avg_price":"0",'
    '"open_avg_price":"71.681666666666666667","liquidate_price":"0","create_time":1701621167225,'
    '"update_time":1701628152614}]}'
)
ASSET = (
    '{"group":"futures/asset:BTC","data":{"currency":"BTC","available_balance":"1000",'
    '"position_deposit":"1000","frozen_balance":"1000"}}'
)
ASSET_2023 = (  # recorded in ccxt
    '{"group":"futures/asset:USDT","data":{"currency":"USDT",'
    '"available_balance":"37.19688649135","position_deposit":"0.788687546","frozen_balance":"0"}}'
)
STREAM_FRAMES = (ORDER, ORDER_2023, POSITION, POSITIONS_2023, ASSET, ASSET_2023)
