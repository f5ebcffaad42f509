"""The account of the box: what orders and fills do to balances and positions, to the last digit,
and orders in the markets of an exchange."""

import contextlib
import itertools
import json
import random
from decimal import Decimal
from fractions import Fraction

import pytest

import bitmart_book as bb
from bitmart_book.sim import Exchange, Knobs
from bitmart_book.sim.account.accounts import FuturesAccount, Order, SpotAccount, written
from bitmart_book.sim.market.contracts import contracts
from bitmart_book.sim.market.market import listings
from bitmart_book.sim.market.matching import Fill

BTC = "BTC_USDT"  # two decimals of price, five of size


def order(side, price, size, *, intent=0, symbol=BTC):
    return Order(1, "", symbol, side, intent, "limit", price, size, 1_000)


def fill(price, size, *, maker=True):
    return Fill(1, price, size, 0.0, maker, 1)


def amounts(account, currency):
    balance = account.balance(currency)
    return balance.available, balance.frozen


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        (Fraction(75, 2), 12, "37.5"),
        (Fraction(2, 3), 18, "0.666666666666666667"),
        (Fraction(-27, 100_000), 12, "-0.00027"),
        (Fraction(0), 12, "0"),
        (Fraction(1_000), 12, "1000"),
        (Fraction(7), 0, "7"),
    ],
)
def test_amounts_are_written_without_superfluous_zeros(amount, decimals, text):
    assert written(amount, decimals) == text


# Spot: a fee of one in a thousand, of what is received.


def test_a_buyer_freezes_the_price_and_gets_back_what_was_not_needed():
    account = SpotAccount(listings())
    assert amounts(account, "USDT") == (1_000_000, 0)
    bought = order("buy", 6_000_000, 20_000)  # 0.2 at 60,000
    assert account.open(bought, 6_000_000) == ["USDT"]
    assert amounts(account, "USDT") == (988_000, 12_000)
    account.fill(bought, fill(5_990_000, 5_000), 2_000)  # 0.05 at 59,900
    assert amounts(account, "USDT") == (988_000 + 3_000 - 2_995, 9_000)
    assert amounts(account, "BTC") == (200 + Fraction("0.04995"), 0)
    assert (bought.state, bought.filled, bought.fee, bought.fee_currency) == (
        "partially_filled",
        5_000,
        Fraction("0.00005"),
        "BTC",
    )
    account.fill(bought, fill(6_000_000, 15_000), 3_000)
    assert amounts(account, "USDT") == (988_005, 0)
    assert amounts(account, "BTC") == (200 + Fraction("0.1998"), 0)
    assert (bought.state, bought.updated_ms) == ("filled", 3_000)


def test_a_seller_freezes_the_size():
    account = SpotAccount(listings())
    sold = order("sell", 6_000_000, 20_000)
    assert account.open(sold, 6_000_000) == ["BTC"]
    assert amounts(account, "BTC") == (Fraction("199.8"), Fraction("0.2"))
    assert account.fill(sold, fill(6_100_000, 5_000), 2_000) == ["BTC", "USDT"]
    assert amounts(account, "BTC") == (Fraction("199.8"), Fraction("0.15"))
    assert amounts(account, "USDT") == (1_000_000 + 3_050 - Fraction("3.05"), 0)
    assert account.end(sold, 4_000) == ["BTC"]
    assert amounts(account, "BTC") == (Fraction("199.95"), 0)
    assert (sold.state, sold.updated_ms) == ("partially_canceled", 4_000)


def test_what_is_not_there_cannot_be_spent():
    account = SpotAccount(listings())
    with pytest.raises(bb.UsageError, match="not enough USDT: 1200000 needed, 1000000 available"):
        account.open(order("buy", 6_000_000, 2_000_000), 6_000_000)
    assert amounts(account, "USDT") == (1_000_000, 0)
    with pytest.raises(bb.UsageError, match="not enough BTC: 250 needed"):
        account.open(order("sell", 6_000_000, 25_000_000), 6_000_000)
    with pytest.raises(bb.UsageError, match="no currency 'XYZ'"):
        account.deposit("XYZ", Fraction(1))
    with pytest.raises(bb.UsageError, match=r"not enough BTC: 200$"):
        account.deposit("BTC", Fraction(-201))
    account.deposit("BTC", Fraction(-200))
    assert amounts(account, "BTC") == (0, 0)


# Futures: a tenth of the value as margin; makers pay 0.02 %, takers 0.06 %.


def futures(*, isolated=False):
    return FuturesAccount(contracts(), 10, isolated)


def contract(side, price, size, intent):
    return order(side, price, size, intent=intent, symbol="BTCUSDT")  # tick 0.1, 0.001 BTC


def test_a_long_position_from_its_opening_to_its_end():
    account = futures()
    opening = contract("buy", 600_000, 300, 1)  # 0.3 BTC at 60,000
    assert account.open(opening, 600_000) == ["USDT"]
    frozen = 1_800 + Fraction("10.8")
    assert amounts(account, "USDT") == (1_000_000 - frozen, frozen)
    account.fill(opening, fill(600_000, 100), 2_000)
    position = account.positions["BTCUSDT", True]
    assert (position.volume, position.deposit) == (100, 600)
    account.fill(opening, fill(597_000, 200, maker=False), 3_000)
    fees = Fraction("1.2") + Fraction("7.164")
    assert amounts(account, "USDT") == (1_000_000 - 600 - 1_194 - fees, 0)
    assert account.deposits("USDT") == position.deposit == 1_794
    assert position.average(position.volume_cost, position.volume) == 59_800

    closing = contract("sell", 610_000, 150, 3)
    assert account.open(closing, 610_000) == []
    assert position.frozen == 150
    account.fill(closing, fill(610_000, 100), 4_000)
    won = Fraction(120)  # 0.1 BTC, 1,200 higher
    fees += Fraction("1.22")
    assert amounts(account, "USDT") == (1_000_000 - 1_196 + won - fees, 0)
    assert (position.volume, position.frozen, position.closed) == (200, 50, 100)
    assert (position.deposit, position.updated_ms) == (1_196, 4_000)
    assert account.end(closing, 5_000) == []
    assert position.frozen == 0

    last = contract("sell", 590_000, 200, 3)
    account.open(last, 590_000)
    account.fill(last, fill(590_000, 200), 6_000)
    won -= 160
    fees += Fraction("2.36")
    assert amounts(account, "USDT") == (1_000_000 + won - fees, 0)
    assert (position.volume, position.deposit, account.deposits("USDT")) == (0, 0, 0)


def test_a_short_position_wins_when_the_price_falls():
    account = futures()
    opening = contract("sell", 600_000, 100, 4)
    account.open(opening, 600_000)
    account.fill(opening, fill(600_000, 100), 2_000)
    closing = contract("buy", 590_000, 100, 2)
    account.open(closing, 590_000)
    account.fill(closing, fill(590_000, 100), 3_000)
    assert amounts(account, "USDT") == (1_000_000 + 100 - Fraction("1.2") - Fraction("1.18"), 0)
    assert account.positions["BTCUSDT", False].volume == 0


def test_long_and_short_are_two_positions():
    account = futures()
    for side, intent in (("buy", 1), ("sell", 4)):
        opening = contract(side, 600_000, 10, intent)
        account.open(opening, 600_000)
        account.fill(opening, fill(600_000, 10), 2_000)
    assert [(p["side"], p["size"], p["entry_price"]) for p in account.described()] == [
        ("long", "10", "60000"),
        ("short", "10", "60000"),
    ]


def test_only_what_is_open_can_be_closed():
    account = futures()
    with pytest.raises(bb.UsageError, match="only 0 contracts can be closed"):
        account.open(contract("sell", 600_000, 1, 3), 600_000)
    opening = contract("buy", 600_000, 10, 1)
    account.open(opening, 600_000)
    account.fill(opening, fill(600_000, 10), 2_000)
    account.open(contract("sell", 610_000, 8, 3), 610_000)
    with pytest.raises(bb.UsageError, match="only 2 contracts can be closed"):
        account.open(contract("sell", 610_000, 3, 3), 610_000)


def test_a_new_position_begins_where_the_old_one_has_ended():
    account = futures()
    for intent, side, price in ((1, "buy", 600_000), (3, "sell", 610_000), (1, "buy", 620_000)):
        each = contract(side, price, 5, intent)
        account.open(each, price)
        account.fill(each, fill(price, 5), 2_000)
    position = account.positions["BTCUSDT", True]
    assert (position.opened, position.closed, position.opened_cost) == (5, 0, 62_000 * 5)


def test_an_isolated_position_says_where_it_ends():
    for isolated, expected in ((True, (Fraction("54300"), Fraction("65700"))), (False, (0, 0))):
        account = futures(isolated=isolated)
        for side, intent in (("buy", 1), ("sell", 4)):
            opening = contract(side, 600_000, 10, intent)
            account.open(opening, 600_000)
            account.fill(opening, fill(600_000, 10), 2_000)
        prices = tuple(account.liquidation(p) for p in account.positions.values())
        assert prices == expected


def test_contracts_that_are_settled_in_coins_take_no_orders():
    with pytest.raises(bb.UsageError, match="BTCUSD is settled in BTC"):
        futures().open(order("buy", 600_000, 1, intent=1, symbol="BTCUSD"), 600_000)


# In the markets of an exchange


def resting_price(exchange, symbol, side, away=30):
    """A price so many ticks behind the best of that side."""
    ladder = (
        exchange.spot.publisher(symbol).market.bids
        if side == "buy"
        else (exchange.spot.publisher(symbol).market.asks)
    )
    ticks = ladder.best - ladder.sign * away
    decimals = exchange.listings[symbol].price_decimals
    return Decimal(ticks).scaleb(-decimals)


def run(exchange, until, step=0.1):
    now = 0.0
    while now < until:
        now += step
        exchange.advance(now)
        exchange.output()


def test_an_own_order_stands_in_the_published_book():
    exchange = Exchange(symbols=[BTC])
    price = resting_price(exchange, BTC, "buy", 7)
    before = exchange.markets.version(BTC)
    order_id = exchange.trader.place("spot", BTC, "buy", price, "0.5", client_order_id="mine")
    assert exchange.markets.version(BTC) == before
    exchange.advance(0.1)
    assert exchange.markets.version(BTC) == before + 1
    bids, _ = exchange.markets.window(BTC, before)
    others = dict(bids).get(price, 0)
    bids, _ = exchange.markets.window(BTC, before + 1)
    assert dict(bids)[price] == others + Decimal("0.5")
    assert exchange.trader.order(order_id) == {
        "order_id": order_id,
        "client_order_id": "mine",
        "market": "spot",
        "symbol": BTC,
        "side": "buy",
        "type": "limit",
        "price": f"{price.normalize():f}",
        "size": "0.5",
        "filled_size": "0",
        "average_price": None,
        "state": "new",
    }
    assert (
        exchange.trader.orders("spot")
        == exchange.trader.orders()
        == [exchange.trader.order(order_id)]
    )
    exchange.trader.cancel(order_id)
    assert exchange.trader.orders() == []
    run(exchange, 0.3)
    bids, _ = exchange.markets.window(BTC, exchange.markets.version(BTC))
    assert dict(bids).get(price, 0) == others or exchange.markets.version(BTC) > before + 2


def test_the_own_order_of_a_quiet_market_is_published_at_once():
    """Yinbi_BTC changes twice a second; THETAUSDT is empty."""
    exchange = Exchange()
    price = resting_price(exchange, "Yinbi_BTC", "sell", 3)
    before = exchange.markets.version("Yinbi_BTC")
    exchange.trader.place("spot", "Yinbi_BTC", "sell", price, "100")
    exchange.advance(0.1)
    assert exchange.markets.version("Yinbi_BTC") == before + 1
    topic = "futures/depthIncrease5:THETAUSDT"
    assert exchange.futures.window(topic, exchange.futures.version(topic)) == ((), ())
    exchange.trader.place("futures", "THETAUSDT", "buy", "0.7125", 40)
    run(exchange, 2.0)
    latest = exchange.futures.window(topic, exchange.futures.version(topic))
    assert latest == (((Decimal("0.7125"), Decimal(40)),), ())


def test_an_order_is_filled_as_the_market_comes_to_it():
    exchange = Exchange(symbols=[BTC], speed=4.0)
    orders = [
        exchange.trader.place("spot", BTC, side, resting_price(exchange, BTC, side, 0), "0.3")
        for side in ("buy", "sell")
    ]
    run(exchange, 60)
    for order_id in orders:
        found = exchange.trader.order(order_id)
        assert (found["state"], found["filled_size"]) == ("filled", "0.3")
        assert found["average_price"] == found["price"]


def test_the_best_price_is_never_worse_than_an_own_order_that_waits():
    exchange = Exchange(symbols=["ETH_USDT"], speed=3.0)
    price = resting_price(exchange, "ETH_USDT", "buy", -2)
    order_id = exchange.trader.place("spot", "ETH_USDT", "buy", price, "300")
    partial = 0
    for tenth in range(1, 600):
        exchange.advance(tenth / 10)
        found = exchange.trader.order(order_id)
        if found["state"] == "filled":
            break
        bids, asks = exchange.markets.window("ETH_USDT", exchange.markets.version("ETH_USDT"), 1)
        assert price <= bids[0][0] < asks[0][0]
        partial += found["state"] == "partially_filled"
    assert found["state"] == "filled"
    assert partial > 3


def test_market_orders_take_what_there_is():
    exchange = Exchange(symbols=[BTC])
    bids, asks = exchange.markets.window(BTC, exchange.markets.version(BTC))
    order_id = exchange.trader.place("spot", BTC, "buy", None, asks[0][1])
    found = exchange.trader.order(order_id)
    assert (found["type"], found["state"]) == ("market", "filled")
    assert Decimal(found["average_price"]) == asks[0][0]
    exchange.advance(0.1)
    assert exchange.markets.window(BTC, exchange.markets.version(BTC), 1)[1][0][0] > asks[0][0]
    exchange = Exchange(symbols=["XRP_USDT"])
    exchange.trader.deposit("spot", "XRP", 10**9)
    bids, _ = exchange.markets.window("XRP_USDT", exchange.markets.version("XRP_USDT"))
    everything = sum(size for _, size in bids)
    order_id = exchange.trader.place("spot", "XRP_USDT", "sell", None, everything + 1)
    assert exchange.trader.order(order_id)["state"] == "partially_canceled"
    assert Decimal(exchange.trader.order(order_id)["filled_size"]) == everything


def test_kinds_of_orders():
    exchange = Exchange(symbols=[BTC])
    bids, asks = exchange.markets.window(BTC, exchange.markets.version(BTC))
    best = asks[0][0]
    crossing = exchange.trader.place("spot", BTC, "buy", best, "0.1", kind="limit_maker")
    assert exchange.trader.order(crossing)["state"] == "canceled"
    resting = exchange.trader.place("spot", BTC, "buy", bids[1][0], "0.1", kind="limit_maker")
    assert exchange.trader.order(resting)["state"] == "new"
    part = exchange.trader.place("spot", BTC, "buy", best, asks[0][1] + 1, kind="ioc")
    assert exchange.trader.order(part)["state"] == "partially_canceled"
    assert Decimal(exchange.trader.order(part)["filled_size"]) == asks[0][1]
    exchange.advance(0.1)
    nothing = exchange.trader.place("spot", BTC, "buy", best, 1, kind="ioc")
    assert exchange.trader.order(nothing)["state"] == "canceled"
    assert exchange.trader.orders() == [exchange.trader.order(resting)]


def test_own_orders_stay_when_others_crash():
    exchange = Exchange(symbols=[BTC])
    price = resting_price(exchange, BTC, "buy", 3)
    exchange.trader.place("spot", BTC, "buy", price, "0.25")
    exchange.advance(0.1)
    exchange.markets.take(BTC, "bid")
    bids, asks = exchange.markets.window(BTC, exchange.markets.version(BTC))
    assert bids == ((price, Decimal("0.25")),)
    assert len(asks) > 100


def test_own_orders_do_not_make_updates_come_faster():
    exchange = Exchange(symbols=[BTC])
    connection = exchange.connect("spot_public", 0.0)
    subscribe = {"op": "subscribe", "args": ["spot/depth/increase100:BTC_USDT"]}
    exchange.receive(connection, json.dumps(subscribe), 0.0)
    chance, now, frames = random.Random(1), 0.0, []
    while now < 15.0:
        now += chance.expovariate(12)
        exchange.trader.place(
            "spot", BTC, "buy", resting_price(exchange, BTC, "buy"), "0.01", now=now
        )
        frames += [json.loads(action.payload) for action in exchange.output()]
    updates = [frame["data"][0] for frame in frames[1:]]
    stamps = [update["ms_t"] for update in updates]
    assert min(then - first for first, then in itertools.pairwise(stamps[1:])) >= 100
    assert len(stamps) > 100


def test_a_seller_of_contracts_needs_margin_for_the_price_that_is_paid():
    exchange = Exchange()
    with pytest.raises(bb.UsageError, match="not enough USDT"):
        exchange.trader.place("futures", "BTCUSDT", "sell", "30000", 200_000)
    exchange.trader.place("futures", "BTCUSDT", "sell", "30000", 100_000)
    assert all(
        balance["available"][0] != "-" for balance in exchange.trader.balances("futures").values()
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"market": "options"}, "no market 'options'; there is: spot, futures, demo"),
        ({"symbol": "NOPE_USDT"}, "'NOPE_USDT' is not listed"),
        ({"side": "hold"}, "no side 'hold'; there is: buy, sell"),
        ({"price": "60000.001"}, "price must be above zero and a multiple of 0.01"),
        ({"price": "0"}, "price must be above zero"),
        ({"price": "nan"}, "price must be above zero"),
        ({"price": 60_000.123456}, "price must be above zero and a multiple of 0.01"),
        ({"size": "-1"}, "size must be above zero and a multiple of 0.00001"),
        ({"size": "0.000001"}, "size must be above zero and a multiple of 0.00001"),
        ({"size": "1e40"}, "size must be above zero"),
        ({"size": "much"}, "size must be above zero"),
        ({"size": 1_000}, "not enough USDT"),
        ({"kind": "fok"}, "no order of kind 'fok'"),
        ({"kind": "market"}, "no order of kind 'market' with the price 60000"),
        ({"market": "futures", "symbol": "BTCUSDT", "size": "0.5"}, "a multiple of 1, was '0.5'"),
        ({"market": "futures", "symbol": "BTCUSD", "size": 1}, "BTCUSD is settled in BTC"),
        ({"market": "futures", "symbol": "BTCUSDT", "side": "sell_close_long", "size": 1},
         "only 0 contracts can be closed"),
        ({"market": "futures", "symbol": "THETAUSDT", "price": None, "size": 1},
         "nobody to trade THETAUSDT with"),
    ],
)  # fmt: skip
def test_what_cannot_be_placed(changes, problem):
    exchange = Exchange()
    values = {"market": "spot", "symbol": BTC, "side": "buy", "price": 60_000, "size": "0.1"}
    values |= changes
    with pytest.raises(bb.UsageError) as raised:
        exchange.trader.place(
            *(values[key] for key in ("market", "symbol", "side", "price", "size")),
            kind=values.get("kind", "limit"),
        )
    assert problem in str(raised.value)
    assert exchange.trader.orders() == []


def test_what_cannot_be_cancelled():
    exchange = Exchange()
    for wrong in ("1", "x", "٣", -5):
        with pytest.raises(bb.UsageError, match="no order"):
            exchange.trader.cancel(wrong)
    order_id = exchange.trader.place("spot", BTC, "buy", None, "0.01")
    with pytest.raises(bb.UsageError, match=f"order {order_id} is not open but filled"):
        exchange.trader.cancel(order_id)


def test_the_demo_has_markets_and_money_of_its_own():
    exchange = Exchange()
    topic = "futures/depthIncrease50:BTCUSDT"
    books = [
        venue.window(topic, venue.version(topic)) for venue in (exchange.futures, exchange.demo)
    ]
    assert books[0] != books[1]
    for endpoint, book in (("futures_public", books[0]), ("demo_futures_public", books[1])):
        connection = exchange.connect(endpoint, 0.0)
        exchange.receive(connection, json.dumps({"action": "request", "args": [topic]}), 0.0)
        (action,) = exchange.output()
        bids = json.loads(action.payload)["data"]["bids"]
        assert [Decimal(level["price"]) for level in bids] == [price for price, _ in book[0]]
    order_id = exchange.trader.place("demo", "BTCUSDT", "buy", None, 10)
    assert exchange.trader.order(order_id)["market"] == "demo"
    assert exchange.trader.positions("futures") == []
    assert [(p["symbol"], p["side"], p["size"]) for p in exchange.trader.positions("demo")] == [
        ("BTCUSDT", "long", "10")
    ]
    assert exchange.trader.balances("futures") == {}
    assert set(exchange.trader.balances("demo")) == {"USDT"}


def test_a_pause_holds_own_orders_too():
    exchange = Exchange(symbols=[BTC], speed=5.0)
    exchange.advance(1.0)
    exchange.markets.pause()
    version = exchange.markets.version(BTC)
    order_id = exchange.trader.place(
        "spot", BTC, "sell", resting_price(exchange, BTC, "sell", 0), 1
    )
    exchange.advance(40.0)
    assert exchange.markets.version(BTC) == version
    assert exchange.trader.order(order_id)["state"] == "new"
    exchange.markets.resume()
    exchange.advance(80.0)
    assert exchange.trader.order(order_id)["state"] == "filled"


def test_orders_do_not_change_the_market_of_a_seed():
    """An order that nobody meets changes one level and nothing else."""
    plain, with_order = (Exchange(symbols=[BTC], seed=5) for _ in range(2))
    price = resting_price(with_order, BTC, "buy", 5_000)
    with_order.trader.place("spot", BTC, "buy", price, "0.00001")
    for exchange in (plain, with_order):
        exchange.markets.version(BTC)
        run(exchange, 20)
    books = [
        exchange.markets.window(BTC, exchange.markets.version(BTC))
        for exchange in (plain, with_order)
    ]
    assert books[0][1] == books[1][1]
    assert set(books[0][0]) ^ set(books[1][0]) <= {
        row for row in books[1][0] if row[0] == price
    } | {row for row in books[0][0] if row[0] == price}


@pytest.mark.parametrize("seed", range(3))
def test_no_money_appears_or_disappears(seed):
    """Of any number of orders: frozen is what the open ones need, nothing is below zero, and what
    was paid and received is what the fills say."""
    chance = random.Random(seed)
    exchange = Exchange(symbols=[BTC], seed=seed, speed=3.0, knobs=Knobs())
    fills = []
    account = exchange.trader._trading["spot"].account
    book = account.fill
    account.fill = lambda order, fill, time_ms: (
        fills.append((order.side, fill)), book(order, fill, time_ms))[1]  # fmt: skip
    now = 0.0
    for _ in range(150):
        now += chance.expovariate(4)
        exchange.advance(now)
        exchange.output()
        side = chance.choice(("buy", "sell"))
        price = resting_price(exchange, BTC, side, chance.randint(-60, 200))
        with contextlib.suppress(bb.UsageError):  # not enough money
            exchange.trader.place(
                "spot", BTC, side, price, chance.choice(("0.01", "0.7", "3", "9"))
            )
        if chance.random() < 0.2 and exchange.trader.orders():
            exchange.trader.cancel(chance.choice(exchange.trader.orders())["order_id"])
        needed = {"USDT": Fraction(0), "BTC": Fraction(0)}
        for found in exchange.trader.orders():
            left = Fraction(found["size"]) - Fraction(found["filled_size"])
            if found["side"] == "buy":
                needed["USDT"] += left * Fraction(found["price"])
            else:
                needed["BTC"] += left
        for currency, frozen in needed.items():
            balance = account.balance(currency)
            assert balance.frozen == frozen
            assert balance.available >= 0
    dollars, coins = Fraction(1_000_000), Fraction(200)
    for side, each in fills:
        size, value = Fraction(each.size, 10**5), Fraction(each.price * each.size, 10**7)
        if side == "buy":
            dollars, coins = dollars - value, coins + size * Fraction(999, 1_000)
        else:
            dollars, coins = dollars + value * Fraction(999, 1_000), coins - size
    assert sum(amounts(account, "USDT")) == dollars
    assert sum(amounts(account, "BTC")) == coins
    assert {each.maker for _, each in fills} == {True, False}
    assert len(fills) > 100
