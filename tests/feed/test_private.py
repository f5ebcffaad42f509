"""The account over real websockets: orders of the box's own, logins and refusals, every step in the
log, and no secret anywhere."""

import gzip
import json
import logging
import pickle
import threading
from decimal import Decimal

import pytest

import bitmart_book as bb
from bitmart_book.log.journal import TRACE
from bitmart_book.sim import Send
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


@pytest.mark.usefixtures("refused_at_once")
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


# --- the log, the report, captures ---


class Lines(logging.Handler):
    """A handler of a user's own."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append((record.levelname, record.getMessage()))

    def traced(self, start):
        return [text[len(start) :] for _, text in self.lines if text.startswith(start)]


@pytest.fixture(params=["plain", "adapter"])
def custom(request):
    """A logger that is not the usual one, and what is written to it."""
    logger, lines = logging.getLogger(f"of {request.node.name}"), Lines()
    logger.setLevel(TRACE)
    logger.propagate = False
    logger.addHandler(lines)
    yield (logging.LoggerAdapter(logger, {}) if request.param == "adapter" else logger), lines
    logger.removeHandler(lines)


async def session(simulator, logger, **options):
    """Something of everything, and what the server sent and heard by connection."""
    sent, heard = [], []
    execute, receive = simulator._execute, simulator.receive

    def executing(op, written):
        if isinstance(op, Send) and op.connection in simulator._connected:
            sent.append(op.payload)
        execute(op, written)

    def receiving(connection, payload):
        heard.append(payload)
        receive(connection, payload)

    simulator._execute, simulator.receive = executing, receiving
    async with bb.Feed(source=simulator, logger=logger, **options) as feed:
        orders, order = await feed.subscribe(ORDERS, "futures/order")
        await feed.subscribe("BTC_USDT", "futures/depthIncrease20:BTCUSDT")
        simulator.place("spot", "BTC_USDT", "buy", price="50000", size="0.01")
        simulator.place("futures", "BTCUSDT", "buy", price=None, size=1)
        await first(orders)
        await first(order)
    return sent, heard


@pytest.mark.parametrize("opcode", ["text", "mixed"])
def test_trace_shows_every_frame_and_no_secret(custom, opcode):
    logger, lines = custom

    async def work():
        async with box(opcode=opcode, compress_replies=opcode == "mixed") as simulator:
            return await session(simulator, logger)

    sent, heard = run(work())
    assert lines.traced("spot-private-1 > ")[0] == '{"op":"login","args":[***]}'
    assert lines.traced("futures-private-1 > ")[0] == '{"action":"access","args":[***]}'
    assert lines.traced("spot-private-1 < ")[0] == '{"event":"login"}'
    assert '"success":true' in lines.traced("futures-private-1 < ")[0]
    acks = lines.traced("spot-private-1 < ") + lines.traced("spot-1 < ")
    for topic in (ORDERS, "spot/depth/increase100:BTC_USDT"):
        assert any("subscribe" in text and topic in text and "data" not in text for text in acks)
    assert len([text for _, text in lines.lines if " > " in text]) >= len(heard) >= 6
    arrived = [text.partition(" < ")[2] for level, text in lines.lines if level == "TRACE"]
    arrived = [text for text in arrived if text]
    texts = {text for text in sent if isinstance(text, str)}
    # What was on its way at the end was not read any more.
    assert len(arrived) > 8
    if opcode == "text":
        assert set(arrived) <= texts
        assert len(arrived) >= len(sent) - 60
    else:
        assert any(isinstance(frame, bytes) for frame in sent)
        assert all(text == "pong" or text.startswith("{") for text in arrived)


def test_at_debug_there_are_no_frames(custom):
    logger, lines = custom
    logger.setLevel(logging.DEBUG)

    async def work():
        async with box() as simulator:
            await session(simulator, logger)

    run(work())
    assert not [text for level, text in lines.lines if level == "TRACE" or "<" in text]
    assert any("authenticated" in text for _, text in lines.lines)


def test_trace_can_be_switched_on_while_it_runs(custom):
    logger, lines = custom
    logger.setLevel(logging.INFO)

    async def work():
        async with box() as simulator, bb.Feed(source=simulator, logger=logger) as feed:
            book = await feed.subscribe("BTC_USDT")
            assert not lines.traced("spot-1 < ")
            logger.setLevel("TRACE")
            async for _ in book.quotes():
                if lines.traced("spot-1 < "):
                    break

    run(work())


def test_a_capture_holds_nothing_of_the_account(tmp_path):
    path = tmp_path / "frames.jsonl.gz"

    async def work():
        async with box() as simulator:
            await session(simulator, None, record=path)

    run(work())
    with bb.connect(source=path) as feed:
        assert "BTC_USDT" in feed
        assert "spot/user" not in str(feed.report())
    text = gzip.decompress(path.read_bytes()).decode()
    assert "depth/increase100" in text
    assert "spot/user" not in text
    assert "futures/order" not in text


def test_what_a_user_can_look_at_shows_no_secret():
    async def work():
        async with box() as simulator:
            own = bb.Credentials(**simulator.credentials)
            async with bb.Feed(source=simulator, credentials=own) as feed:
                await feed.subscribe(ORDERS, "BTC_USDT")
                connections = list(feed._core.client.connections)
                shown = [
                    repr(feed), str(feed), repr(vars(feed._core)), feed.explain(),
                    repr(feed.report()),
                    repr(feed.account), repr(vars(feed.account)), repr(vars(feed._core.client)),
                    repr(vars(feed._core.driver)), repr(own), repr(feed.subscriptions),
                    *(repr(vars(connection)) for connection in connections),
                    *(repr(vars(connection.session)) for connection in connections),
                ]  # fmt: skip
                for secret in simulator.credentials.values():
                    if len(secret) >= 8:
                        assert not any(secret in text for text in shown)
                with pytest.raises(TypeError):
                    pickle.dumps(feed)

    run(work())


def test_unknown_fields_are_tolerated_counted_and_shown():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            before = feed.report()["unknown_fields"].get("spot/user/order.surprise", 0)
            orders = await feed.subscribe(ORDERS)
            execute = simulator._execute

            def executing(op, written):
                if isinstance(op, Send) and "order_id" in op.payload:
                    op = op._replace(payload=op.payload.replace('"side"', '"surprise":1,"side"'))
                execute(op, written)

            simulator._execute = executing
            simulator.place("spot", "BTC_USDT", "buy", price="50000", size="0.01")
            assert (await first(orders)).status == "new"
            assert feed.report()["unknown_fields"]["spot/user/order.surprise"] == before + 1

    run(work())


def test_repeats_are_counted_and_told_once():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            # Both bring the same order; each stream has it once, whichever push was first.
            everything, single = await feed.subscribe(ORDERS, "spot/user/order:BTC_USDT")
            mine = simulator.place("spot", "BTC_USDT", "buy", price="50000", size="0.01")
            other = simulator.place("spot", "ETH_USDT", "buy", price="1000", size="0.5")
            simulator.cancel(mine)
            told = [await first(everything) for _ in range(3)]
            expected = [(mine, "new"), (other, "new"), (mine, "canceled")]
            assert [(order.order_id, order.status) for order in told] == expected
            told = [await first(single) for _ in range(2)]
            expected = [(mine, "new"), (mine, "canceled")]
            assert [(order.order_id, order.status) for order in told] == expected
            assert feed.report()["counters"]["account_repeated"] == 2

    run(work())


def test_the_truth_of_rest_is_put_in_where_the_feed_lives():
    """In a blocking feed on its own thread, while pushes arrive."""
    with bb.connect(source="sim") as feed:
        feed.orders()
        seen = []
        account = feed.account
        across = account.across
        account.across = lambda work: across(lambda: seen.append(threading.get_ident()) or work())
        order = bb.Order(
            market="spot", symbol="BTC_USDT", order_id="1", status="new", side="buy", price="1.5",
            size=2,
        )  # fmt: skip
        asked = account.words
        assert account.reconcile(orders=[order], asked=asked) == ((None, order),)
        assert feed.account.orders == {"1": order}
        assert seen != [threading.get_ident()]
        assert len(seen) == 1
        (change,) = account.reconcile(orders=[], market="spot", asked=account.words)
        assert (change.before, change.after.status) == (order, "finished")
