"""The documented pushes of spot's private channels.

The literals are the examples of BitMart's spot API reference ("WebSocket Subscription"), unless
a comment names another source.
"""

ORDER = (
    '{"data":[{"symbol":"BTC_USDT","side":"buy","type":"market","notional":"",'
    '"size":"1.0000000000","ms_t":"1609926028000","price":"46100.0000000000",'
    '"filled_notional":"46100.0000000000","filled_size":"1.0000000000","margin_trading":"0",'
    '"state":"4","order_id":"2147857398","order_type":"0","last_fill_time":"1609926039226",'
    '"last_fill_price":"46100.00000","last_fill_count":"1.00000","exec_type":"M",'
    '"detail_id":"256348632","client_order_id":"order4872191","create_time":"1609926028000",'
    '"update_time":"1609926044000","order_mode":"0","entrust_type":"normal",'
    '"order_state":"partially_filled","dealFee":"10.00","deal_fee_coin_name":"BMX"}],'
    '"table":"spot/user/order"}'
)
ORDER_2022 = (  # recorded in ccxt
    '{"data":[{"symbol":"LTC_USDT","notional":"","side":"buy","last_fill_time":"0",'
    '"ms_t":"1646216634000","type":"limit","filled_notional":"0.000000000000000000000000000000",'
    '"last_fill_price":"0","size":"0.500000000000000000000000000000",'
    '"price":"50.000000000000000000000000000000","last_fill_count":"0",'
    '"filled_size":"0.000000000000000000000000000000","margin_trading":"0","state":"8",'
    '"order_id":"24807076628","order_type":"0"}],"table":"spot/user/order"}'
)
ORDER_OF_ALL = (  # from a test of JKorf's BitMart.Net
    '{"data":[{"symbol":"BTC_USDT","side":"buy","type":"market","notional":"",'
    '"size":"1.0000000000","ms_t":"1609926028000","price":"46100.0000000000",'
    '"filled_notional":"46100.0000000000","filled_size":"1.0000000000","margin_trading":"0",'
    '"state":"4","order_id":"2147857398","order_type":"0","last_fill_time":"1609926039226",'
    '"last_fill_price":"46100.00000","last_fill_count":"1.00000","exec_type":"M",'
    '"detail_id":"256348632","client_order_id":"order4872191","create_time":"1609926028000",'
    '"update_time":"1609926044000","order_mode":"spot","entrust_type":"normal",'
    '"order_state":"partially_filled"}],"table":"spot/user/orders"}'
)
NO_ORDER = '{"data":"","table":"spot/user/order"}'  # recorded in ccxt
BALANCE = (
    '{"data":[{"event_type":"TRANSACTION_COMPLETED  ","event_time":"1693364237000",'
    '"balance_details":[{"ccy":"BTC","av_bal":"123.22","fz_bal":"12.56"}]}],'
    '"table":"spot/user/balance"}'
)
BALANCE_2023 = (  # recorded in ccxt
    '{"data":[{"balance_details":[{"av_bal":"0.206000000000000000000000000000","ccy":"LTC",'
    '"fz_bal":"0.100000000000000000000000000000"}],"event_time":"1701632345416",'
    '"event_type":"TRANSACTION_COMPLETED"}],"table":"spot/user/balance"}'
)
STREAM_FRAMES = (ORDER, ORDER_2022, ORDER_OF_ALL, BALANCE, BALANCE_2023)
