"""BitMart's legacy words: every documented push, reply and request, and what must be refused.

The literals are the samples of bitmartexchange/bitmart-official-api-docs at 3a34b0e: of
openws.bitmart.com from `websocket/*.md`, of ws.bitmart.com (those called OLDEST) from
`discard/WS_Reference.md`, unless a comment names another source.
"""

import json
from decimal import Decimal

import pytest

from bitmart_book.model import Kline, Ticker, Trade
from bitmart_book.venues import LEGACY, Reply, Topic

PRICE = (
    '{"subscribe":"price","symbol":"BMX_ETH","data":{"open_price":"0.000109",'
    '"highest_price":"0.000122","lowest_price":"0.000094","volume":"2396.650514",'
    '"current_price":"0.000112","fluctuation":"+0.0275","rate":"0.05 USD",'
    '"timestamp":1532033149669}}'
)
KLINE = (
    '{"subscribe":"kline","symbol":"BMX_ETH","step":"1","data":{"open_price":"0.000112",'
    '"highest_price":"0.000112","lowest_price":"0.000112","volume":"0.000000",'
    '"current_price":"0.000112","timestamp":1532033149669}}'
)
TRADES = (
    '{"subscribe":"trade","precision":6,"symbol":"BMX_ETH","data":{"trades":[{"side":"buy",'
    '"amount":"2.07827200","price":"0.000112","count":"18556.00","time":1532039229703},'
    '{"side":"buy","amount":"1.53126400","price":"0.000112","count":"13672.00",'
    '"time":1532039222810},{"side":"buy","amount":"2.17190400","price":"0.000112",'
    '"count":"19392.00","time":1532039207104},{"side":"buy","amount":"2.07468800",'
    '"price":"0.000112","count":"18524.00","time":1532039198301},{"side":"buy",'
    '"amount":"2.02137600","price":"0.000112","count":"18048.00","time":1532039156202},'
    '{"side":"buy","amount":"1.54582400","price":"0.000112","count":"13802.00",'
    '"time":1532039134822},{"side":"sell","amount":"2.06169600","price":"0.000112",'
    '"count":"18408.00","time":1532039128018},{"side":"buy","amount":"2.01152000",'
    '"price":"0.000112","count":"17960.00","time":1532039113315},{"side":"buy",'
    '"amount":"2.16854400","price":"0.000112","count":"19362.00","time":1532039105701},'
    '{"side":"sell","amount":"0.02563456","price":"0.000112","count":"228.88",'
    '"time":1532038517418},{"side":"sell","amount":"0.15963248","price":"0.000112",'
    '"count":"1425.29","time":1532038487908},{"side":"sell","amount":"0.15963248",'
    '"price":"0.000112","count":"1425.29","time":1532038483523},{"side":"sell",'
    '"amount":"0.14519120","price":"0.000112","count":"1296.35","time":1532037923911},'
    '{"side":"buy","amount":"0.04242672","price":"0.000112","count":"378.81",'
    '"time":1532037919821},{"side":"buy","amount":"0.05924576","price":"0.000112",'
    '"count":"528.98","time":1532037919420}]}}'
)
DEPTH = (
    '{"subscribe":"depth","symbol":"BMX_ETH","precision":6,"data":{"buys":[{"amount":"30657.00",'
    '"total":"30657.00","price":"0.000111","count":"1"},{"amount":"53266.60","total":"83923.60",'
    '"price":"0.000110","count":"3"},{"amount":"41565.65","total":"125489.25","price":"0.000109",'
    '"count":"4"},{"amount":"25988.15","total":"151477.40","price":"0.000108","count":"6"},'
    '{"amount":"25035.94","total":"176513.34","price":"0.000107","count":"3"},'
    '{"amount":"27793.61","total":"204306.95","price":"0.000106","count":"6"},'
    '{"amount":"64108.77","total":"268415.72","price":"0.000105","count":"11"},'
    '{"amount":"589004.64","total":"857420.36","price":"0.000104","count":"6"},'
    '{"amount":"131389.03","total":"988809.39","price":"0.000103","count":"10"},'
    '{"amount":"18539.58","total":"1007348.97","price":"0.000102","count":"4"},'
    '{"amount":"53118.54","total":"1060467.51","price":"0.000101","count":"6"},'
    '{"amount":"95122.48","total":"1155589.99","price":"0.000100","count":"13"},'
    '{"amount":"45311.42","total":"1200901.41","price":"0.000099","count":"4"},'
    '{"amount":"24245.14","total":"1225146.55","price":"0.000098","count":"3"},'
    '{"amount":"167032.04","total":"1392178.59","price":"0.000097","count":"3"},'
    '{"amount":"34388.33","total":"1426566.92","price":"0.000096","count":"5"},'
    '{"amount":"6120.15","total":"1432687.07","price":"0.000095","count":"5"},'
    '{"amount":"52000.00","total":"1484687.07","price":"0.000094","count":"3"},'
    '{"amount":"64223.21","total":"1548910.28","price":"0.000093","count":"2"},'
    '{"amount":"66343.53","total":"1615253.81","price":"0.000092","count":"4"}],'
    '"sells":[{"amount":"7734.95","total":"7734.95","price":"0.000113","count":"3"},'
    '{"amount":"8110.00","total":"15844.95","price":"0.000114","count":"4"},{"amount":"31660.27",'
    '"total":"47505.22","price":"0.000115","count":"6"},{"amount":"22107.00","total":"69612.22",'
    '"price":"0.000116","count":"2"},{"amount":"11382.69","total":"80994.91","price":"0.000117",'
    '"count":"4"},{"amount":"13523.00","total":"94517.91","price":"0.000118","count":"8"},'
    '{"amount":"22897.44","total":"117415.35","price":"0.000119","count":"7"},'
    '{"amount":"40973.15","total":"158388.50","price":"0.000120","count":"12"},'
    '{"amount":"36744.30","total":"195132.80","price":"0.000121","count":"9"},'
    '{"amount":"81796.73","total":"276929.53","price":"0.000122","count":"5"},'
    '{"amount":"60000.00","total":"336929.53","price":"0.000123","count":"2"},'
    '{"amount":"40429.96","total":"377359.49","price":"0.000124","count":"3"},'
    '{"amount":"42656.66","total":"420016.15","price":"0.000125","count":"8"},'
    '{"amount":"130782.16","total":"550798.31","price":"0.000126","count":"3"},'
    '{"amount":"226198.12","total":"776996.43","price":"0.000127","count":"5"},'
    '{"amount":"440014.87","total":"1217011.30","price":"0.000128","count":"3"},'
    '{"amount":"5903.72","total":"1222915.02","price":"0.000129","count":"1"},{"amount":"100.00",'
    '"total":"1223015.02","price":"0.000130","count":"1"},{"amount":"34947.00",'
    '"total":"1257962.02","price":"0.000132","count":"1"},{"amount":"50000.00",'
    '"total":"1307962.02","price":"0.000133","count":"1"}]}}'
)
OLDEST_PRICE = (
    '{"subscribe":"price","symbol":22,"local":"en_US","data":{"o":"0.0000100","h":"0.0000100",'
    '"l":"0.0000100","v":"0.0000100","c":"0.0000100","increase":"1","fluctuation":"-0.05",'
    '"rate":"0","sign":"USD"}}'
)
OLDEST_KLINE = (
    '{"subscribe":"kline","symbol":22,"step":3,"data":{"o":"0.0000100","h":"0.0000100",'
    '"l":"0.0000100","v":"0.0000100","c":"0.0000100","t":1231223121}}'
)
OLDEST_TRADES = (
    '{"subscribe":"trade","symbol":22,"precision":6,"data":{"trades":[{"isBuy":"0",'
    '"amount":"1.49111100","price":"0.000129","time":1527470105232},{"isBuy":"1",'
    '"amount":"1.58063700","price":"0.000129","time":1527470092600},{"isBuy":"1",'
    '"amount":"1.10720700","price":"0.000129","time":1527470074925},{"isBuy":"0",'
    '"amount":"2.33090100","price":"0.000129","time":1527470056437},{"isBuy":"0",'
    '"amount":"2.48350800","price":"0.000129","time":1527470036212},{"isBuy":"1",'
    '"amount":"2.23028100","price":"0.000129","time":1527470000914},{"isBuy":"0",'
    '"amount":"1.16745000","price":"0.000129","time":1527469966313},{"isBuy":"0",'
    '"amount":"1.35081963","price":"0.000129","time":1527469958928},{"isBuy":"0",'
    '"amount":"0.01916037","price":"0.000129","time":1527469958525},{"isBuy":"0",'
    '"amount":"0.08120163","price":"0.000129","time":1527469954899},{"isBuy":"0",'
    '"amount":"0.02489700","price":"0.000129","time":1527469920323},{"isBuy":"0",'
    '"amount":"0.24703500","price":"0.000129","time":1527469919820},{"isBuy":"1",'
    '"amount":"1.38352500","price":"0.000129","time":1527469876000},{"isBuy":"1",'
    '"amount":"0.99084900","price":"0.000129","time":1527469853301},{"isBuy":"1",'
    '"amount":"0.16383000","price":"0.000129","time":1527469852900}]}}'
)
OLDEST_DEPTH = (
    '{"subscribe":"depth","symbol":22,"precision":6,"data":{"buys":[{"amount":"13970.40",'
    '"total":"120000.000000","price":"0.000128","count":"3"},{"amount":"19938.46",'
    '"total":"20000.000000","price":"0.000127","count":"2"},{"amount":"10500.00",'
    '"total":"10000.000000","price":"0.000126","count":"2"},{"amount":"12089.54",'
    '"total":"6608.340000","price":"0.000125","count":"2"},{"amount":"20111.00",'
    '"total":"10000.000000","price":"0.000124","count":"3"},{"amount":"24979.57",'
    '"total":"10000.000000","price":"0.000123","count":"5"},{"amount":"12053.38",'
    '"total":"2000.000000","price":"0.000122","count":"3"},{"amount":"30955.79",'
    '"total":"14199.280000","price":"0.000121","count":"4"},{"amount":"102463.72",'
    '"total":"100000.000000","price":"0.000120","count":"11"},{"amount":"10343.00",'
    '"total":"10000.000000","price":"0.000119","count":"4"},{"amount":"10687.00",'
    '"total":"10000.000000","price":"0.000118","count":"3"},{"amount":"18504.28",'
    '"total":"10000.000000","price":"0.000117","count":"2"},{"amount":"11203.00",'
    '"total":"10000.000000","price":"0.000116","count":"2"},{"amount":"33894.64",'
    '"total":"30000.000000","price":"0.000115","count":"8"},{"amount":"11500.00",'
    '"total":"10000.000000","price":"0.000114","count":"3"},{"amount":"15000.00",'
    '"total":"10000.000000","price":"0.000113","count":"2"},{"amount":"10759.00",'
    '"total":"10000.000000","price":"0.000112","count":"5"},{"amount":"10100.00",'
    '"total":"10000.000000","price":"0.000111","count":"2"},{"amount":"9245.91",'
    '"total":"50000.000000","price":"0.000110","count":"8"},{"amount":"118550.36",'
    '"total":"50000.000000","price":"0.000109","count":"4"},{"amount":"20405.30",'
    '"total":"20000.000000","price":"0.000108","count":"3"},{"amount":"10100.00",'
    '"total":"10000.000000","price":"0.000107","count":"2"},{"amount":"10340.00",'
    '"total":"10000.000000","price":"0.000106","count":"2"},{"amount":"12997.77",'
    '"total":"10000.000000","price":"0.000105","count":"6"},{"amount":"6641.38",'
    '"total":"4821.000000","price":"0.000103","count":"2"},{"amount":"4500.00",'
    '"total":"3000.000000","price":"0.000102","count":"2"},{"amount":"5134.55",'
    '"total":"5134.550000","price":"0.000101","count":"1"},{"amount":"351360.62",'
    '"total":"1306.400000","price":"0.000100","count":"14"},{"amount":"1.20","total":"1.200000",'
    '"price":"0.000099","count":"1"}],"sells":[{"amount":"629.47","total":"629.470000",'
    '"price":"0.000130","count":"1"},{"amount":"12066.56","total":"23007.560000",'
    '"price":"0.000131","count":"1"},{"amount":"14004.09","total":"16875.000000",'
    '"price":"0.000132","count":"4"},{"amount":"10.00","total":"10.000000","price":"0.000133",'
    '"count":"1"},{"amount":"150.00","total":"75.000000","price":"0.000134","count":"2"},'
    '{"amount":"2571.97","total":"20.000000","price":"0.000135","count":"4"},{"amount":"190.00",'
    '"total":"115.000000","price":"0.000136","count":"2"},{"amount":"148.12","total":"75.000000",'
    '"price":"0.000137","count":"2"},{"amount":"315.92","total":"85.000000","price":"0.000138",'
    '"count":"4"},{"amount":"1685.00","total":"1000.000000","price":"0.000139","count":"3"},'
    '{"amount":"4021.21","total":"5.000000","price":"0.000140","count":"7"},{"amount":"160.00",'
    '"total":"75.000000","price":"0.000141","count":"2"},{"amount":"75.00","total":"75.000000",'
    '"price":"0.000143","count":"1"},{"amount":"1412.38","total":"27.666600","price":"0.000145",'
    '"count":"5"},{"amount":"7700.00","total":"7700.000000","price":"0.000146","count":"1"},'
    '{"amount":"610.00","total":"610.000000","price":"0.000147","count":"1"},{"amount":"17349.66",'
    '"total":"75.000000","price":"0.000148","count":"3"},{"amount":"12444.92",'
    '"total":"1000.000000","price":"0.000149","count":"8"},{"amount":"141746.03",'
    '"total":"55.000000","price":"0.000150","count":"36"},{"amount":"600.00","total":"500.000000",'
    '"price":"0.000151","count":"2"},{"amount":"1500.00","total":"1500.000000","price":"0.000155",'
    '"count":"1"},{"amount":"85.00","total":"85.000000","price":"0.000157","count":"1"},'
    '{"amount":"75.00","total":"75.000000","price":"0.000158","count":"1"},{"amount":"1375.00",'
    '"total":"1000.000000","price":"0.000159","count":"6"},{"amount":"106.70","total":"20.000000",'
    '"price":"0.000160","count":"4"},{"amount":"20.00","total":"20.000000","price":"0.000161",'
    '"count":"1"},{"amount":"160.00","total":"85.000000","price":"0.000163","count":"2"},'
    '{"amount":"150.00","total":"75.000000","price":"0.000164","count":"2"},{"amount":"1650.00",'
    '"total":"1500.000000","price":"0.000165","count":"3"}]}}'
)
TRADES_2019 = (  # recorded in a fork of ccxws
    '{"subscribe":"trade","precision":6,"symbol":"BMX_BTC","data":{"trades":[{"side":"sell",'
    '"amount":"0.00053645","price":"0.00000343","count":"156.4","time":1549523884618},'
    '{"side":"buy","amount":"0.00145947","price":"0.00000343","count":"425.5",'
    '"time":1549523881264}]}}'
)
STREAM_FRAMES = (
    PRICE, KLINE, TRADES, TRADES_2019, OLDEST_PRICE, OLDEST_KLINE, OLDEST_TRADES,
)  # fmt: skip


def decode(message):
    message = json.loads(message) if isinstance(message, str) else message
    return LEGACY.stream(LEGACY.channel_prefix + message["subscribe"]).decode(message)


def changed(frame, where, **changes):
    """The frame with other values at a path of keys; ... removes one."""
    message = json.loads(frame)
    place = message
    for key in where:
        place = place[key]
    for key, value in changes.items():
        place[key] = value
        if value is ...:
            del place[key]
    return message


DATA = ("data",)
ROW = ("data", "trades", 0)


# --- pushes ---


def test_price():
    assert decode(PRICE) == [
        Ticker(
            symbol="BMX_ETH",
            last=Decimal("0.000112"),
            open_24h=Decimal("0.000109"),
            high_24h=Decimal("0.000122"),
            low_24h=Decimal("0.000094"),
            quote_volume_24h=Decimal("2396.650514"),
            fluctuation=Decimal("0.0275"),
            time_ms=1532033149669,
        )
    ]


def test_the_volume_of_a_price_cannot_be_a_quantity():
    """One trade of the sample beside it, on the same day, was larger."""
    (ticker,) = decode(PRICE)
    assert ticker.quote_volume_24h < max(trade.size for trade in decode(TRADES))


def test_kline():
    assert decode(KLINE) == [
        Kline(
            symbol="BMX_ETH",
            step="1",
            open=Decimal("0.000112"),
            high=Decimal("0.000112"),
            low=Decimal("0.000112"),
            close=Decimal("0.000112"),
            volume=Decimal("0.000000"),
            push_time_ms=1532033149669,
        )
    ]
    assert [kline.open_time_s for kline in decode(KLINE)] == [None]
    assert decode(changed(KLINE, (), step=1)) == decode(KLINE)


def test_trades():
    trades = decode(TRADES)
    assert trades[-1] == Trade(
        symbol="BMX_ETH",
        side="buy",
        price=Decimal("0.000112"),
        size=Decimal("18556.00"),
        time_ms=1532039229703,
    )
    assert trades[0] == Trade(
        symbol="BMX_ETH",
        side="buy",
        price=Decimal("0.000112"),
        size=Decimal("528.98"),
        time_ms=1532037919420,
    )
    rows = json.loads(TRADES)["data"]["trades"]
    assert len(trades) == len(rows) == 15
    for trade, row in zip(trades, reversed(rows), strict=True):
        assert (trade.side, trade.time_ms) == (row["side"], row["time"])
        # What the page calls the amount is a value.
        assert trade.price * trade.size == Decimal(row["amount"])
    times = [trade.time_ms for trade in trades]
    assert times == sorted(times)


def test_recorded_trades_cut_the_value_and_not_the_size():
    older, newer = decode(TRADES_2019)
    assert (older.side, older.size) == ("buy", Decimal("425.5"))
    assert (newer.side, newer.size) == ("sell", Decimal("156.4"))
    assert newer.price * newer.size == Decimal("0.000536452")


def test_the_book_is_described():
    (book,) = LEGACY.books
    assert (book.name, book.kind, book.window) == ("legacy/depth", "full", 20)
    assert LEGACY.default_book == book.name
    for frame in (DEPTH, OLDEST_DEPTH):
        message = json.loads(frame)
        assert LEGACY.channel_prefix + message[LEGACY.channel_key] == book.name
        assert LEGACY.symbol_key in message
        for side, descending in ((book.bids, True), (book.asks, False)):
            levels = message["data"][side]
            prices = [Decimal(level[book.price]) for level in levels]
            assert prices == sorted(prices, reverse=descending)
            assert all(Decimal(level[book.size]) > 0 for level in levels)


def test_total_is_a_running_sum_except_on_the_oldest_feed():
    """Why `total` is not what rests at a level."""
    for frame, sums in ((DEPTH, True), (OLDEST_DEPTH, False)):
        for side in ("buys", "sells"):
            running, equal = Decimal(0), True
            for level in json.loads(frame)["data"][side]:
                running += Decimal(level["amount"])
                equal &= running == Decimal(level["total"])
            assert equal is sums


# --- pushes of the oldest feed ---


def test_oldest_price():
    assert decode(OLDEST_PRICE) == [
        Ticker(
            symbol="22",
            last=Decimal("0.0000100"),
            open_24h=Decimal("0.0000100"),
            high_24h=Decimal("0.0000100"),
            low_24h=Decimal("0.0000100"),
            quote_volume_24h=Decimal("0.0000100"),
            fluctuation=Decimal("-0.05"),
        )
    ]
    assert [ticker.time_ms for ticker in decode(OLDEST_PRICE)] == [None]
    assert decode(changed(OLDEST_PRICE, DATA, s="ok")) == decode(OLDEST_PRICE)
    assert decode({"subscribe": "price", "symbol": 22, "data": {"s": "no_data"}}) == []


def test_oldest_kline():
    assert decode(OLDEST_KLINE) == [
        Kline(
            symbol="22",
            step="3",
            open=Decimal("0.0000100"),
            high=Decimal("0.0000100"),
            low=Decimal("0.0000100"),
            close=Decimal("0.0000100"),
            volume=Decimal("0.0000100"),
            push_time_ms=1231223121000,
        )
    ]
    assert [kline.step for kline in decode(changed(OLDEST_KLINE, (), step="1d"))] == ["1d"]


def test_oldest_trades():
    trades = decode(OLDEST_TRADES)
    # In this feed 0 is a buy.
    assert trades[-1] == Trade(
        symbol="22",
        side="buy",
        price=Decimal("0.000129"),
        size=Decimal("11559.00"),
        time_ms=1527470105232,
    )
    rows = json.loads(OLDEST_TRADES)["data"]["trades"]
    assert len(trades) == len(rows) == 15
    for trade, row in zip(trades, reversed(rows), strict=True):
        assert trade.side == {"0": "buy", "1": "sell"}[row["isBuy"]]
        assert trade.time_ms == row["time"]
        assert trade.price * trade.size == Decimal(row["amount"])
        assert trade.size.as_tuple().exponent == -2
    # That `amount` is a value and not a quantity: one buy took the whole best ask of the book.
    best_ask = Decimal(json.loads(OLDEST_DEPTH)["data"]["sells"][0]["amount"])
    assert best_ask in [trade.size for trade in trades]


def test_oldest_trades_may_be_stamped_in_seconds_as_documented():
    (*_, newest) = decode(changed(OLDEST_TRADES, ROW, time=1527470106))
    assert newest.time_ms == 1527470106000
    for side, value in (("buy", 0), ("sell", 1)):
        (*_, newest) = decode(changed(OLDEST_TRADES, ROW, isBuy=value))
        assert newest.side == side


def test_a_value_that_was_cut_gives_the_nearest_size():
    (*_, newest) = decode(changed(OLDEST_TRADES, ROW, amount="1", price="3"))
    assert str(newest.size) == "0." + "3" * 28


# --- what is tolerated, what is not ---


@pytest.mark.parametrize("nothing", [None, "", ...])
def test_optional_values_that_are_null_empty_or_missing(nothing):
    for frame, last in ((PRICE, "current_price"), (OLDEST_PRICE, "c")):
        others = dict.fromkeys(set(json.loads(frame)["data"]) - {last}, nothing)
        (ticker,) = decode(changed(frame, DATA, **others))
        assert ticker == Ticker(symbol=ticker.symbol, last=ticker.last)
    for frame, stamp in ((KLINE, "timestamp"), (OLDEST_KLINE, "t")):
        (kline,) = decode(changed(frame, DATA, **{stamp: nothing}))
        assert kline.push_time_ms is None
    if nothing is not ...:
        assert decode(changed(TRADES, DATA, trades=nothing)) == []


def test_what_nobody_knows_is_tolerated():
    for frame in STREAM_FRAMES:
        assert decode(changed(frame, DATA, novelty=[1]) | {"seq": 1}) == decode(frame)


@pytest.mark.parametrize(
    ("frame", "where", "changes"),
    [
        (PRICE, (), {"symbol": ...}),
        (PRICE, (), {"symbol": ""}),
        (PRICE, (), {"symbol": True}),
        (PRICE, (), {"symbol": None}),
        (PRICE, (), {"data": ...}),
        (PRICE, (), {"data": []}),
        (PRICE, (), {"data": "x"}),
        (PRICE, DATA, {"current_price": ...}),
        (PRICE, DATA, {"current_price": None}),
        (PRICE, DATA, {"volume": "0.05 USD"}),
        (PRICE, DATA, {"timestamp": "now"}),
        (KLINE, (), {"step": ...}),
        (KLINE, (), {"step": None}),
        (KLINE, (), {"step": ""}),
        (KLINE, (), {"data": None}),
        (KLINE, DATA, {"open_price": ...}),
        (KLINE, DATA, {"volume": None}),
        (OLDEST_KLINE, DATA, {"h": ...}),
        (OLDEST_KLINE, DATA, {"t": {}}),
        (TRADES, (), {"data": 5}),
        (TRADES, DATA, {"trades": ...}),
        (TRADES, DATA, {"trades": [None]}),
        (TRADES, DATA, {"trades": 5}),
        (TRADES, ROW, {"side": "Buy"}),
        (TRADES, ROW, {"side": None}),
        (TRADES, ROW, {"side": ...}),
        (TRADES, ROW, {"price": ...}),
        (TRADES, ROW, {"count": ...}),
        (TRADES, ROW, {"count": "-1"}),
        (TRADES, ROW, {"time": None}),
        (OLDEST_TRADES, ROW, {"isBuy": "2"}),
        (OLDEST_TRADES, ROW, {"isBuy": "true"}),
        (OLDEST_TRADES, ROW, {"isBuy": []}),
        (OLDEST_TRADES, ROW, {"price": "0"}),
        (OLDEST_TRADES, ROW, {"price": "0", "amount": "0"}),
        (OLDEST_TRADES, ROW, {"amount": "NaN"}),
    ],
)
def test_malformed(frame, where, changes):
    message = changed(frame, where, **changes)
    with pytest.raises((KeyError, TypeError, ValueError, ArithmeticError)):
        decode(message)


# --- replies ---


def test_ping_and_pong():
    assert LEGACY.ping == '{"subscribe":"ping"}'
    assert LEGACY.classify({"subscribe": "pong"}) == Reply(kind="pong")


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ({"message": "no such symbol"}, "no such symbol"),
        ({"message": None}, ""),
        ({"message": {"a": 1}}, "{'a': 1}"),
        ({"subscribe": "trade", "message": "x", "data": {}}, "x"),
    ],
)
def test_errors_are_what_has_a_message(frame, text):
    """The texts are not documented."""
    assert LEGACY.classify(frame) == Reply(kind="error", message=text)


@pytest.mark.parametrize(
    ("frame", "operation", "topic"),
    [
        # WEBSOCKET.md, "a sample subscription message"; the others are built like it
        ('{"subscribe":"trade","symbol":"BMX_ETH","precision":6}', "subscribe",
         "legacy/trade:BMX_ETH@6"),
        ('{"subscribe":"order","symbol":"BMX_ETH","precision":6}', "subscribe",
         "legacy/depth:BMX_ETH@6"),
        ('{"subscribe":"depth","symbol":"BMX_ETH"}', "subscribe", "legacy/depth:BMX_ETH"),
        ('{"subscribe":"kline","symbol":"BMX_ETH","step":"15"}', "subscribe",
         "legacy/kline:BMX_ETH@15"),
        ('{"subscribe":"price","symbol":"BMX_ETH"}', "subscribe", "legacy/price:BMX_ETH"),
        ('{"unsubscribe":"trade","symbol":"BMX_ETH","precision":6}', "unsubscribe",
         "legacy/trade:BMX_ETH@6"),
    ],
)  # fmt: skip
def test_a_request_that_is_repeated_is_an_acknowledgement(frame, operation, topic):
    assert LEGACY.classify(json.loads(frame)) == Reply(kind="ack", operation=operation, topic=topic)


@pytest.mark.parametrize(
    "frame", [*STREAM_FRAMES, DEPTH, OLDEST_DEPTH, "{}", "[]", "5", "null", '"pong"']
)
def test_what_is_no_reply(frame):
    assert LEGACY.classify(json.loads(frame)) is None


# --- requests ---


@pytest.mark.parametrize(
    ("frame", "topic"),
    [
        ('{"subscribe":"price","symbol":"BMX_ETH"}', "legacy/price:BMX_ETH"),
        ('{"subscribe":"kline","symbol":"BMX_ETH","step":1}', "legacy/kline:BMX_ETH@1"),
        ('{"subscribe":"kline","symbol":"BMX_ETH","step":1}', "legacy/kline:BMX_ETH"),
        ('{"subscribe":"kline","symbol":"BMX_ETH","step":43200}', "legacy/kline:BMX_ETH@43200"),
        ('{"subscribe":"order","symbol":"BMX_ETH","precision":6}', "legacy/depth:BMX_ETH@6"),
        ('{"subscribe":"order","symbol":"BMX_ETH"}', "legacy/depth:BMX_ETH"),
        ('{"subscribe":"order","symbol":"BMX_ETH","precision":0}', "legacy/depth:BMX_ETH@0"),
        ('{"subscribe":"trade","symbol":"BMX_ETH","precision":6}', "legacy/trade:BMX_ETH@6"),
        ('{"unsubscribe":"trade","symbol":"BMX_ETH","precision":6}', "legacy/trade:BMX_ETH@6"),
        ('{"unsubscribe":"order","symbol":"BMX_ETH","precision":6}', "legacy/depth:BMX_ETH@6"),
    ],
)
def test_encode(frame, topic):
    operation = "unsubscribe" if "unsubscribe" in frame else "subscribe"
    assert LEGACY.encode(operation, [topic]) == frame
    assert LEGACY.check_topic(Topic.parse(topic)) is None


def test_what_cannot_be_encoded():
    with pytest.raises(ValueError, match="no requests"):
        LEGACY.encode("request", ["legacy/depth:BMX_ETH@6"])
    with pytest.raises(ValueError, match="unpack"):
        LEGACY.encode("subscribe", ["legacy/price:BMX_ETH", "legacy/price:EOS_ETH"])


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ("legacy/order:BMX_ETH@6", "channel"),
        ("legacy/ping", "channel"),
        ("depth:BMX_ETH@6", "channel"),
        ("legacy/depth", "symbol"),
        ("legacy/depth:BMX-ETH", "symbol"),
        ("legacy/depth:BMX_ETH@x", "precision"),
        ("legacy/depth:BMX_ETH@06", "precision"),
        ("legacy/depth:BMX_ETH@-1", "precision"),
        ("legacy/trade:BMX_ETH@100", "precision"),
        ("legacy/trade:BMX_ETH@\u0666", "precision"),
        ("legacy/kline:BMX_ETH@2", "step"),
        ("legacy/kline:BMX_ETH@1m", "step"),
        ("legacy/kline:BMX_ETH@01", "step"),
        ("legacy/price:BMX_ETH@6", "option"),
    ],
)
def test_topics_that_cannot_exist(topic, problem):
    assert problem in LEGACY.check_topic(Topic.parse(topic))


@pytest.mark.parametrize("step", [1, 3, 5, 15, 30, 45, 60, 120, 180, 240, 1440, 10080, 43200])
def test_every_step(step):
    assert LEGACY.check_topic(Topic.parse(f"legacy/kline:BMX_ETH@{step}")) is None


def test_the_legacy_feed_is_never_meant_by_a_bare_symbol():
    assert not LEGACY.owns_symbol("BMX_ETH")
    assert not LEGACY.acks
    assert not LEGACY.can_request
