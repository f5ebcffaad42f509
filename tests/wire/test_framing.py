"""Both wires take the same messages out of the same bytes, and refuse the same: whatever a server,
or somebody in between, may write."""

import asyncio
import random

import pytest
from websockets.exceptions import InvalidHandshake, InvalidStatus

from bitmart_book.wire import link as link_module
from bitmart_book.wire.refusal import Refusal, refusal_of
from bitmart_book.wire.transports import opener
from tests.helpers.feeds import run
from tests.helpers.framing import (
    BINARY,
    CLOSE,
    CONT,
    FIN,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    Server,
    frame,
    goodbye,
    opened,
    outcome,
    wires,
)

WIRES = wires()
each_wire = pytest.mark.parametrize("wire", WIRES)
MOST = 300
ONE, TWO = frame(TEXT, b"one"), frame(TEXT, b"two")
NOTHING, PROTOCOL, TOO_BIG = [], 1002, 1009


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(link_module, "MAX_MESSAGE_BYTES", MOST)
    monkeypatch.setattr(link_module, "MAX_FRAGMENTS", 5)
    monkeypatch.setattr(link_module, "CLOSE_SECONDS", 0.05)


def begun(payload, kind=TEXT):
    return frame(kind, payload, flags=0)


def more(payload, *, last=False, flags=0):
    return frame(CONT, payload, flags=(FIN if last else 0) | flags)


# Bytes; the messages in them before what is refused, and with which code that is.
REFUSED = {
    "a reserved bit": (frame(TEXT, b"x", flags=FIN | RSV1), [], PROTOCOL),
    "the second": (frame(TEXT, b"x", flags=FIN | RSV2), [], PROTOCOL),
    "the third": (frame(BINARY, b"x", flags=FIN | RSV3), [], PROTOCOL),
    "of a ping": (frame(PING, b"x", flags=FIN | RSV1), [], PROTOCOL),
    "of a pong": (frame(PONG, b"x", flags=FIN | RSV2), [], PROTOCOL),
    "of a fragment": (begun(b"x") + more(b"y", last=True, flags=RSV1), [], PROTOCOL),
    "of a goodbye": (frame(CLOSE, b"\x03\xe8", flags=FIN | RSV1), [], PROTOCOL),
    "a continuation of nothing": (more(b"x", last=True), [], PROTOCOL),
    "another one": (more(b"x"), [], PROTOCOL),
    "behind a whole message": (ONE + more(b"x", last=True), ["one"], PROTOCOL),
    "a text within a text": (begun(b"x") + ONE, [], PROTOCOL),
    "a binary within a text": (begun(b"x") + frame(BINARY, b"y"), [], PROTOCOL),
    "a beginning within a text": (begun(b"x") + begun(b"y"), [], PROTOCOL),
    "a goodbye within a text": (begun(b"x") + goodbye(1000), [], PROTOCOL),
    "a masked frame": (frame(TEXT, b"x", mask=b"abcd"), [], PROTOCOL),
    "a ping in fragments": (frame(PING, b"x", flags=0), [], PROTOCOL),
    "a long ping": (frame(PING, b"x" * 126), [], PROTOCOL),
    "a long goodbye": (frame(CLOSE, b"\x03\xe8" + b"x" * 124), [], PROTOCOL),
    "an unknown kind": (frame(0x3, b"x"), [], PROTOCOL),
    "an unknown control": (frame(0xB, b"x"), [], PROTOCOL),
    "a goodbye of one byte": (frame(CLOSE, b"x"), [], PROTOCOL),
    "a goodbye without a meaning": (goodbye(999), [], PROTOCOL),
    "a message that is too big": (frame(TEXT, b"x" * (MOST + 1)), [], TOO_BIG),
    "it says so": (frame(TEXT, b"x", length=1 << 40), [], TOO_BIG),
    "with the highest bit": (frame(TEXT, b"x", length=1 << 63), [], None),
    "two fragments that are too big": (
        begun(b"x" * 200) + more(b"y" * 200, last=True), [], TOO_BIG
    ),
    "a first fragment that is too big": (begun(b"x" * (MOST + 1)), [], TOO_BIG),
    "six fragments": (begun(b"x") + 5 * more(b""), [], None),
    "good ones before": (ONE + TWO + frame(TEXT, b"x", flags=FIN | RSV1), ["one", "two"], PROTOCOL),
    "good ones before a big one": (ONE + TWO + frame(TEXT, b"x" * 301), ["one", "two"], TOO_BIG),
}  # fmt: skip


@each_wire
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_and_nothing_behind_it_is_read(wire, name):
    bad, before, code = REFUSED[name]
    whole = [bad + ONE + goodbye(1000)]
    for pieces, waits in ((whole, False), (whole, True), ([bad, ONE, TWO + goodbye(1000)], True)):
        messages, codes, _ = run(outcome(wire, pieces, waits=waits))
        assert messages == [(text.encode(), False) for text in before]
        assert codes == [code] or (code is None and codes[0] in (PROTOCOL, TOO_BIG))


TAKEN = {
    "texts": (ONE + TWO, [(b"one", False), (b"two", False)]),
    "nothing in it": (frame(TEXT), [(b"", False)]),
    "binary": (frame(BINARY, b"\xff"), [(b"\xff", True)]),
    "not UTF-8": (frame(TEXT, b"\xff"), [(b"\xff", False)]),
    "fragments": (begun(b"a") + more(b"b") + more(b"c", last=True) + TWO,
                  [(b"abc", False), (b"two", False)]),
    "binary fragments": (begun(b"a", BINARY) + more(b"b", last=True) + ONE,
                         [(b"ab", True), (b"one", False)]),
    "empty fragments": (begun(b"") + more(b"") + more(b"", last=True), [(b"", False)]),
    "a ping within": (begun(b"a") + frame(PING, b"?") + more(b"b", last=True), [(b"ab", False)]),
    "just as big as allowed": (frame(TEXT, b"x" * MOST), [(b"x" * MOST, False)]),
    "the same in fragments": (begun(b"x" * 200) + more(b"y" * 100, last=True),
                              [(b"x" * 200 + b"y" * 100, False)]),
    "five fragments": (begun(b"x") + 3 * more(b"") + more(b"", last=True), [(b"x", False)]),
    "a pong nobody asked for": (frame(PONG, b"!") + ONE, [(b"one", False)]),
    "an end without a goodbye": (ONE, [(b"one", False)]),
    "an end within a frame": (ONE + TWO[:3], [(b"one", False)]),
}  # fmt: skip


@each_wire
@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken(wire, name):
    data, messages = TAKEN[name]
    for pieces in (
        [data],
        [data[:3], data[3:]],
        [data[i : i + 1] for i in range(min(len(data), 40))],
    ):
        if sum(map(len, pieces)) == len(data):
            for waits in (False, True):
                found, *_ = run(outcome(wire, pieces, waits=waits))
                assert found == messages


@each_wire
def test_nothing_is_read_behind_a_goodbye(wire):
    for waits in (False, True):
        messages, codes, _ = run(outcome(wire, [ONE + goodbye(1001, b"away") + TWO], waits=waits))
        assert messages == [(b"one", False)]
        assert codes == [1001]


@each_wire
@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (goodbye(1000), "closed by the other side: 1000 (OK)"),
        (
            goodbye(1012, b"restarting"),
            "closed by the other side: 1012 (service restart) restarting",
        ),
        (goodbye(4321, b"why"), "closed by the other side: 4321 (private use) why"),
        (frame(CLOSE), "closed by the other side: 1005 (no status received [internal])"),
    ],
)
def test_why_it_ended_is_told_at_once_though_the_other_side_stays(wire, last, reason):
    async def work():
        async with Server([ONE + last], stays=True) as server:
            async with opened(wire, server.url) as (link, noted):
                await noted.over.wait()
                assert noted.ends == [reason]
                assert link.ended
                # It is cut off after a second, which is less here.
                await link.wait_closed()

    run(work())


@each_wire
def test_what_came_with_the_handshake_is_handed_over_when_somebody_is_there(wire):
    async def work():
        async with Server([ONE + TWO + goodbye(1000)]) as server:
            link = await opener(wire)[0](server.url, None)
            await asyncio.sleep(0.02)
            assert not link.ended
            async with _attached(link) as noted:
                assert noted.messages == [(b"one", False), (b"two", False)]
                assert noted.ends == ["closed by the other side: 1000 (OK)"]
                assert noted.read_at > 0

    run(work())


def _attached(link):
    from contextlib import asynccontextmanager

    from tests.helpers.framing import Noted

    @asynccontextmanager
    async def attached():
        noted = Noted()
        link.attach(noted)
        try:
            yield noted
        finally:
            link.abort()
            await link.wait_closed()

    return attached()


@each_wire
def test_pings_are_answered_and_pongs_are_told(wire):
    async def work():
        async with Server([ONE + frame(PING, b"here?")], stays=True) as server:
            async with opened(wire, server.url) as (link, noted):
                link.ping_frame()
                link.send_text("text")
                link.shut()
                link.send_text("too late")
                await link.wait_closed()
            server.may_leave.set()
            await server._done.wait()
            assert noted.ends == []
            kinds = sorted(kind for kind, _ in server.heard)
            assert kinds == sorted([PONG, PING, TEXT, CLOSE])
            assert server.codes == [1000]

        async with Server(stays=True) as server:
            async with opened(wire, server.url) as (link, noted):
                server.writer.write(frame(PONG) + goodbye(1000))
                await noted.over.wait()
                assert noted.pongs == 1

    run(work())


# --- handshakes ---


@each_wire
@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (b"Sec-WebSocket-Extensions: permessage-deflate\r\n", "no extensions supported"),
        (b"Sec-WebSocket-Protocol: chat\r\n", "no subprotocols supported"),
    ],
)
def test_what_nobody_asked_for_is_refused(wire, header, problem):
    async def work():
        async with Server([ONE], headers=header) as server:
            with pytest.raises(InvalidHandshake, match=problem):
                await opener(wire)[0](server.url, None)
            assert b"Extensions" not in server.request
            assert b"Protocol:" not in server.request

    run(work())


@each_wire
@pytest.mark.parametrize(
    ("status", "headers", "verdict"),
    [
        (b"403 Forbidden", b"", Refusal(True, 0.0)),
        (b"429 Too Many Requests", b"Retry-After: 7\r\n", Refusal(True, 7.0)),
        (b"503 Service Unavailable", b"Retry-After: 9\r\nRetry-After: 3\r\n", Refusal(False, 9.0)),
        (b"302 Found", b"Location: ws://127.0.0.1:1/\r\n", Refusal(False, 0.0)),
    ],
)
def test_what_a_refusal_says_is_the_same_on_each_wire(wire, status, headers, verdict):
    async def work():
        async with Server(status=status, headers=headers + b"Content-Length: 0\r\n") as server:
            with pytest.raises(InvalidStatus) as caught:
                await opener(wire)[0](server.url, None)
            code = status.decode().split()[0]
            assert str(caught.value) == f"server rejected WebSocket connection: HTTP {code}"
            assert refusal_of(caught.value, 0.0) == verdict

    run(work())


@each_wire
@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"rubbish\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + b"x" * 28 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n" + b"x: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 101 " + b"x" * 70_000,
    ],
)
def test_what_is_no_handshake_opens_nothing(wire, response):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        writer.close()

    async def work():
        async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises((InvalidHandshake, OSError, EOFError)) as caught:
                await opener(wire)[0](f"ws://127.0.0.1:{port}/", None)
            assert str(caught.value)

    run(work())


@each_wire
def test_an_opening_that_is_cancelled_leaves_nothing_behind(wire):
    async def work():
        left = asyncio.Event()

        async def talk(reader, writer):
            await reader.read()
            left.set()
            writer.close()

        async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            opening = asyncio.ensure_future(opener(wire)[0](f"ws://127.0.0.1:{port}/", None))
            await asyncio.sleep(0.02)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            await asyncio.wait_for(left.wait(), 1)

    run(work())


# --- whatever may be ---


def drawn(rng):
    """Frames that are mostly good, cut into pieces anywhere."""
    data, opened_text = b"", False
    for _ in range(rng.randrange(1, 7)):
        kind = rng.choices((TEXT, BINARY, CONT, PING, PONG, CLOSE, rng.randrange(16)),
                           (6, 1, 8 if opened_text else 0.2, 1, 1, 0.5, 0.3))[0]  # fmt: skip
        flags = FIN if kind > 7 or rng.random() < 0.7 else 0
        if kind in (TEXT, BINARY) and not flags:
            opened_text = True
        flags |= rng.choice((RSV1, RSV2, RSV3)) if rng.random() < 0.04 else 0
        payload = rng.randbytes(rng.choice((0, 1, 5, 126, 140, 301)))
        if kind == CLOSE:
            payload = rng.choice((b"", b"\x03", b"\x03\xe8", b"\x03\xe9bye", b"\x0f\xa0x"))
        elif kind > 7 and rng.random() < 0.9:
            # One library counts those within a message as if they were of it.
            payload = payload[:2]
        mask = b"mask" if rng.random() < 0.02 else None
        data += frame(kind, payload, flags=flags, mask=mask)
    if rng.random() < 0.1:
        data = data[: rng.randrange(len(data) + 1)]
    pieces = [b""]
    while data:
        size = rng.choice((1, 2, 3, 50, 400, 10_000))
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def verdict(reason):
    """What came of it, whatever it was that was wrong and in whose words."""
    if "EOFError" in reason or "without a word" in reason:
        return "cut off"
    return "goodbye" if reason.startswith("closed by the other side") else "refused"


@pytest.mark.skipif(WIRES[1].marks[0].args[0], reason=WIRES[1].marks[0].kwargs["reason"])
@pytest.mark.parametrize(
    "seeds",
    [range(12), pytest.param(range(12, 1_500), marks=pytest.mark.slow)],
    ids=["few", "many"],
)
def test_random_frames_are_the_same_on_both(seeds):
    for seed in seeds:
        pieces = drawn(random.Random(seed))
        slow, fast = (
            run(outcome(wire, pieces, waits=seed % 2 == 0)) for wire in ("websockets", "picows")
        )
        assert fast[0] == slow[0], seed
        assert verdict(fast[2]) == verdict(slow[2]), seed
