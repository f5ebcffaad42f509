"""What the private addresses of the box tell of orders, balances and positions: every frame against
the examples, every value against what was placed."""

import json
import zlib
from decimal import Decimal

import pytest

from bitmart_book.sim import Exchange, Knobs, Send
from bitmart_book.sim.account.private import signature
from tests.helpers.private_box import (
    ASSET,
    BALANCE,
    BTC,
    FUTURES,
    FUTURES_ORDER,
    OLD_FUTURES_KEYS,
    OLD_SPOT_ORDER,
    ORDER,
    ORDERS,
    POSITION,
    SPOT_BALANCE,
    SPOT_ORDER,
    START_MS,
    Box,
    same_shape,
)

pytestmark = pytest.mark.private


# Spot: orders and balances


def orders(frames, table="spot/user/orders"):
    return [frame["data"][0] for frame in frames if frame["table"] == table]


def balances(frames):
    return [
        {row["ccy"]: (Decimal(row["av_bal"]), Decimal(row["fz_bal"])) for row in item[
            "balance_details"]}
        for frame in frames if frame["table"] == "spot/user/balance" for item in frame["data"]
    ]  # fmt: skip


def test_an_order_from_placing_to_cancelling():
    box = Box(topics=[ORDERS, ORDER, BALANCE], private_decimals=10)
    box.advance(1.5)
    order_id = box.exchange.trader.place(
        "spot", BTC, "buy", "50000", "0.2", client_order_id='my "1"'
    )
    placed = box.frames()
    box.advance(2.0)
    box.exchange.trader.cancel(order_id)
    cancelled = box.frames()
    for frames in (placed, cancelled):
        tables = [frame["table"] for frame in frames]
        assert tables == ["spot/user/order", "spot/user/orders", "spot/user/balance"]
        assert frames[0]["data"] == frames[1]["data"]
        same_shape(frames[0], SPOT_ORDER)
        same_shape(frames[2], SPOT_BALANCE)
    expected = {
        "symbol": BTC,
        "side": "buy",
        "type": "limit",
        "notional": "",
        "size": "0.2000000000",
        "ms_t": str(START_MS + 1_500),
        "price": "50000.0000000000",
        "filled_notional": "0.0000000000",
        "filled_size": "0.0000000000",
        "margin_trading": "0",
        "state": "4",
        "order_id": order_id,
        "order_type": "0",
        "last_fill_time": "0",
        "last_fill_price": "0",
        "last_fill_count": "0",
        "exec_type": "",
        "detail_id": "",
        "client_order_id": 'my "1"',
        "create_time": str(START_MS + 1_500),
        "update_time": str(START_MS + 1_500),
        "order_mode": "0",
        "entrust_type": "normal",
        "order_state": "new",
        "dealFee": "0.0000000000",
        "deal_fee_coin_name": "",
    }
    assert orders(placed) == [expected]
    expected |= {"state": "8", "order_state": "canceled", "update_time": str(START_MS + 3_500)}
    assert orders(cancelled) == [expected]
    assert balances(placed) == [{"USDT": (990_000, 10_000)}]
    assert balances(cancelled) == [{"USDT": (1_000_000, 0)}]
    assert placed[2]["data"][0]["event_type"] == "TRANSACTION_COMPLETED"
    assert placed[2]["data"][0]["event_time"] == str(START_MS + 1_500)


def test_an_order_from_placing_to_its_last_fill():
    """Each partial fill is told once, with its trade; the trades are public too."""
    exchange = Exchange(start_ms=START_MS, speed=3.0, knobs=Knobs(idle_seconds=None))
    box = Box(exchange=exchange, topics=[ORDERS, BALANCE])
    public = exchange.connect("spot_public", 0.0)
    subscribe = {"op": "subscribe", "args": [f"spot/trade:{BTC}"]}
    exchange.receive(public, json.dumps(subscribe), 0.0)
    bid, _ = box.best()
    size = Decimal(9)
    order_id = exchange.trader.place("spot", BTC, "buy", bid, size)
    own, trades, told = [], [], box.frames()
    for tenth in range(1, 2_000):
        exchange.advance(tenth / 10)
        for action in exchange.output():
            if not isinstance(action, Send):
                continue
            frame = json.loads(action.payload)
            if action.connection == public:
                trades += frame.get("data", [])
            elif action.connection == box.connection:
                told.append(frame)
        if exchange.trader.order(order_id)["state"] == "filled":
            break
    own = orders(told)
    assert [row["order_state"] for row in own] == [
        "new", *["partially_filled"] * (len(own) - 2), "filled"
    ]  # fmt: skip
    assert len(own) > 5
    assert [row["state"] for row in own] == ["4", *["5"] * (len(own) - 2), "6"]
    filled = notional = fee = Decimal(0)
    public_trades = {(row["price"], row["size"], str(row["ms_t"]), row["side"]) for row in trades}
    public_trades = {(Decimal(p), Decimal(s), t, side) for p, s, t, side in public_trades}
    ids = []
    for row in own[1:]:
        price, count = Decimal(row["last_fill_price"]), Decimal(row["last_fill_count"])
        assert price == Decimal(bid) == Decimal(row["price"])
        filled, notional = filled + count, notional + count * price
        fee += count / 1_000
        assert Decimal(row["filled_size"]) == filled
        assert Decimal(row["filled_notional"]) == notional
        assert (Decimal(row["dealFee"]), row["deal_fee_coin_name"]) == (fee, "BTC")
        assert row["exec_type"] == "M"
        assert (price, count, row["last_fill_time"], "sell") in public_trades
        assert row["update_time"] == row["last_fill_time"]
        ids.append(int(row["detail_id"]))
    assert filled == size
    assert ids == sorted(set(ids))
    first, *after = balances(told)
    assert first == {"USDT": (1_000_000 - size * Decimal(bid), size * Decimal(bid))}
    assert len(after) == len(own) - 1
    for row, balance in zip(own[1:], after, strict=True):
        got = Decimal(row["filled_size"]) * Decimal("0.999")
        left = (size - Decimal(row["filled_size"])) * Decimal(bid)
        assert balance["BTC"] == (200 + got, 0)
        assert balance["USDT"] == (1_000_000 - size * Decimal(bid), left)


def test_a_taker_is_told_so():
    box = Box(topics=[ORDERS])
    _, ask = box.best()
    box.exchange.trader.place("spot", BTC, "buy", None, "0.00001")
    new, filled = orders(box.frames())
    assert (new["order_state"], filled["order_state"]) == ("new", "filled")
    assert (filled["exec_type"], filled["type"]) == ("T", "market")
    assert Decimal(filled["last_fill_price"]) == Decimal(ask)


def test_kinds_and_states():
    box = Box(topics=[ORDERS], entrust_case="upper")
    bid, ask = box.best()
    place = box.exchange.trader.place
    place("spot", BTC, "buy", ask, "0.1", kind="limit_maker")
    rows = orders(box.frames())
    assert [row["order_state"] for row in rows] == ["new", "canceled"]
    assert [(row["type"], row["order_type"], row["entrust_type"]) for row in rows] == [
        ("limit_maker", "1", "LIMIT_MAKER")
    ] * 2
    place("spot", BTC, "sell", bid, 150, kind="ioc")
    rows = orders(box.frames())
    assert rows[-1]["order_state"] == "partially_canceled"
    assert rows[-1]["state"] == "12"
    assert {(row["type"], row["order_type"], row["entrust_type"]) for row in rows} == {
        ("limit", "3", "IOC")
    }


def test_live_numbers_have_thirty_decimals():
    box = Box(topics=[ORDER, BALANCE])
    box.exchange.trader.place("spot", BTC, "buy", "50", "0.5")
    order, balance = box.frames()
    assert order["data"][0]["price"] == "50.000000000000000000000000000000"
    assert order["data"][0]["size"] == "0.500000000000000000000000000000"
    assert balance["data"][0]["balance_details"][0]["fz_bal"] == (
        "25.000000000000000000000000000000"
    )


def test_older_orders_and_other_forms_of_balances():
    box = Box(topics=[ORDER, BALANCE], order_fields="old", balance_blanks=True, account_type=True)
    box.exchange.trader.place("spot", BTC, "buy", "50", "0.5")
    order, balance = box.frames()
    same_shape(order, OLD_SPOT_ORDER)
    (item,) = balance["data"]
    assert item["event_type"] == "TRANSACTION_COMPLETED  "
    assert list(item) == ["event_type", "account_type", "event_time", "balance_details"]
    assert item["account_type"] == "spot"


def test_data_may_be_an_empty_text():
    box = Box(empty_data=True)
    _, push = box.send({"op": "subscribe", "args": [ORDER]})
    assert push == '{"data":"","table":"spot/user/order"}'
    assert len(box.send({"op": "subscribe", "args": [BALANCE]})) == 1


def test_money_that_comes_and_goes():
    box = Box(topics=[BALANCE])
    box.exchange.trader.deposit("spot", "BTC", "1.5")
    box.exchange.trader.deposit("spot", "USDT", -1_000, "ACCOUNT_WITHDRAWAL")
    frames = box.frames()
    assert [frame["data"][0]["event_type"] for frame in frames] == [
        "ACCOUNT_RECHARGE",
        "ACCOUNT_WITHDRAWAL",
    ]
    assert balances(frames) == [{"BTC": (Decimal("201.5"), 0)}, {"USDT": (999_000, 0)}]


@pytest.mark.parametrize("replies", [False, True])
@pytest.mark.parametrize("opcode", ["binary", "mixed"])
def test_private_pushes_are_compressed_like_public_ones(opcode, replies):
    """BitMart's client for Java once failed on a login answer that came compressed."""
    exchange = Exchange(knobs=Knobs(opcode=opcode, compress_replies=replies), start_ms=START_MS)
    connection = exchange.connect("spot_private", 0.0)
    keys, stamp = exchange.keys, str(START_MS)
    login = {"op": "login", "args": [keys.key, stamp, signature(keys, stamp)]}
    exchange.receive(connection, json.dumps(login), 0.0)
    exchange.receive(connection, json.dumps({"op": "subscribe", "args": [ORDERS]}), 0.0)
    answers = [action.payload for action in exchange.output()]
    for _ in range(20):
        exchange.trader.place("spot", BTC, "buy", "1", "1")
    pushed = [action.payload for action in exchange.output()]
    kinds = {type(payload) for payload in pushed}
    assert kinds == ({bytes} if opcode == "binary" else {bytes, str})
    assert replies or {type(payload) for payload in answers} == {str}
    for payload in answers + pushed:
        if isinstance(payload, bytes):
            payload = zlib.decompress(payload, -zlib.MAX_WBITS)
        assert isinstance(json.loads(payload), dict)


# Futures: orders, positions, assets


def by_group(frames):
    return [(frame["group"], frame["data"]) for frame in frames]


def test_a_futures_order_from_placing_to_cancelling():
    box = Box("futures_private", topics=FUTURES)
    box.advance(1.5)
    order_id = box.exchange.trader.place(
        "futures", "BTCUSDT", "buy", "50000", 20, client_order_id="BM1234"
    )
    placed = box.frames()
    box.advance(2.0)
    box.exchange.trader.cancel(order_id)
    cancelled = box.frames()
    for frames in (placed, cancelled):
        assert [frame["group"] for frame in frames] == ["futures/order", "futures/asset:USDT"]
        same_shape(frames[0], FUTURES_ORDER)
        same_shape(frames[1], ASSET)
    order = {
        "order_id": order_id,
        "client_order_id": "BM1234",
        "price": "50000",
        "size": "20",
        "symbol": "BTCUSDT",
        "state": 2,
        "side": 1,
        "type": "limit",
        "leverage": "10",
        "open_type": "cross",
        "deal_avg_price": "0",
        "deal_size": "0",
        "create_time": START_MS + 1_500,
        "update_time": START_MS + 1_500,
        "plan_order_id": "",
        "last_trade": None,
        "trigger_price": "-",
        "trigger_price_type": "-",
        "execution_price": "-",
        "activation_price_type": "-",
        "activation_price": "-",
        "callback_rate": "-",
        "position_mode": "hedge_mode",
    }
    assert placed[0]["data"] == [{"action": 2, "order": order}]
    order |= {"state": 4, "update_time": START_MS + 3_500}
    assert cancelled[0]["data"] == [{"action": 3, "order": order}]
    # 20 contracts of 0.001 BTC at 50,000, a tenth of it and the fee of a taker.
    assert placed[1]["data"] == {
        "currency": "USDT",
        "available_balance": "999899.4",
        "position_deposit": "0",
        "frozen_balance": "100.6",
    }
    assert cancelled[1]["data"]["available_balance"] == "1000000"


def test_a_position_from_its_opening_to_its_end():
    box = Box("futures_private", topics=FUTURES)
    venue = box.exchange.futures
    (bid, bid_size), (ask, ask_size) = venue.publisher("BTCUSDT").best()
    assert min(bid_size, ask_size) >= 100
    box.exchange.trader.place("futures", "BTCUSDT", "sell", None, 100)
    frames = box.frames()
    groups = [frame["group"] for frame in frames]
    assert groups == ["futures/order", "futures/asset:USDT"] * 2 + ["futures/position"]
    (submitted,), (matched,) = frames[0]["data"], frames[2]["data"]
    assert (submitted["action"], submitted["order"]["state"]) == (2, 1)
    assert (matched["action"], matched["order"]["state"]) == (1, 4)
    same_shape(frames[2], FUTURES_ORDER)
    price, value = Decimal(bid) / 10, Decimal(bid) / 10 * Decimal("0.1")
    fee = value * Decimal("0.0006")
    order = matched["order"]
    assert (order["side"], order["type"], order["deal_size"]) == (4, "market", "100")
    assert Decimal(order["deal_avg_price"]) == price
    last = order["last_trade"]
    assert last["lastTradeID"] == venue.trade_id(
        "BTCUSDT", venue.publisher("BTCUSDT").tape.trades + 1
    )
    assert (last["fillQty"], last["feeCcy"]) == ("100", "USDT")
    assert (Decimal(last["fillPrice"]), Decimal(last["fee"])) == (price, -fee)
    same_shape(frames[4], POSITION)
    assert frames[4]["data"] == [
        {
            "symbol": "BTCUSDT",
            "hold_volume": "100",
            "position_type": 2,
            "open_type": 2,
            "frozen_volume": "0",
            "close_volume": "0",
            "hold_avg_price": f"{price:f}",
            "close_avg_price": "0",
            "open_avg_price": f"{price:f}",
            "liquidate_price": "0",
            "create_time": START_MS,
            "update_time": START_MS,
            "position_mode": "hedge_mode",
        }
    ]
    asset = frames[3]["data"]
    assert Decimal(asset["position_deposit"]) == value / 10
    assert Decimal(asset["available_balance"]) == 1_000_000 - value / 10 - fee
    box.exchange.trader.place("futures", "BTCUSDT", "buy_close_short", None, 100)
    frames = box.frames()
    positions = [data[0] for group, data in by_group(frames) if group == "futures/position"]
    assert [row["frozen_volume"] for row in positions] == ["100", "0"]
    assert [row["hold_volume"] for row in positions] == ["100", "0"]
    assert positions[1]["close_volume"] == "100"
    assert Decimal(positions[1]["close_avg_price"]) == Decimal(ask) / 10
    assert Decimal(positions[1]["open_avg_price"]) == price
    asset = [data for group, data in by_group(frames) if group == "futures/asset:USDT"][-1]
    won = (Decimal(bid) - Decimal(ask)) / 10 * Decimal("0.1")
    fees = fee + Decimal(ask) / 10 * Decimal("0.1") * Decimal("0.0006")
    assert Decimal(asset["available_balance"]) == 1_000_000 + won - fees
    assert asset["position_deposit"] == asset["frozen_balance"] == "0"


def test_own_trades_are_public_with_the_same_id():
    exchange = Exchange(start_ms=START_MS, speed=3.0)
    box = Box("futures_private", exchange=exchange, topics=["futures/order"])
    public = exchange.connect("futures_public", 0.0)
    subscribe = {"action": "subscribe", "args": ["futures/trade:BTCUSDT"]}
    exchange.receive(public, json.dumps(subscribe), 0.0)
    bid, _ = box.best("BTCUSDT")
    order_id = exchange.trader.place("futures", "BTCUSDT", "buy", bid, 30_000)
    own, trades = [], {}
    for tenth in range(1, 400):
        exchange.advance(tenth / 10)
        for action in exchange.output():
            if not isinstance(action, Send):
                continue
            frame = json.loads(action.payload)
            if frame.get("group") == "futures/trade:BTCUSDT" and "data" in frame:
                trades |= {row["trade_id"]: row for row in frame["data"]}
            if frame.get("group") == "futures/order":
                own += [push["order"]["last_trade"] for push in frame["data"]]
    assert exchange.trader.order(order_id)["state"] == "filled"
    own = [last for last in own if last is not None]
    assert len(own) > 2
    assert sum(int(last["fillQty"]) for last in own) == 30_000
    for last in own:
        row = trades[last["lastTradeID"]]
        assert (row["deal_price"], row["deal_vol"]) == (last["fillPrice"], last["fillQty"])
        assert row["m"]  # the own buyer was the maker


def test_positions_are_told_every_ten_seconds():
    box = Box("futures_private", topics=["futures/position"], futures_idle_seconds=None)
    assert box.advance(25.0) == []
    box.exchange.trader.place("futures", "ETHUSDT", "buy", None, 5)
    box.exchange.trader.place("futures", "BTCUSDT", "sell", None, 5)
    assert len(box.frames()) == 2
    (first,) = box.advance(10.0)
    assert [row["symbol"] for row in first["data"]] == ["ETHUSDT", "BTCUSDT"]
    same_shape(first, POSITION)
    assert len(box.advance(30.0)) == 3
    box.exchange.trader.place("futures", "ETHUSDT", "sell_close_long", None, 5)
    box.frames()
    (later,) = box.advance(10.0)
    assert [row["symbol"] for row in later["data"]] == ["BTCUSDT"]
    box.op("unsubscribe", "futures/position")
    assert box.advance(30.0) == []
    box.op("subscribe", "futures/position")
    assert len(box.advance(30.0)) == 3


def test_other_forms_of_futures_news():
    box = Box(
        "futures_private", topics=FUTURES, order_fields="old", open_type="isolated", leverage=5
    )
    box.exchange.trader.place("futures", "BTCUSDT", "buy", None, 5)
    frames = box.frames()
    order = frames[2]["data"][0]["order"]
    assert list(order) == OLD_FUTURES_KEYS
    assert (order["leverage"], order["open_type"]) == ("5", "isolated")
    (position,) = frames[4]["data"]
    assert "position_mode" not in position
    assert position["open_type"] == 1
    liquidation = Decimal(position["hold_avg_price"]) * Decimal("0.805")
    assert abs(Decimal(position["liquidate_price"]) - liquidation) < Decimal("1e-6")


def test_the_demo_is_another_account_behind_the_same_keys():
    exchange = Exchange(start_ms=START_MS)
    live = Box("futures_private", exchange=exchange, topics=FUTURES)
    demo = Box("demo_futures_private", exchange=exchange, topics=FUTURES)
    exchange.trader.place("demo", "BTCUSDT", "buy", None, 5)
    told = {}
    for action in exchange.output():
        told.setdefault(action.connection, []).append(json.loads(action.payload)["group"])
    assert set(told) == {demo.connection}
    assert told[demo.connection].count("futures/position") == 1
    exchange.trader.place("futures", "BTCUSDT", "buy", None, 5)
    assert {action.connection for action in exchange.output()} == {live.connection}
