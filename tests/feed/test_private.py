"""The account over real websockets: orders of the box's own, logins and refusals, every step in the
log, and no secret anywhere."""

import json
from decimal import Decimal

import pytest

import bitmart_book as bb
from tests.helpers.codes import CODES
from tests.helpers.feeds import box, run
from tests.helpers.limits import PATIENCE, out_of_time
from tests.helpers.talk import next_event, talking, until

pytestmark = pytest.mark.private

ORDERS = "spot/user/orders:ALL_SYMBOLS"
BALANCE = "spot/user/balance:BALANCE_UPDATE"
FUTURES = ("futures/order", "futures/position", "futures/asset:USDT")
CANARY = bb.Credentials("canary-key-8f21c0de", "canary-secret-8f21c0de", "canary-memo-8f21c0de")


async def until_states(feed, states):
    """Wait until the subscriptions are in these states, all at once."""
    events = feed.events()
    while feed.subscriptions != states:
        await anext(events)


async def first(stream, wanted=lambda value: True):
    """The next value that is meant."""
    async for value in stream:
        if wanted(value):
            return value
    raise AssertionError("the stream ended")


# --- orders of one's own ---


def test_a_spot_order_rests_fills_and_is_told():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            orders, balances = await feed.subscribe(ORDERS, BALANCE)
            book = await feed.subscribe("BTC_USDT")
            mine = simulator.place("spot", "BTC_USDT", "buy", price="60000", size="0.01")
            resting = await first(orders)
            truth = simulator.order(mine)
            assert (resting.market, resting.symbol, resting.order_id) == ("spot", "BTC_USDT", mine)
            assert (resting.status, resting.side, resting.type) == ("new", "buy", "limit")
            assert (resting.price, resting.size) == (60000.0, 0.01)
            assert resting.exact == (Decimal(60000), Decimal("0.01"))
            assert resting.filled_size == 0
            assert list(feed.account.orders) == [mine]
            frozen = await first(balances, lambda value: value.currency == "USDT")
            assert frozen.frozen == Decimal(600) == Decimal(truth["price"]) * Decimal(truth["size"])

            depth = feed.account.net_depth(book, 5)
            assert all(price != Decimal(60000) for price, _ in depth.bids)
            assert feed.account.own_size("BTC_USDT", "bid", "60000") == Decimal("0.01")

            simulator.cancel(mine)
            assert (await first(orders)).status == "canceled"
            assert feed.account.orders == {}

            taken = simulator.place("spot", "BTC_USDT", "buy", price=None, size="0.01")
            filled = await first(orders, lambda value: value.status == "filled")
            fills = feed.account.fills(taken)
            assert filled.order_id == taken
            assert sum(fill.exact.size for fill in fills) == Decimal("0.01")
            assert feed.account.missing_size(taken) == 0
            assert filled.fill == fills[-1]
            await first(balances, lambda value: value.currency == "BTC")
            ours = feed.account.balances["spot", "BTC"]
            assert ours.available == Decimal(simulator.balances("spot")["BTC"]["available"])

    run(work())


@pytest.mark.parametrize("market", ["futures", "demo"])
def test_a_futures_position_is_opened_closed_and_told(market):
    async def work():
        async with (
            box() as simulator,
            bb.Feed(source=simulator, demo=market == "demo") as feed,
        ):
            orders, positions, assets = await feed.subscribe(*FUTURES)
            mine = simulator.place(market, "BTCUSDT", "buy", price=None, size=7)
            order = await first(orders, lambda value: value.status == "filled")
            assert (order.order_id, order.side, order.intent) == (mine, "buy", "buy_open_long")
            assert (order.filled_size, order.market) == (Decimal(7), "futures")
            assert sum(fill.size for fill in feed.account.fills(mine)) == 7
            position = await first(positions, lambda value: value.size == 7)
            (truth,) = simulator.positions(market)
            assert (position.symbol, position.side) == (truth["symbol"], truth["side"])
            assert position.exact.open_price == Decimal(truth["entry_price"])
            assert (await first(assets)).currency == "USDT"
            assert feed.account.positions == {("BTCUSDT", "long"): position}

            simulator.place(market, "BTCUSDT", "sell_close_long", price=None, size=7)
            await first(positions, lambda value: value.size == 0)
            assert feed.account.positions == {}

    run(work())


def test_demo_trading_is_another_exchange():
    """Futures alone are those of the demo: what is placed at the other does not appear."""

    async def work():
        async with box() as simulator, bb.Feed(source=simulator, demo=True) as feed:
            orders = await feed.subscribe("futures/order")
            spot = await feed.subscribe(ORDERS)
            simulator.place("futures", "BTCUSDT", "buy", price=None, size=1)
            mine = simulator.place("demo", "BTCUSDT", "buy", price=None, size=2)
            assert (await first(orders)).order_id == mine
            other = simulator.place("spot", "BTC_USDT", "buy", price="60000", size="0.01")
            assert (await first(spot)).order_id == other
            endpoints = {
                simulator.exchange._lines.get(number).endpoint for number in simulator._connected
            }
            assert endpoints == {"demo_futures_private", "spot_private"}

    run(work())


def test_streams_that_subscribe_themselves():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            events = feed.events()
            streams = [
                feed.orders(), feed.orders(market="futures"), feed.positions(),
                feed.balances(), feed.balances(market="futures"),
            ]  # fmt: skip
            for _ in streams:
                await next_event(events, "subscribed")
            simulator.place("spot", "BTC_USDT", "buy", price=None, size="0.01")
            simulator.place("futures", "ETHUSDT", "sell", price=None, size=3)
            values = [await first(stream) for stream in streams]
            kinds = [type(value) for value in values]
            assert kinds == [bb.Order, bb.Order, bb.Position, bb.Balance, bb.Balance]
            assert [value.market for value in values] == [
                "spot", "futures", "futures", "spot", "futures",
            ]  # fmt: skip

    run(work())


def test_a_cut_connection_is_a_hole_and_nothing_is_guessed():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            events = feed.events()
            orders = await feed.subscribe(ORDERS)
            rests = simulator.place("spot", "BTC_USDT", "buy", price="50000", size="0.01")
            lost = simulator.place("spot", "ETH_USDT", "buy", price="1000", size="0.5")
            for _ in range(2):
                await first(orders)
            for peer in list(simulator._connected.values()):
                peer.abort()
            # While nobody listens:
            simulator.cancel(lost)
            with pytest.raises(bb.StreamGap):
                await first(orders)
            assert (await next_event(events, "authenticated")).connection == "spot-private-1"
            assert await next_event(events, "resync")
            await next_event(events, "subscribed")
            account = feed.account
            assert account.holes == 1
            assert {order.order_id for order in account.unconfirmed} == {rests, lost}
            assert account.order(lost).status == "new", "silence is no cancel"
            simulator.cancel(rests)
            assert (await first(orders)).order_id == rests
            assert [order.order_id for order in account.unconfirmed] == [lost]

    run(work())


# --- refusals ---


def test_a_wrong_key_is_refused_for_good_after_three_tries():
    async def work():
        async with box() as simulator:
            knocks = []
            connect = simulator.connecting
            simulator.connecting = lambda *a: knocks.append(a[0]) or connect(*a)
            async with bb.Feed(source=simulator, credentials=CANARY) as feed:
                stream = feed.balances()
                book = await feed.subscribe("BTC_USDT")
                with pytest.raises(bb.AuthenticationError) as caught:
                    await feed.subscribe(ORDERS, BALANCE)
                assert (caught.value.code, caught.value.message) == ("91002", "API KEY not found")
                with pytest.raises(bb.AuthenticationError, match="91002"):
                    await first(stream)
                with pytest.raises(StopAsyncIteration):
                    await anext(stream)
                with pytest.raises(bb.AuthenticationError, match="openapi auth") as caught:
                    await feed.subscribe("futures/order")
                assert "canary" not in str(caught.value)
                assert feed.subscriptions[ORDERS] == "REJECTED"
                assert "LIVE" in await until(book, "LIVE"), "what is public goes on"
            assert knocks.count("spot_private") == 3
            assert knocks.count("futures_private") == 3

    run(work())


def test_a_wrong_clock_is_named():
    async def work():
        async with box(login_clock=600.0) as simulator, bb.Feed(source=simulator) as feed:
            with pytest.raises(bb.ClockError, match="the clock of this machine is wrong") as caught:
                await feed.subscribe(ORDERS)
            assert caught.value.code == "91022"

    run(work())


@pytest.mark.parametrize("form", ["plain", "null", "empty"])
def test_a_login_whose_error_fields_are_empty_is_a_success(form):
    async def work():
        async with box(login_ack=form) as simulator, bb.Feed(source=simulator) as feed:
            events = feed.events()
            await feed.subscribe(ORDERS)
            assert await next_event(events, "authenticated")

    run(work())


SPOT_TOPICS = [
    f"spot/{channel}:{symbol}"
    for symbol in ("BTC_USDT", "ETH_USDT", "SOL_USDT", "XRP_USDT")
    for channel in ("ticker", "trade", "depth5", "kline1m", "depth/increase100")
][:19]
FUTURES_TOPICS = [
    f"futures/{channel}:{symbol}"
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
    for channel in ("ticker", "trade", "bookticker", "klineBin1m", "depthIncrease20")
][:19]


@pytest.mark.parametrize("shape", ["documented", "topic", "bare"])
@pytest.mark.parametrize("all_or_nothing", [False, True])
def test_one_bad_topic_among_twenty_is_refused_alone(shape, all_or_nothing):
    async def work():
        knobs = {"error_shape": shape, "all_or_nothing": all_or_nothing}
        async with box(**knobs) as simulator, bb.Feed(source=simulator, timeout=PATIENCE) as feed:
            topics = [*SPOT_TOPICS]
            topics.insert(7, "spot/ticker:NOPE_USDT")
            with pytest.raises(bb.SubscriptionRejected) as caught:
                await feed.subscribe(*topics)
            assert caught.value.topics == ("spot/ticker:NOPE_USDT",)
            assert caught.value.code == "92001"
            states = dict.fromkeys(SPOT_TOPICS, "LIVE")
            await until_states(feed, states | {"spot/ticker:NOPE_USDT": "REJECTED"})
            assert dict(simulator.exchange.breaches) == {}

    run(work())


@pytest.mark.parametrize("shape", ["documented", "topic", "bare"])
@pytest.mark.parametrize("acks", ["before", "after", "none"])
def test_three_bad_topics_among_twenty_are_refused_alone(shape, acks):
    async def work():
        knobs = {"error_shape": shape, "acks": acks}
        async with box(**knobs) as simulator, bb.Feed(source=simulator, timeout=PATIENCE) as feed:
            bad = [f"spot/ticker:NOPE{number}_USDT" for number in range(3)]
            topics = [*SPOT_TOPICS[:7], bad[0], bad[1], *SPOT_TOPICS[7:17], bad[2]]
            with pytest.raises(bb.SubscriptionRejected) as caught:
                await feed.subscribe(*topics)
            assert sorted(caught.value.topics) == bad
            states = dict.fromkeys(SPOT_TOPICS[:17], "LIVE")
            await until_states(feed, states | dict.fromkeys(bad, "REJECTED"))

    run(work())


def test_one_bad_contract_among_twenty_is_refused_alone():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            topics = [*FUTURES_TOPICS]
            topics.insert(7, "futures/ticker:NOPEUSDT")
            with pytest.raises(bb.SubscriptionRejected, match="not found") as caught:
                await feed.subscribe(*topics)
            assert caught.value.topics == ("futures/ticker:NOPEUSDT",)
            states = dict.fromkeys(FUTURES_TOPICS, "LIVE")
            await until_states(feed, states | {"futures/ticker:NOPEUSDT": "REJECTED"})

    run(work())


def test_one_bad_private_topic_is_refused_alone():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            with pytest.raises(bb.SubscriptionRejected) as caught:
                await feed.subscribe(ORDERS, "spot/user/order:NOPE_USDT", BALANCE)
            assert caught.value.topics == ("spot/user/order:NOPE_USDT",)
            states = {ORDERS: "LIVE", "spot/user/order:NOPE_USDT": "REJECTED", BALANCE: "LIVE"}
            await until_states(feed, states)

    run(work())


# --- every code, to the call that caused it ---


async def saying(connection, login, subscribe):
    """A private server that answers a login, and then a subscription, with these."""
    async for text in connection:
        if text == "ping":
            await connection.send("pong")
            continue
        operation = json.loads(text)["op"]
        said = login if operation == "login" else subscribe
        if said is not None:
            await connection.send(json.dumps({"event": operation, **said}))


def refused(code):
    return {"errorCode": code, "errorMessage": f"words of {code}"}


async def caught_of(topic, login, subscribe, *, after=None):
    """What the call raises: by itself, or because its time is over when this event has come."""
    async with talking(lambda connection: saying(connection, login, subscribe)) as urls:
        urls["spot_private"] = urls["spot_public"]
        async with bb.Feed(urls=urls, credentials=CANARY, timeout=PATIENCE) as feed:
            if after is not None:
                return await out_of_time(feed, topic, after=after)
            with pytest.raises(bb.BitmartBookError) as caught:
                await feed.subscribe(topic)
    return caught.value


@pytest.mark.parametrize(("code", "trouble", "kind", "passes"), CODES)
@pytest.mark.parametrize("topic", [ORDERS, "spot/ticker:BTC_USDT"], ids=["private", "public"])
def test_a_code_at_a_subscription_reaches_the_call(topic, code, trouble, kind, passes):
    """What may pass is told when nothing better came in time."""
    error = run(caught_of(topic, {}, refused(code), after="error" if passes else None))
    if code == "95000":
        kind = bb.SubscriptionRejected
    assert type(error) is kind
    assert (error.code, error.message) == (code, f"words of {code}")
    if not isinstance(error, bb.AuthenticationError):
        assert error.topics == (topic,)


@pytest.mark.parametrize(
    ("code", "kind", "passes"),
    [(code, kind, passes) for code, _, kind, passes in CODES if code[:2] in ("91", "95")],
)
def test_a_code_at_a_login_reaches_the_call(code, kind, passes):
    error = run(caught_of(ORDERS, refused(code), None, after="error" if passes else None))
    assert type(error) is (bb.ClockError if kind is bb.ClockError else bb.AuthenticationError)
    assert (error.code, error.message) == (code, f"words of {code}")


@pytest.mark.parametrize(("login", "subscribe"), [({}, None), (None, None)])
def test_an_answer_that_never_comes(login, subscribe):
    error = run(caught_of(ORDERS, login, subscribe, after="connected"))
    assert type(error) is bb.SubscriptionRejected
    assert error.topics == (ORDERS,)
    assert "no answer within 1000 s" in str(error)


def test_a_server_that_repeats_the_login_in_its_answer():
    """Whatever it says, and however it says it, no part of the login comes out again."""

    async def talk(connection):
        text = await connection.recv()
        args = json.loads(text)["args"]
        await connection.send(text.replace("login", "loGin")[:-2])
        await connection.send(json.dumps({"table": "spot/user/order", "data": [{"symbol": args}]}))
        await connection.send(
            json.dumps({"event": "login", "errorCode": "95000", "errorMessage": f"bad {text}"})
        )
        await connection.close(1008, " ".join(args)[:120])

    async def work():
        async with talking(talk) as urls:
            urls = {"spot_private": urls["spot_public"]}
            async with bb.Feed(urls=urls, credentials=CANARY, timeout=PATIENCE) as feed:
                events = feed.events()
                error = await out_of_time(feed, ORDERS, after="error")
                assert isinstance(error, bb.AuthenticationError)
                assert "***" in str(error)
                assert "***" in (await next_event(events, "error")).reason

    run(work())
