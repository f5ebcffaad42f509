"""Cancelled, closed or left at any point, a feed leaves nothing behind: no task, socket, thread."""

import asyncio
import contextlib
import gc
import logging
import os
import random
import subprocess
import sys
import threading
import warnings

import pytest
from websockets.protocol import State

import bitmart_book as bb
from tests.helpers.feeds import box
from tests.helpers.proxy import Proxy

# Steps of the loop in a scenario, with room for slower machines: later ones find it at its end.
STEPS = range(1, 81)


class CountingLoop(asyncio.SelectorEventLoop):
    """Does something before its steps of certain numbers."""

    def __init__(self, plan):
        super().__init__()
        self.steps = 0
        self.plan = plan

    def _run_once(self):
        self.steps += 1
        action = self.plan.get(self.steps)
        if action is not None:
            action(self)
        super()._run_once()


class Complaints(logging.Handler):
    """What asyncio says about exceptions that nobody took."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.found = []

    def emit(self, record):
        self.found.append(record.getMessage())


@contextlib.contextmanager
def nothing_left():
    """Afterwards there are as many descriptors and threads as before, and nobody complains."""
    complaints, unraisable = Complaints(), []
    hook, sys.unraisablehook = sys.unraisablehook, unraisable.append
    logging.getLogger("asyncio").addHandler(complaints)
    # A garbage collection of its own would only hide what is left to one.
    gc.collect()
    before = (set(os.listdir("/proc/self/fd")), set(threading.enumerate()))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
            gc.collect()
    finally:
        sys.unraisablehook = hook
        logging.getLogger("asyncio").removeHandler(complaints)
    after = (set(os.listdir("/proc/self/fd")), set(threading.enumerate()))
    assert complaints.found == []
    assert [str(one.exc_value) for one in unraisable] == []
    assert len(after[0]) <= len(before[0])
    assert after[1] == before[1]


def play(scenario, plan):
    """Run a scenario on a loop with that plan; returns how many steps it took."""
    steps = 0
    with nothing_left():
        loop = CountingLoop(plan)
        runner = asyncio.Runner(loop_factory=lambda: loop)
        with contextlib.suppress(asyncio.CancelledError), runner:
            runner.run(bounded(scenario))
            steps = loop.steps
    return steps


async def bounded(scenario):
    asyncio.get_running_loop().victim = asyncio.current_task()
    try:
        await scenario()
    finally:
        left = [
            task
            for task in asyncio.all_tasks() - {asyncio.current_task()}
            # Of asyncio itself: the box's server has just accepted what is being closed.
            if "_accept_connection" not in repr(task.get_coro())
        ]
        assert left == [], "everything has ended when the user's code goes on"


def cancel(loop):
    if hasattr(loop, "victim"):
        loop.victim.cancel()


async def whole_life():
    """Open, subscribe, iterate, unsubscribe, close."""
    async with bb.Feed(source=box()) as feed:
        book, trades = await feed.subscribe("BTC_USDT", "spot/trade:BTC_USDT")
        handle = book.on_change(lambda book, change: None)
        async for quote in book.quotes():
            if quote.skipped or quote.sequence > 3:
                break
        await anext(trades)
        handle.cancel()
        await feed.subscribe("ETH_USDT")
        await feed.unsubscribe("ETH_USDT", "BTC_USDT")


async def closed_by_hand():
    """A feed that was never entered, and a server that cannot be reached."""
    feed = bb.Feed(source="sim", urls={"legacy": "ws://127.0.0.1:9/"}, timeout=0.05)
    try:
        for symbol, market in (("BTC_USDT", "spot"), ("BMX_ETH", "legacy")):
            with contextlib.suppress(bb.NotConnected, bb.SubscriptionRejected):
                await feed.subscribe(symbol, market=market)
    finally:
        await feed.close()


def test_a_scenario_takes_fewer_steps_than_are_tried():
    assert play(whole_life, {}) > 20


@pytest.mark.parametrize("first", range(8))
def test_cancelled_at_any_step(first):
    for step in STEPS[first::8]:
        play(whole_life, {step: cancel})


@pytest.mark.parametrize("first", range(4))
def test_cancelled_again_while_it_closes(first):
    for step in STEPS[first::12]:
        for later in (1, 2):
            play(whole_life, {step: cancel, step + later: cancel})


def test_cancelled_before_it_was_entered():
    for step in STEPS[::8]:
        play(closed_by_hand, {step: cancel})


def test_cancelled_while_a_dead_peer_is_waited_for():
    """The longest wait there is: for the end of a connection that does not answer."""

    async def scenario():
        async with box() as simulator:
            port = int(simulator.urls["spot_public"].split(":")[2].split("/")[0])
            async with Proxy(port) as proxy:
                url = simulator.urls["spot_public"].replace(str(port), str(proxy.port))
                async with bb.Feed(source=simulator, urls={"spot_public": url}) as feed:
                    await feed.subscribe("BTC_USDT")
                    (link,) = feed._core.driver._links.values()
                    proxy.frozen = True
                    closing = asyncio.create_task(feed.close())
                    for _ in range(3):
                        await asyncio.sleep(0)
                    assert not closing.done()
                    closing.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await closing
                    assert feed._life.root.done()
                    assert not feed._core.driver._tasks
                    assert link.protocol.state is State.CLOSED

    play(scenario, {})


def test_the_loop_ends_while_a_feed_is_open():
    """Whoever forgets to close it: the end of the loop does."""
    feeds = []

    async def forgetful():
        feed = bb.Feed(source=box())
        feeds.append(feed)
        await feed.subscribe("BTC_USDT")
        loop = asyncio.get_running_loop()
        for _ in range(loop.more):
            await asyncio.sleep(0)

    for more in range(0, 12, 2):
        with nothing_left():
            loop = CountingLoop({})
            loop.more = more
            with asyncio.Runner(loop_factory=lambda loop=loop: loop) as runner:
                runner.run(forgetful())
        assert feeds.pop().closed


def test_closing_twice_at_once_and_from_a_child():
    async def scenario():
        feed = bb.Feed(source=box())
        await feed.subscribe("BTC_USDT")
        await asyncio.gather(feed.close(), feed.close(), feed.close())

    play(scenario, {})


# --- without await ---


def sync_threads():
    return [thread for thread in threading.enumerate() if thread.name == "bitmart_book feed"]


@pytest.mark.parametrize("seed", range(6))
def test_closed_by_another_thread_at_any_point(seed):
    """Whoever uses the feed meanwhile gets an answer, FeedClosed, or the end of an iterator."""
    rng = random.Random(seed)
    with nothing_left():
        feed = bb.sync.Feed(source="sim")
        surprises, started = [], threading.Barrier(4)

        def use(number):
            started.wait()
            try:
                book = feed.subscribe(("BTC_USDT", "ETH_USDT", "SOL_USDT")[number])
                feed.report()
                for _ in book.quotes():
                    feed.explain()
                feed.trades("BTC_USDT").get()
            except bb.FeedClosed:
                return
            except bb.BitmartBookError as error:
                surprises.append(error)

        threads = [threading.Thread(target=use, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        for _ in range(rng.randrange(4)):
            with contextlib.suppress(bb.FeedClosed):
                feed.report()
        feed.close()
        for thread in threads:
            thread.join()
            assert not thread.is_alive()
        assert surprises == []
        assert sync_threads() == []


def test_an_interrupted_call_is_given_up(monkeypatch):
    """Ctrl-C in the middle of `subscribe`: nobody goes on subscribing behind his back."""
    import concurrent.futures

    with nothing_left():
        with bb.sync.Feed(source="sim") as feed:
            futures = []

            def interrupted(waited_for, timeout=None):
                futures.extend(waited_for)
                raise KeyboardInterrupt

            with monkeypatch.context() as patch:
                patch.setattr(concurrent.futures, "wait", interrupted)
                with pytest.raises(KeyboardInterrupt):
                    feed.subscribe("BTC_USDT")
            assert futures[0].cancelled()
            assert feed.subscribe("ETH_USDT").state == "LIVE"


def test_a_call_that_the_end_overtakes_gets_an_answer():
    with nothing_left():
        feed = bb.sync.Feed(source="sim")
        waiting, answers = threading.Event(), []

        async def never():
            waiting.set()
            await asyncio.Event().wait()

        def call():
            try:
                feed._call(never())
            except bb.FeedClosed as error:
                answers.append(str(error))

        thread = threading.Thread(target=call)
        thread.start()
        waiting.wait()
        feed.close()
        thread.join()
        assert answers == ["the feed was closed meanwhile"]


def test_a_forgotten_recording_is_complete(tmp_path):
    import gzip

    path = tmp_path / "capture.jsonl.gz"
    program = f"""
import bitmart_book as bb
feed = bb.connect("BTC_USDT", source="sim", record={str(path)!r})
quotes = feed["BTC_USDT"].quotes()
for _ in range(5):
    next(quotes)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (result.stderr, result.returncode) == ("", 0)
    with gzip.open(path) as recorded:
        assert len(recorded.readlines()) >= 5


PROGRAMS = {
    "forgotten": "feed = bb.connect('BTC_USDT', source='sim')",
    "thrown away": "bb.connect('BTC_USDT', source='sim')",
    "exits": "feed = bb.connect('BTC_USDT', source='sim'); sys.exit(0)",
    "interrupted": """
with bb.connect('BTC_USDT', source='sim') as feed:
    signal.raise_signal(signal.SIGINT)
""",
    "while iterating": """
feed = bb.connect('BTC_USDT', source='sim')
threading.Thread(target=list, args=(feed['BTC_USDT'].quotes(),), daemon=True).start()
""",
    "in a callback": """
feed = bb.connect('BTC_USDT', source='sim')
called = threading.Event()
feed['BTC_USDT'].on_quote(lambda quote: called.set())
called.wait()
""",
    "async, interrupted": """
async def main():
    async with bb.Feed(source='sim') as feed:
        book = await feed.subscribe('BTC_USDT')
        signal.raise_signal(signal.SIGINT)
        async for quote in book.quotes():
            pass
asyncio.run(main())
""",
    "async, forgotten": """
async def main():
    feed = bb.Feed(source='sim')
    await feed.subscribe('BTC_USDT')
asyncio.run(main())
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_end_of_a_program_that_did_not_close(name):
    head = "import asyncio, signal, sys, threading\nimport bitmart_book as bb\n"
    # A shell that runs tests in the background lets them inherit that SIGINT is ignored.
    head += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    result = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", head + PROGRAMS[name]],
        capture_output=True,
        text=True,
    )
    # In its development mode asyncio tells of whatever takes a tenth of a second; so does the feed.
    slow = ("Executing <", "the event loop did not run for ")
    lines = result.stderr.strip().splitlines()
    errors = [line for line in lines if not line.startswith(slow)]
    if "interrupted" in name:
        assert errors[-1] == "KeyboardInterrupt"
        assert not [line for line in errors if "Warning" in line or "ignored" in line]
    elif name in ("thrown away", "async, forgotten"):
        # It was dropped while the program ran, which is told as of a file; and nothing else is.
        assert [line for line in errors if line.startswith("Exception")] == errors[:1]
        assert errors[-1].startswith("ResourceWarning: a feed of ")
        assert result.returncode == 0
    else:
        assert errors == []
        assert result.returncode == 0


# --- another loop than its own ---


@contextlib.contextmanager
def loop_elsewhere():
    """A loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_feed_is_closed_from_another_loop_than_its_own():
    async def begin():
        feed = bb.Feed(source="sim")
        await feed.subscribe("BTC_USDT")
        return feed

    with nothing_left(), loop_elsewhere() as home:
        feed = asyncio.run_coroutine_threadsafe(begin(), home).result(20)
        book = feed["BTC_USDT"]

        async def close():
            await asyncio.wait_for(feed.close(), 20)

        asyncio.run(close())
        assert feed.closed
        assert book.state == "CLOSED"


def test_waiting_for_the_other_loop_can_be_given_up():
    """That loop is blocked, and so nothing can be closed before it goes on."""
    go_on = threading.Event()

    async def begin():
        feed = bb.Feed(source="sim")
        await feed.subscribe("BTC_USDT")
        return feed

    with loop_elsewhere() as home:
        feed = asyncio.run_coroutine_threadsafe(begin(), home).result(20)
        home.call_soon_threadsafe(go_on.wait, 30)

        async def close():
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(feed.close(), 0.1)

        asyncio.run(close())
        go_on.set()
        asyncio.run_coroutine_threadsafe(feed.close(), home).result(20)


def test_a_feed_whose_loop_stands_still_says_where_to_close_it():
    home = asyncio.new_event_loop()
    feed = bb.Feed(source="sim")

    async def begin():
        await feed.subscribe("BTC_USDT")

    home.run_until_complete(begin())
    with pytest.raises(bb.UsageError, match="another event loop"):
        asyncio.run(feed.close())
    home.run_until_complete(feed.close())
    asyncio.run(feed.close())
    home.close()
