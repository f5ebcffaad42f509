"""Bybit's own examples of private pushes, retyped: "V5", WebSocket Stream, Private."""

ORDER = """{"id":"5923240c6880ab-c59f-420b-9adb-3639adc9dd90","topic":"order",
"creationTime":1672364262474,"data":[{"symbol":"ETH-30DEC22-1400-C",
"orderId":"5cf98598-39a7-459e-97bf-76ca765ee020","side":"Sell","orderType":"Market",
"cancelType":"UNKNOWN","price":"72.5","qty":"1","orderIv":"","timeInForce":"IOC",
"orderStatus":"Filled","orderLinkId":"","lastPriceOnCreated":"","reduceOnly":false,"leavesQty":"",
"leavesValue":"","cumExecQty":"1","cumExecValue":"75","avgPrice":"75","blockTradeId":"",
"positionIdx":0,"cumExecFee":"0.358635","closedPnl":"0","createdTime":"1672364262444",
"updatedTime":"1672364262457","rejectReason":"EC_NoError","stopOrderType":"","tpslMode":"",
"triggerPrice":"","takeProfit":"","stopLoss":"","tpTriggerBy":"","slTriggerBy":"",
"tpLimitPrice":"","slLimitPrice":"","triggerDirection":0,"triggerBy":"","closeOnTrigger":false,
"category":"option","placeType":"price","smpType":"None","smpGroup":0,"smpOrderId":"",
"feeCurrency":""}]}"""

EXECUTION = """{"topic":"execution","id":"386825804_BTCUSDT_140612148849382",
"creationTime":1746270400355,"data":[{"category":"linear","symbol":"BTCUSDT","closedSize":"0.5",
"execFee":"26.3725275","execId":"0ab1bdf7-4219-438b-b30a-32ec863018f7","execPrice":"95900.1",
"execQty":"0.5","execType":"Trade","execValue":"47950.05","feeRate":"0.00055","tradeIv":"",
"markIv":"","blockTradeId":"","markPrice":"95901.48","indexPrice":"","underlyingPrice":"",
"leavesQty":"0","orderId":"9aac161b-8ed6-450d-9cab-c5cc67c21784","orderLinkId":"",
"orderPrice":"94942.5","orderQty":"0.5","orderType":"Market","stopOrderType":"UNKNOWN",
"side":"Sell","execTime":"1746270400353","isLeverage":"0","isMaker":false,"seq":140612148849382,
"marketUnit":"","execPnl":"0.05","createType":"CreateByUser","extraFees":[{"feeCoin":"USDT",
"feeType":"GST","subFeeType":"IND_GST","feeRate":"0.0000675","fee":"0.006403779"}]}]}"""

POSITION = """{"id":"1003076014fb7eedb-c7e6-45d6-a8c1-270f0169171a","topic":"position",
"creationTime":1697682317044,"data":[{"positionIdx":2,"tradeMode":0,"riskId":1,
"riskLimitValue":"2000000","symbol":"BTCUSDT","side":"","size":"0","entryPrice":"0",
"leverage":"10","positionValue":"0","positionBalance":"0","markPrice":"28184.5","positionIM":"0",
"positionIMByMp":"0","positionMM":"0","positionMMByMp":"0","takeProfit":"0","stopLoss":"0",
"trailingStop":"0","unrealisedPnl":"0","curRealisedPnl":"1.26","cumRealisedPnl":"-25.06579337",
"sessionAvgPrice":"0","createdTime":"1694402496913","updatedTime":"1697682317038",
"tpslMode":"Full","liqPrice":"0","bustPrice":"","category":"linear","positionStatus":"Normal",
"adlRankIndicator":0,"autoAddMargin":0,"leverageSysUpdatedTime":"","mmrSysUpdatedTime":"",
"seq":8327597863,"isReduceOnly":false}]}"""

WALLET = """{"id":"592324d2bce751-ad38-48eb-8f42-4671d1fb4d4e","topic":"wallet",
"creationTime":1700034722104,"data":[{"accountIMRate":"0","accountIMRateByMp":"0",
"accountMMRate":"0","accountMMRateByMp":"0","totalEquity":"10262.91335023",
"totalWalletBalance":"9684.46297164","totalMarginBalance":"9684.46297164",
"totalAvailableBalance":"9556.6056555","totalPerpUPL":"0","totalInitialMargin":"0",
"totalInitialMarginByMp":"0","totalMaintenanceMargin":"0","totalMaintenanceMarginByMp":"0",
"coin":[{"coin":"BTC","equity":"0.00102964","usdValue":"36.70759517",
"walletBalance":"0.00102964","availableToWithdraw":"0.00102964","availableToBorrow":"",
"borrowAmount":"0","accruedInterest":"0","totalOrderIM":"","totalPositionIM":"",
"totalPositionMM":"","unrealisedPnl":"0","cumRealisedPnl":"-0.00000973","bonus":"0",
"collateralSwitch":true,"marginCollateral":true,"locked":"0","spotHedgingQty":"0.01592413"}],
"accountLTV":"0","accountType":"UNIFIED"}]}"""

# As others recorded it: a login that was taken, and one that was not.
LOGGED_IN = '{"success":true,"ret_msg":"","op":"auth","conn_id":"cl48jvldaugj6f98t3o0-97id"}'
REFUSED = '{"success":false,"ret_msg":"Params Error","op":"auth","conn_id":"chledgksvfr-3xa3"}'
SUBSCRIBED = (
    '{"req_id":"7","success":true,"ret_msg":"","op":"subscribe","conn_id":"cl9i0rtdaugsu2-3084a"}'
)
PONG = '{"req_id":"3","op":"pong","args":["1675418560633"],"conn_id":"cfcb4ocsvfriu23r3er0-1b"}'
