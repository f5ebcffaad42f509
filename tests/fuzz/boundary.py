"""Where bytes from outside meet Python: targets that take any bytes and let only documented errors
pass. Anything else that leaves them is a finding.

    python -m tests.fuzz.boundary --runs 1_000_000 --seed 1 --out build/fuzz

runs them under atheris, guided by the coverage of the package's Python files. The first byte of
an input chooses the target.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import msgspec

from bitmart_book import CaptureError, Engine, LimitError, MessageError, UsageError
from bitmart_book.client.client import Client
from bitmart_book.client.inflate import MAX_INFLATED_BYTES, inflate
from bitmart_book.client.intake import Intake
from bitmart_book.client.limits import Limiter
from bitmart_book.venues import BITMART, Reply, Topic, read_instruments
from bitmart_book.wire.capture import Capture
from tests.fuzz.grammar import SEEDS, case
from tests.soak.rows import Row, at_least, exactly, noted, show

__all__ = ["TARGETS", "corpus", "fuzz", "one"]

ROOT = Path(__file__).parents[2]
TOPICS = (
    "spot/depth/increase100:BTC_USDT", "spot/depth5:ETH_USDT", "spot/trade:BTC_USDT",
    "spot/ticker:BTC_USDT", "futures/depthIncrease50:BTCUSDT@100ms", "futures/depth5:BTCUSDT",
    "futures/trade:BTCUSDT", "legacy/depth:BMX_ETH@6", "legacy/kline:BMX_ETH",
)  # fmt: skip
_decode = msgspec.json.Decoder(float_hook=str).decode


def decoded(data):
    """What JSON the bytes are, or None."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


# --- targets ---


def inflated(data):
    """`inflate`, of these bytes, and of these bytes compressed."""
    for payload in (data, deflate(data)):
        try:
            found = inflate(payload)
        except MessageError:
            continue
        assert len(found) <= min(MAX_INFLATED_BYTES, max(1024, 100 * len(payload)))


def deflate(data):
    stream = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


def captured(data):
    """A capture file of these bytes: plain, gzip or zstd by its first ones."""
    path = captured.path = captured.path or tempfile.NamedTemporaryFile(delete=False).name
    Path(path).write_bytes(data)
    try:
        with Capture(path) as capture:
            for _ in range(len(data) + 2):
                try:
                    if next(capture, None) is None:
                        return
                except CaptureError as error:
                    assert error.line > 0
            raise AssertionError("more lines than bytes")
    except UsageError:
        pass


captured.path = None


def classified(data):
    """Every profile's `classify`."""
    message = decoded(data)
    for profile in BITMART.profiles:
        reply = profile.classify(message)
        assert reply is None or isinstance(reply, Reply)
        if reply is not None and reply.kind == "error":
            profile.errors.kind(reply)
            profile.errors.exception(reply, ("x",))


STREAMS = [stream for profile in BITMART.profiles for stream in profile.streams]


def pushed(data):
    """The decoder of the channel that the push names, and another one."""
    message = decoded(data[1:])
    if not isinstance(message, dict) or not data:
        return
    wanted = [STREAMS[data[0] % len(STREAMS)]]
    for profile in BITMART.profiles:
        name = message.get(profile.framing.channel_key)
        if isinstance(name, str):
            wanted += filter(
                None, [profile.stream(Topic.parse(profile.framing.channel_prefix + name)[0])]
            )
    for stream in wanted:
        values, unread = stream.read(message)
        assert isinstance(values, list)
        assert all(one.reason for one in unread)


def named(data):
    """Topics and symbols as users and servers spell them; instruments."""
    text = data.decode("utf-8", "replace")
    Topic.parse(text)
    for find in (BITMART.topic_profile, BITMART.book_channel):
        try:
            find(text)
        except UsageError:
            pass
    try:
        read_instruments(data)
    except MessageError:
        pass


def applied(data):
    """Lines as frames of one engine."""
    engine = Engine(max_books=20)
    for frame in data.split(b"\n")[:20]:
        try:
            engine.apply(frame)
        except (MessageError, LimitError):
            pass
        for book in engine.touched:
            book.check()


class Printing:
    """Executes nothing, but prints all that a client says, as a user may."""

    def __init__(self, client):
        self.outbox = client.outbox

    def carry_out(self):
        for action in self.outbox.take_actions():
            assert repr(action)
        assert all(str(event) for event in self.outbox.take_events())
        self.outbox.take_pushes()

    def applied(self):
        """Nobody listens."""


def received(data):
    """Lines as what arrives on open connections, by the door that every feed has."""
    now = 1_000.0
    engine = Engine(clock=lambda: int(now * 1e9), only_known=True)
    client = Client(engine, BITMART, rng=random.Random(1), limiter=Limiter())
    printing = Printing(client)
    intake = Intake(engine, client, printing, printing)
    client.subscribe(TOPICS, now)
    client.advance(now)
    opened = [action.connection for action in client.outbox.take_actions()]
    generations = {name: client.opened(name, now) for name in opened}
    for number, payload in enumerate(data.split(b"\n")[:6]):
        if not payload:
            continue
        now += 0.1 + payload[0] / 50
        name = opened[number % len(opened)]
        if client.connections.generation(name) is not None:
            intake.receive(
                name, generations[name], payload, payload[:1] > b"\x7f", None, int(now * 1e9)
            )
            intake.advance(now)


# The quick ones more often: a client with its connections takes forty times as long.
TARGETS = (
    *(inflated, captured, classified, pushed, named, applied, received),
    *(inflated, captured, classified, pushed, named, applied),
    *(classified, pushed, pushed),
)  # fmt: skip


def one(data):
    """One input: its first byte chooses the target."""
    if data:
        TARGETS[data[0] % len(TARGETS)](data[1:])


def corpus():
    """Inputs to begin with: documented frames for every target, and short stories."""
    found = []
    for number in range(len(set(TARGETS))):
        head = bytes((number,))
        found += [head + frame for frame in SEEDS]
        found += [head + b"\n".join(step.data for step in case(9, seed, steps=10).steps)
                  for seed in range(20)]  # fmt: skip
    found += [b"\x00" + deflate(frame) for frame in SEEDS]
    found += [b"\x01" + zlib.compress(frame, wbits=31) for frame in SEEDS]
    found += [b"\x01" + b'{"t":5,"conn":"a","frame":"%b"}\n' % frame.replace(b'"', b'\\"')
              for frame in SEEDS]  # fmt: skip
    return found


# --- under atheris, in processes of its own ---


def fuzz(runs, seed, processes, out):
    """Run so many inputs; returns rows of figures. What was found lies in the folder `out`."""
    if importlib.util.find_spec("atheris") is None:
        return [noted("fuzz at the boundary", "skipped: atheris is not installed here")]
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    began, findings, done = time.monotonic(), [], 0
    with tempfile.TemporaryDirectory() as folder:
        seeds = Path(folder) / "seeds"
        seeds.mkdir()
        for number, data in enumerate(corpus()):
            (seeds / str(number)).write_bytes(data)
        children = [
            _start(runs // processes, seed + number, seeds, Path(folder) / f"new{number}", out)
            for number in range(processes)
        ]
        for child in children:
            errors = child.communicate()[1]
            found = re.search(r"stat::number_of_executed_units:\s*(\d+)", errors)
            done += int(found[1]) if found else 0
            if child.returncode != 0:
                findings.append(_finding(errors, child.returncode))
    return [
        at_least("fuzz at the boundary: inputs", runs // processes * processes, done),
        noted("fuzz at the boundary: seconds", f"{time.monotonic() - began:.0f}"),
        exactly("fuzz at the boundary: findings", 0, len(findings)),
        *(Row("fuzz at the boundary: finding", "none", finding, False) for finding in findings),
    ]


def _start(runs, seed, seeds, new, out):
    new.mkdir()
    command = [sys.executable, "-m", "tests.fuzz.guided", f"-runs={runs}", f"-seed={seed}"]
    command += ["-max_len=4096", "-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1"]
    command += [f"-artifact_prefix={out}/", str(new), str(seeds)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        errors="replace",
    )  # fmt: skip


def _finding(errors, code):
    lines = errors.splitlines()
    written = re.search(r"Test unit written to (\S+)", errors)
    what = next((line for line in lines if re.match(r"\S*(Error|Exception|ERROR)\b", line)), "")
    return f"{written[1] if written else 'no input'}: exit {code}: {what[:200]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", default="build/fuzz")
    parser.add_argument("--replay", metavar="FILE")
    options = parser.parse_args()
    if options.replay:
        one(Path(options.replay).read_bytes())
        return
    rows = fuzz(options.runs, options.seed, options.processes, Path(options.out).absolute())
    status = show(rows)
    for row in rows:
        if row.figure.endswith(": finding"):
            path = row.measured.partition(":")[0]
            sys.stdout.write(f"again: python -m tests.fuzz.boundary --replay {path}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
