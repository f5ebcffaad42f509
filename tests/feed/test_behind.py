"""A feed that reads too late: a socket that is never empty, a loop that stands still."""

import asyncio
import contextlib
import inspect
import logging
from asyncio import proactor_events, selector_events
from types import SimpleNamespace

from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.uri import parse_uri

import bitmart_book as bb
from bitmart_book.wire import link as link_module
from bitmart_book.wire.link import Link
from tests.helpers import windows
from tests.helpers.feeds import box, live_differences, run
from tests.helpers.limits import PATIENCE
from tests.helpers.proxy import Proxy
from tests.helpers.talk import until


class StubLoop:
    """A loop whose time moves when the test says so; one `turn` runs what is due soon."""

    def __init__(self, loop):
        self._loop = loop
        self.now = 0.0
        self._soon = []

    def time(self):
        return self.now

    def call_soon(self, function, *arguments):
        self._soon.append((function, arguments))

    def turn(self):
        due, self._soon = self._soon, []
        for function, arguments in due:
            function(*arguments)

    def __getattr__(self, name):
        return getattr(self._loop, name)


class StubTransport:
    aborted = False

    def abort(self):
        self.aborted = True

    def get_extra_info(self, name):
        return None


@contextlib.asynccontextmanager
async def attached():
    """A link that believes to be open, what it hands over, and how it ends."""
    link = Link(ClientProtocol(parse_uri("ws://127.0.0.1/"), max_size=2**22))
    link.loop = StubLoop(link.loop)
    link._clock = lambda: int(link.loop.now * 1e9)
    link.transport = StubTransport()
    link.protocol.state = State.OPEN
    link.protocol.parser = link.protocol.parse()
    next(link.protocol.parser)
    link.response = object()
    messages, ends = [], []
    link.attach(
        SimpleNamespace(
            receive=lambda link, payload, is_binary: messages.append(payload),
            rested=lambda: None,
            ended=lambda link, reason: ends.append(reason),
        )
    )
    yield link, messages, ends
    link.connection_lost_waiter.cancel()


def big_frame(size=link_module.FULL_READ_BYTES):
    return b"\x81\x7f" + size.to_bytes(8, "big") + b"x" * size


def test_a_socket_that_is_never_empty_holds_old_data_and_is_dropped():
    async def work():
        async with attached() as (link, messages, ends):
            for number in range(4):
                link.loop.now = float(number)
                link.data_received(big_frame())
                link.loop.turn()
            assert ends == []
            link.loop.now = 3.1
            link.data_received(big_frame())
            assert len(messages) == 4
            assert ends == ["more than 3 s behind: this program does not keep up"]
            assert link.transport.aborted

    run(work())


def test_whoever_is_attached_knows_when_the_bytes_were_read():
    """What came before he was attached has waited since then."""

    async def work():
        times = []
        async with attached() as (link, messages, _ends):
            receiver, link._receiver = link._receiver, None
            receiver.receive = lambda link, payload, is_binary: times.append(receiver.read_at)
            for now in (2.0, 3.0):
                link.loop.now = now
                link.data_received(b"\x81\x01x")
            link.loop.now = 5.0
            link.attach(receiver)
            link.data_received(2 * b"\x81\x01x")
            assert messages == []
            return times

    assert [at / 1e9 for at in run(work())] == [2.0, 2.0, 5.0, 5.0]


def test_a_full_read_is_no_backlog_when_nothing_follows():
    async def work():
        async with attached() as (link, messages, ends):
            link.data_received(big_frame())
            link.loop.turn()
            link.loop.turn()  # the loop has looked into the socket meanwhile, and found nothing
            link.loop.now = 60.0
            link.data_received(big_frame())
            link.loop.now = 60.1
            link.data_received(b"\x81\x01x")
            link.loop.now = 120.0
            link.data_received(big_frame())
            assert len(messages) == 4
            assert ends == []

    run(work())


def test_a_loop_that_reads_ahead_sees_the_same(monkeypatch):
    """The one of Windows, whose reads bring a quarter at most."""
    monkeypatch.setattr(asyncio, "ProactorEventLoop", asyncio.SelectorEventLoop, raising=False)
    least, most = link_module.FULL_READ_AHEAD_BYTES, windows.READ_AHEAD_BYTES

    async def never_empty():
        async with attached() as (link, _messages, ends):
            frames = big_frame(3 * most)
            for number in range(0, len(frames) // most * most, most):
                link.data_received(frames[number : number + most])
                link.loop.turn()
                link.loop.now += 1.1
            assert ends == []
            link.data_received(big_frame(most))
            assert ends == ["more than 3 s behind: this program does not keep up"]

    async def emptied_in_time():
        async with attached() as (link, messages, ends):
            for number in range(10):
                link.loop.now = float(number)
                link.data_received(big_frame(least))
                link.loop.turn()
                link.data_received(big_frame(least // 2))
                link.loop.turn()
            assert len(messages) == 20
            assert ends == []

    run(never_empty())
    run(emptied_in_time())


def test_what_a_loop_reads_at_a_time_is_what_is_said_of_it():
    """Of the loops of this Python, both of which every system has the sources of."""
    ahead = inspect.signature(proactor_events._ProactorReadPipeTransport).parameters["buffer_size"]
    assert ahead.default == windows.READ_AHEAD_BYTES
    assert selector_events._SelectorSocketTransport.max_size == 256 * 1024
    for full, whole in (
        (link_module.FULL_READ_AHEAD_BYTES, ahead.default),
        (link_module.FULL_READ_BYTES, selector_events._SelectorSocketTransport.max_size),
    ):
        assert full == whole * 3 // 4


def test_a_pause_of_the_loop_is_said_and_counted(caplog):
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            await feed.subscribe("BTC_USDT")
            before = feed.report()["loop"]["pauses"]
            feed._core.driver._beat_at -= 60.0
            while feed.report()["loop"]["pauses"] == before:
                await asyncio.sleep(0)
            assert feed.report()["loop"]["longest_pause"] > 59.0
            feed._core.driver._beat_at = 0.0  # an earlier pause must not hide in a later one
            assert feed.report()["loop"]["longest_pause"] > 59.0

    with caplog.at_level(logging.WARNING, "bitmart_book"):
        run(work())
    assert sum("the event loop did not run for" in text for text in caplog.messages) >= 1


def test_bytes_held_back_are_not_shown_as_of_now():
    """What waits in the network is old when it comes: the pong that comes behind it says so."""
    from bitmart_book.client.times import Timeouts

    # Only the pong may be missed here: of silence alone nothing follows for as long as this takes.
    soon = Timeouts(ping_after=PATIENCE, pong_within=0.05, answer_within=PATIENCE)

    async def work():
        async with box() as simulator:
            port = int(simulator.urls["spot_public"].split(":")[2].split("/")[0])
            async with Proxy(port) as proxy:
                url = simulator.urls["spot_public"].replace(str(port), str(proxy.port))
                urls = {"spot_public": url}
                async with bb.Feed(source=simulator, urls=urls, timeouts=soon) as feed:
                    book = await feed.subscribe("BTC_USDT")
                    client, driver = feed._core.running()
                    session = client.connections["spot-1"].session
                    session.liveness.ping(driver.now())
                    driver.step()
                    async for _ in book.quotes():
                        if session.liveness.pings.answers:
                            break
                    proxy.frozen = True
                    session.liveness.ping(driver.now())
                    driver.step()
                    assert set(await until(book, "STALE")) <= {"LIVE", "STALE"}
                    assert book.reason == "what arrives on its connection is late"
                    proxy.frozen = False
                    assert await live_differences(simulator, book) == []
                    assert book.epoch == 1

    run(work())
