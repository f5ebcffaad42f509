"""What a log, a report and a capture say of an account: every step, and no secret."""

import gzip
import logging
import pickle
import threading

import pytest

import bitmart_book as bb
from bitmart_book.log.journal import TRACE
from bitmart_book.sim import Send
from tests.helpers.feeds import box, run

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
