"""The two faces of a feed are one: the same names, the same signatures, the same answers."""

import asyncio
import contextlib
import inspect
import re
import threading
import typing

import pytest
from click.testing import CliRunner

import bitmart_book as bb
from bitmart_book import Event
from bitmart_book.cli.doctor import doctor
from bitmart_book.client.session import Answer
from bitmart_book.feed import asynchronous, blocking
from bitmart_book.feed.answers import Answers
from bitmart_book.venues import BITMART, topics
from tests.helpers.feeds import box, run

pytestmark = pytest.mark.private

ORDERS = "spot/user/orders:ALL_SYMBOLS"
CANARY = bb.Credentials("canary-key-8f21c0de", "canary-secret-8f21c0de", "canary-memo-8f21c0de")
PAIRS = [
    pytest.param(getattr(asynchronous, name), getattr(blocking, name), id=name)
    for name in ("Feed", "LiveBook", "Stream")
]
# What waiting is called where it is awaited. A stream that blocks has waited before it is there.
WAITING = {
    "__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__",
    "__anext__": "__next__", "__await__": None,
}  # fmt: skip


def connected(*symbols, **options):
    """A blocking feed of an exchange in a hurry."""
    return bb.connect(*symbols, **{"source": box(), "timeout": 20, **options})


def members(kind):
    """What this package gives a class, apart from what it keeps to itself: name to member."""
    ours = [c for c in kind.__mro__ if c.__module__.startswith("bitmart_book.feed.")]
    inherited = {"__init_subclass__", "__class_getitem__", "__del__"}
    return {
        name: inspect.getattr_static(kind, name)
        for c in ours
        for name, member in vars(c).items()
        if not name.startswith("_") or (callable(member) and name not in inherited)
        if not re.match(r"_[^_]", name)
    }


def signatures(member):
    """All that a call may look like, as text; without the words that only say who waits."""
    if isinstance(member, property):
        member = member.fget
    if not callable(member):
        return []
    shapes = [inspect.signature(member), *map(inspect.signature, typing.get_overloads(member))]
    return [re.sub(r"AsyncGenerator\[(.*), None\]", r"Generator[\1, None, None]", str(shape))
            for shape in shapes]  # fmt: skip


# --- one vocabulary ---


@pytest.mark.parametrize(("awaited", "blocks"), PAIRS)
def test_both_faces_have_the_same_names(awaited, blocks):
    expected = {WAITING.get(name, name) for name in members(awaited)} - {None}
    assert expected == set(members(blocks))


@pytest.mark.parametrize(("awaited", "blocks"), PAIRS)
def test_what_is_called_alike_is_called_with_the_same(awaited, blocks):
    theirs = members(blocks)
    compared = 0
    for name, member in members(awaited).items():
        if name == "__init__" and awaited is asynchronous.Stream:
            continue  # nobody but a feed makes one
        other = theirs.get(WAITING.get(name, name))
        if other is not None:
            assert signatures(member) == signatures(other), name
            assert isinstance(member, property) == isinstance(other, property), name
            compared += 1
    assert compared >= len(theirs) - 1


def test_the_comparison_sees_every_kind_of_member():
    names = set(members(asynchronous.Feed))
    assert {"subscribe", "account", "books", "__getitem__", "trades", "close"} <= names
    assert len(signatures(members(asynchronous.Feed)["subscribe"])) == 7
    (shown,) = signatures(asynchronous.Feed.__init__)
    assert "shadow: 'bool' = False" in shown


@pytest.mark.parametrize("kind", [bb.Feed, bb.sync.Feed, asynchronous.Stream, blocking.Stream])
def test_a_class_has_few_enough_names_to_be_read_at_once(kind):
    assert len([name for name in dir(kind) if not name.startswith("_")]) <= 31


def test_names_that_were_public_before():
    assert bb.Feed.finished is bb.Feed.wait_for_end
    assert bb.sync.Feed.finished is bb.sync.Feed.wait_for_end
    from bitmart_book.feed import Feed, LiveBook, Stream

    assert (Feed, LiveBook) == (bb.Feed, bb.LiveBook)
    assert Stream is asynchronous.Stream
    assert issubclass(bb.LiveBook, bb.Book)
    assert issubclass(bb.sync.LiveBook, bb.Book)


def test_the_topics_that_types_know_are_those_of_the_profiles():
    for kind, types in (
        ("order", topics.OrderTopic),
        ("position", topics.PositionTopic),
        ("balance", topics.BalanceTopic),
    ):
        known = {topic for _, stream in BITMART.streams(kind) for topic in stream.whole}
        assert set(typing.get_args(types)) == known


# --- every public method of the blocking face ---


def a_value(stream):
    with contextlib.closing(stream):
        return type(stream.get(timeout=20))


def bought(simulator, stream):
    """The first value of a stream of the account after an order at the market."""
    simulator.place("futures", "BTCUSDT", "buy", price=None, size=1)
    simulator.place("spot", "BTC_USDT", "buy", price=None, size="0.01")
    return a_value(stream)


def waited_for(feed, call):
    """The error of a call that would wait for ever."""
    with pytest.raises(TimeoutError) as caught:
        call(timeout=0.01)
    return str(caught.value)


def refused(call):
    """The sentence of a call that this feed has no use for."""
    with pytest.raises(bb.UsageError) as caught:
        call()
    return str(caught.value)


OF_FEED = {
    "account": lambda feed, box: feed.account.orders == {},
    "bad_lines": lambda feed, box: feed.bad_lines,
    "balances": lambda feed, box: bought(box, feed.balances("USDT", market="futures")),
    "books": lambda feed, box: [type(book) for book in feed.books],
    "changes": lambda feed, box: next(feed.changes(timeout=20))[0] is feed["BTC_USDT"],
    "check_process": lambda feed, box: feed.check_process(),
    "close": lambda feed, box: (feed.close(), feed.closed, feed.close()),
    "closed": lambda feed, box: feed.closed,
    "events": lambda feed, box: waited_for(feed, feed.events().get),
    "explain": lambda feed, box: feed.explain("BTC_USDT"),
    "fills": lambda feed, box: bought(box, feed.fills()),
    "finished": lambda feed, box: waited_for(feed, feed.finished),
    "forget_lag": lambda feed, box: feed.forget_lag(next(iter(feed.report()["hosts"]))),
    "instruments": lambda feed, box: feed.instruments["BTC_USDT"].symbol,
    "is_foreign": lambda feed, box: feed.is_foreign,
    "klines": lambda feed, box: a_value(feed.klines("BTC_USDT")),
    "orders": lambda feed, box: bought(box, feed.orders()),
    "plan": lambda feed, box: feed.plan(["BTC_USDT", "BTCUSDT"]).connections,
    "play": lambda feed, box: refused(lambda: next(feed.play())),
    "positions": lambda feed, box: bought(box, feed.positions()),
    "publish": lambda feed, box: (feed.publish("mine"), bb.attach("mine")["BTC_USDT"].state),
    "quotes": lambda feed, box: next(feed.quotes("BTC_USDT")).symbol,
    "report": lambda feed, box: feed.report()["counters"]["connects"],
    "stats": lambda feed, box: feed.stats["scanned"] > 0,
    "stream": lambda feed, box: a_value(feed.stream("spot/bookTicker:BTC_USDT")),
    "subscribe": lambda feed, box: type(feed.subscribe("ETH_USDT", channel="depth20")),
    "subscriptions": lambda feed, box: feed.subscriptions,
    "tickers": lambda feed, box: a_value(feed.tickers("BTCUSDT")),
    "trades": lambda feed, box: a_value(feed.trades("BTC_USDT")),
    "unsubscribe": lambda feed, box: (feed.unsubscribe("BTC_USDT"), len(feed)),
    "wait_for_end": lambda feed, box: waited_for(feed, feed.wait_for_end),
    "__contains__": lambda feed, box: ("BTC_USDT" in feed, "ETH_USDT" in feed),
    "__enter__": lambda feed, box: feed.__enter__() is feed,
    "__exit__": lambda feed, box: (feed.__exit__(None, None, None), feed.closed),
    "__getitem__": lambda feed, box: type(feed["BTC_USDT"]),
    "__init__": lambda feed, box: None,
    "__iter__": lambda feed, box: list(feed),
    "__len__": lambda feed, box: len(feed),
    "__repr__": lambda feed, box: repr(feed),
}
TOPIC = "spot/depth/increase100:BTC_USDT"
SAYS = {
    "account": True, "bad_lines": (), "balances": bb.Balance, "books": [bb.sync.LiveBook],
    "changes": True, "check_process": None, "close": (None, True, None), "closed": False,
    "events": "nothing arrived on events in 0.01 s", "explain": "BTC_USDT is live",
    "fills": bb.Fill, "finished": "the feed has not come to its end in 0.01 s", "forget_lag": None,
    "instruments": "BTC_USDT",
    "is_foreign": False, "klines": bb.Kline, "orders": bb.Order, "plan": 2,
    "play": "play() steps through a capture",
    "positions": bb.Position, "publish": (None, "LIVE"), "quotes": "BTC_USDT", "report": 1,
    "stats": True,
    "stream": bb.BookTicker,
    "subscribe": bb.sync.LiveBook, "subscriptions": {TOPIC: "LIVE"}, "tickers": bb.FuturesTicker,
    "trades": bb.Trade, "unsubscribe": (None, 0),
    "wait_for_end": "the feed has not come to its end in 0.01 s", "__contains__": (True, False),
    "__enter__": True, "__exit__": (None, True), "__getitem__": bb.sync.LiveBook,
    "__init__": None, "__iter__": [TOPIC], "__len__": 1, "__repr__": "<Feed 1 books>",
}  # fmt: skip
OF_BOOK = {
    "base_size": lambda book: str(book.base_size("2.5")),
    "explain": lambda book: book.explain(),
    "hub": lambda book: type(book.hub).__name__,
    "instrument": lambda book: book.instrument.symbol,
    "ladder": lambda book: refused(lambda: book.ladder(seconds=1)),
    "net": lambda book: type(book.net([])),
    "on_change": lambda book: book.on_change(lambda book, change: None).cancel(),
    "on_quote": lambda book: book.on_quote(lambda quote: None).cancel(),
    # What it draws is in tests/display/test_matplotlib.py.
    "plot_depth": lambda book: callable(book.plot_depth),
    "quotes": lambda book: type(next(book.quotes(timeout=20))),
    "wait_for": lambda book: type(book.wait_for(lambda book: book.spread > 0, timeout=20)),
    "when": lambda book: type(book.when(spread_bps=(">", 0)).wait(timeout=20)),
}
BOOK_SAYS = {
    "base_size": "2.5", "explain": "BTC_USDT is live", "hub": "BookHub", "instrument": "BTC_USDT",
    "ladder": "ladder() replaces what a notebook's cell shows, and no notebook runs here",
    "net": bb.NetBook, "on_change": None, "on_quote": None, "plot_depth": True, "quotes": bb.Quote,
    "wait_for": bb.Quote,
    "when": bb.Quote,
}  # fmt: skip
OF_STREAM = {
    "begun": lambda stream: stream.begun,
    "check_process": lambda stream: stream.check_process(),
    "close": lambda stream: (stream.close(), stream.close()),
    "get": lambda stream: type(stream.get(timeout=20)),
    "is_foreign": lambda stream: stream.is_foreign,
    "mailbox": lambda stream: stream.mailbox.maxsize,
    "topic": lambda stream: stream.topic,
    "__init__": lambda stream: None,
    "__iter__": lambda stream: iter(stream) is stream,
    "__next__": lambda stream: type(next(stream)),
    "__repr__": lambda stream: repr(stream),
}
STREAM_SAYS = {
    "begun": True, "check_process": None, "close": (None, None), "get": bb.Trade,
    "is_foreign": False, "mailbox": 10_000, "topic": "spot/trade:BTC_USDT", "__init__": None,
    "__iter__": True, "__next__": bb.Trade, "__repr__": "<Stream spot/trade:BTC_USDT ",
}  # fmt: skip


def agrees(said, expected):
    """Sentences are known by how they begin."""
    return said == expected or (
        isinstance(said, str) and isinstance(expected, str) and said.startswith(expected)
    )


def public(instance):
    """What an object offers beside the reads of a book: its public names, those that tab leaves out
    among them, and the special methods that are ours."""
    base = set(dir(bb.Book)) - {"when"} if isinstance(instance, bb.Book) else set()
    names = {name for name in object.__dir__(instance) if not name.startswith("_")} - base
    return (names | set(members(type(instance)))) - {"__slots__", "__dir__"}


@pytest.mark.parametrize("name", OF_FEED)
def test_every_method_of_the_blocking_feed(name):
    simulator = box()
    with connected("BTC_USDT", source=simulator) as feed:
        assert public(feed) == set(OF_FEED), "a new name needs a line here"
        if name == "account":
            feed.subscribe(ORDERS)
        assert agrees(OF_FEED[name](feed, simulator), SAYS[name])


def test_every_method_of_the_blocking_book():
    with connected("BTC_USDT") as feed:
        book = feed["BTC_USDT"]
        assert public(book) == set(OF_BOOK), "a new name needs a line here"
        for name, use in OF_BOOK.items():
            assert agrees(use(book), BOOK_SAYS[name]), name


def test_every_method_of_the_blocking_stream():
    with connected() as feed:
        with contextlib.closing(feed.trades("BTC_USDT")) as stream:
            assert public(stream) == set(OF_STREAM), "a new name needs a line here"
        for name, use in OF_STREAM.items():
            with contextlib.closing(feed.trades("BTC_USDT")) as stream:
                assert agrees(use(stream), STREAM_SAYS[name]), name
        assert feed.subscriptions == {}


# --- who waits for the venue's answer ---

STREAMS = {
    "subscribe a ticker": lambda feed: feed.subscribe("spot/ticker:NOPE_USDT"),
    "stream": lambda feed: feed.stream("spot/ticker:NOPE_USDT"),
    "trades": lambda feed: feed.trades("NOPE_USDT"),
    "tickers": lambda feed: feed.tickers("NOPE_USDT"),
    "klines": lambda feed: feed.klines("NOPE_USDT", "5m"),
}
OWN = {
    "subscribe orders": lambda feed: feed.subscribe(ORDERS),
    "subscribe positions": lambda feed: feed.subscribe("futures/position"),
    "orders": lambda feed: feed.orders(),
    "orders of futures": lambda feed: feed.orders(market="futures"),
    "positions": lambda feed: feed.positions(),
    "balances": lambda feed: feed.balances(),
    "balances of futures": lambda feed: feed.balances(market="futures"),
}


@pytest.mark.usefixtures("refused_at_once")
@pytest.mark.parametrize("name", STREAMS)
def test_a_refused_stream_is_raised_by_the_call_that_blocks(name):
    with connected() as feed:
        with pytest.raises(bb.SubscriptionRejected) as caught:
            STREAMS[name](feed)
        assert caught.value.code == "92001"
        assert caught.value.topics[0].endswith(":NOPE_USDT")
        if "subscribe" not in name:
            assert feed.subscriptions == {}, "nobody holds it"


@pytest.mark.usefixtures("refused_at_once")
@pytest.mark.parametrize("name", STREAMS)
def test_a_refused_stream_is_raised_where_it_is_awaited(name):
    async def work():
        async with box() as simulator, bb.Feed(source=simulator, timeout=20) as feed:
            with pytest.raises(bb.SubscriptionRejected) as caught:
                await STREAMS[name](feed)
            assert caught.value.code == "92001"
            if "subscribe" not in name:
                assert feed.subscriptions == {}

    run(work())


@pytest.mark.parametrize("name", OWN)
def test_wrong_keys_are_told_by_the_call_that_blocks(name):
    with connected(credentials=CANARY, timeout=30) as feed:
        with pytest.raises(bb.AuthenticationError):
            OWN[name](feed)


@pytest.mark.parametrize("name", OWN)
def test_wrong_keys_are_told_where_the_stream_is_awaited(name):
    async def work():
        async with box() as simulator:
            async with bb.Feed(source=simulator, credentials=CANARY, timeout=30) as feed:
                with pytest.raises(bb.AuthenticationError):
                    await OWN[name](feed)

    run(work())


@pytest.mark.parametrize("name", [name for name in OWN if "balances" not in name])
def test_an_order_placed_after_the_call_is_told(name):
    simulator = box()
    with connected(source=simulator) as feed:
        stream = OWN[name](feed)
        assert isinstance(stream, bb.sync.Stream)
        spot = simulator.place("spot", "BTC_USDT", "buy", price=None, size="0.01")
        futures = simulator.place("futures", "BTCUSDT", "buy", price=None, size=7)
        value = stream.get(timeout=20)
        if isinstance(value, bb.Position):
            assert value.size == 7
        else:
            assert value.order_id in (spot, futures)
            assert feed.account.order(value.order_id) is not None


@pytest.mark.parametrize("name", [name for name in OWN if "balances" not in name])
def test_an_order_placed_after_the_await_is_told(name):
    async def work():
        async with box() as simulator, bb.Feed(source=simulator, timeout=20) as feed:
            stream = await OWN[name](feed)
            assert isinstance(stream, asynchronous.Stream)
            simulator.place("spot", "BTC_USDT", "buy", price=None, size="0.01")
            simulator.place("futures", "BTCUSDT", "buy", price=None, size=7)
            assert isinstance(await stream.get(timeout=20), (bb.Order, bb.Position))

    run(work())


def test_a_stream_that_is_iterated_at_once_needs_no_await():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            async for trade in feed.trades("BTC_USDT"):
                assert trade.symbol == "BTC_USDT"
                break
            trades = await feed.trades("ETH_USDT")
            assert await trades is trades, "it may be awaited twice"
            assert await anext(trades)
            with pytest.raises(bb.SubscriptionRejected):
                async for _ in feed.trades("NOPE_USDT"):
                    pass

    run(work())


def test_streams_of_a_feed_that_is_not_open_yet():
    async def work():
        feed = bb.Feed(source=box())
        try:
            events = feed.events()
            assert (await feed.trades("BTC_USDT").get(timeout=20)).symbol == "BTC_USDT"
            assert (await events.get(timeout=20)).kind == "connected"
        finally:
            await feed.close()

    run(work())


def test_who_does_not_wait_is_told_where_the_values_are_taken():
    with connected(credentials=CANARY, wait="none") as feed:
        orders = feed.orders()
        with pytest.raises(bb.AuthenticationError):
            orders.get(timeout=30)
        with pytest.raises(bb.FeedClosed, match="nothing more will come on spot/user/orders"):
            orders.get(timeout=30)
        assert list(orders) == []


def test_an_await_that_is_given_up_leaves_no_subscription():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            waiting = asyncio.ensure_future(_awaited(feed.orders()))
            await asyncio.sleep(0)
            assert list(feed.subscriptions) == [ORDERS]
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert feed.subscriptions == {}

    run(work())


async def _awaited(stream):
    return await stream


class Told:
    """A client of which the test says what the venue has answered."""

    def __init__(self, *accepted):
        self.accepted = set(accepted)
        self.refused = {}

    def answered(self, topic):
        return topic in self.accepted

    def refusal(self, topic):
        return self.refused.get(topic)

    def problem(self, topic):
        return None

    def refuse(self, *topics):
        for topic in topics:
            self.refused[topic] = Answer(topic, False, "92001", "no such topic")


def test_what_the_venue_refuses_after_it_accepted_is_in_the_verdict():
    """Of several topics one may be acknowledged first and refused while others are waited for."""
    client = Told("a")
    answers = Answers(client, ["a", "b", "c"])
    assert not answers.complete()
    client.refuse("a", "b")
    assert not answers.complete()
    with pytest.raises(bb.SubscriptionRejected, match=r"and no answer to c within 3 s") as caught:
        answers.check(3.0, [])
    assert caught.value.topics == ("a", "b", "c")


def test_an_acceptance_that_comes_with_the_end_of_the_time_counts():
    client = Told("a")
    answers = Answers(client, ["a", "b"])
    assert not answers.complete()
    client.accepted.add("b")
    answers.check(3.0, [])


# --- topics and books ---


def test_one_stream_of_two_ends_and_the_other_goes_on():
    with connected() as feed:
        one, other = feed.trades("BTC_USDT"), feed.trades("BTC_USDT")
        one.close()
        assert other.get(timeout=20)
        other.close()
        assert feed.subscriptions == {}
        (twice, same) = feed.subscribe("spot/trade:BTC_USDT", "spot/trade:BTC_USDT")
        assert twice is same
        feed.unsubscribe("spot/trade:BTC_USDT", "spot/trade:BTC_USDT")
        for _ in twice:
            pass
        assert feed.subscriptions == {}


def test_the_end_of_a_subscription_ends_its_streams():
    with connected() as feed:
        held = feed.subscribe("spot/trade:BTC_USDT")
        other = feed.trades("BTC_USDT")
        feed.unsubscribe("spot/trade:BTC_USDT")
        other.close()
        for _ in held:
            pass


@pytest.mark.parametrize("face", ["awaited", "blocks"])
def test_two_names_of_one_book_are_refused_and_nothing_has_changed(face):
    both = ("ETH_USDT", "futures/depth20:BTCUSDT@100ms", "futures/depth20:BTCUSDT@200ms")
    if face == "blocks":
        with connected("BTC_USDT") as feed:
            with pytest.raises(bb.UsageError, match="are the same book"):
                feed.subscribe(*both)
            assert list(feed.subscriptions) == list(feed) == [TOPIC]
        return

    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            await feed.subscribe("BTC_USDT")
            with pytest.raises(bb.UsageError, match="are the same book"):
                await feed.subscribe(*both)
            assert list(feed.subscriptions) == list(feed) == [TOPIC]

    run(work())


def test_a_book_is_explained_by_its_subscription():
    topic = "futures/depth20:BTCUSDT@200ms"
    with connected(topic) as feed:
        sentence = feed[topic].explain()
        assert sentence.startswith("BTCUSDT is live")
        # How old it is may be said anew each time.
        said = {
            re.sub(r"\d+\.\d+ s", "so long", feed.explain(*words))
            for words in [(), (topic,), ("futures/depth20:BTCUSDT",)]
        }
        assert len(said) == 1
        assert feed.explain().startswith("BTCUSDT is live")
        assert (
            feed.explain("futures/depth50:BTCUSDT") == "futures/depth50:BTCUSDT is not subscribed."
        )


def test_the_doctor_explains_a_book_by_its_subscription():
    topic = "futures/depth20:BTCUSDT@200ms"
    result = CliRunner().invoke(doctor, [topic, "--source", "sim"])
    assert "BTCUSDT is live" in result.output
    assert "not subscribed" not in result.output


# --- waiting says what for ---


def test_waiting_in_vain_says_for_what():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            events = feed.events()
            book = await feed.subscribe("BTC_USDT")
            while len(events.mailbox):
                events.mailbox.take()
            for call, words in (
                (events.get(timeout=0), "nothing arrived on events in 0 s"),
                (feed.wait_for_end(timeout=0.01), "the feed has not come to its end in 0.01 s"),
                (feed.finished(0.01), "the feed has not come to its end in 0.01 s"),
            ):
                with pytest.raises(TimeoutError, match=words):
                    await call
            quotes = book.quotes(timeout=0)
            await anext(quotes)
            with pytest.raises(TimeoutError, match="no change of BTC_USDT in 0 s"):
                await anext(quotes)

    run(work())


def test_waiting_in_vain_says_for_what_without_await_too():
    with connected("BTC_USDT") as feed:
        hub, done = feed["BTC_USDT"].hub, threading.Event()
        handle = feed["BTC_USDT"].on_quote(lambda quote: done.set())
        assert done.wait(20)
        handle.cancel()
        quotes = feed["BTC_USDT"].quotes(timeout=0)
        next(quotes)
        hub.remove(hub._slots[0])
        with pytest.raises(TimeoutError, match="no change of BTC_USDT in 0 s"):
            next(quotes)


# --- what brings what ---


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("trades", "spot/ticker:BTC_USDT"), "brings values of kind 'ticker', not 'trade'"),
        (("tickers", "spot/trade:BTC_USDT"), "brings values of kind 'trade', not 'ticker'"),
        (("klines", "spot/depth5:BTC_USDT"), "is a book's topic: subscribe"),
        (("stream", "spot/depth5:BTC_USDT"), "is a book's topic: subscribe"),
        (("stream", "BTC_USDT"), "no channel 'BTC_USDT'"),
        (("klines", "BTC_USDT", "7m"), "spot has no kline of 7m; there is: 15m"),
    ],
)
def test_a_stream_brings_what_its_name_says(words, problem):
    name, *arguments = words
    with connected() as feed:
        with pytest.raises(bb.UsageError, match=problem):
            getattr(feed, name)(*arguments)
        with pytest.raises(bb.UsageError, match="maxsize must be at least 1"):
            feed.trades("BTC_USDT", maxsize=0)
        assert feed.subscriptions == {}


def test_bars_of_the_mark_price_are_klines_too():
    with connected() as feed:
        kline = feed.klines("futures/markPriceKlineBin1m:BTCUSDT").get(timeout=20)
        assert isinstance(kline, bb.MarkPriceKline)


def test_events_end_with_the_feed():
    with connected("BTC_USDT") as feed:
        events = feed.events()
        feed.close()
        kinds = [event.kind for event in events]
        assert all(isinstance(kind, str) for kind in kinds)
        assert repr(events).startswith("<Stream events ")
        assert Event.__name__ == "Event"
