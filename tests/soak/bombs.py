"""Inputs made to cost much: how long each is refused after, and with how much memory.

`python -m tests.soak.bombs` gives each to a process of its own and prints both. `refusal` is for
tests, which look at what is said and not at the clock.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bitmart_book import CaptureError, Engine, MessageError
from bitmart_book.client.inflate import inflate
from bitmart_book.wire.capture import Capture
from tests.helpers.frames import futures_side, spot
from tests.soak.rows import Row, at_most, main

ROOT = Path(__file__).parents[2]
LIMIT = 4 * 1024 * 1024
INCREASE = '{"table":"spot/depth/increase100","data":['


class Bomb(NamedTuple):
    """What takes it, a function that makes it, and what it may cost."""

    take: Callable
    make: Callable
    most_ms: int = 50
    most_mib: int = 16
    refused: bool = True


# --- what takes them ---


def applied(payload):
    """An engine with a LIVE book of each sort. Raises what the engine raises."""
    engine = Engine()
    engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")]))
    for way, price in ((1, "1"), (2, "2")):
        engine.apply(futures_side(way, [(price, "1")]))
    return engine.apply(payload)


def received(payload):
    """A binary message of a feed."""
    return applied(inflate(payload))


def captured(payload):
    """A capture file of these bytes, read to its end."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(payload)
        file.flush()
        with Capture(file.name) as capture:
            for _ in capture:
                pass


# --- how they are made ---


def deflated(mebibytes):
    """Zeros; a full flush makes a block that can be repeated without compressing it again."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = stream.compress(bytes(1024 * 1024)) + stream.flush(zlib.Z_FULL_FLUSH)
    return block * mebibytes + stream.flush()


def padded():
    """Seven MiB that shrink to a little more than a hundredth."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    noise = "".join(f"{place * place * 2654435761 % 2**64:x}" for place in range(12_000))
    text = ('{"a":"' + noise).encode() + b" " * (7 * 1024 * 1024) + b'"}'
    return stream.compress(text) + stream.flush()


def nested(depth):
    return (INCREASE + "[" * depth + "]" * depth + "]}").encode()


def level(price):
    item = f'{{"symbol":"BTC_USDT","bids":[[{price},"1"]],"asks":[]}}'
    return f'{{"table":"spot/depth5","data":[{item}]}}'.encode()


def levels(count):
    return spot("update", 2, [(str(place + 1), "1") for place in range(count)]).encode()


def repeated(piece):
    count = (LIMIT - len(INCREASE) - 2) // (len(piece) + 1)
    return (INCREASE + ",".join(itertools.repeat(piece, count)) + "]}").encode()


def symbols(count):
    return (INCREASE + ",".join(f'{{"symbol":"{n:x}"}}' for n in range(count)) + "]}").encode()


def long_topic():
    topic = "spot/depth/increase100:" + "A" * 4_000_000
    return f'{{"table":"{topic}","data":[{{"symbol":"A"}}]}}'.encode()


def trade(price):
    row = {"symbol": "BTC_USDT", "side": "buy", "price": price, "size": "1", "ms_t": 1}
    return json.dumps({"table": "spot/trade", "data": [row]}).encode()


def twice_named():
    prices = [str(2_000_000 + place) for place in range(10_000)]
    rows = [(price, "1") for price in prices] + [(price, "0") for price in prices]
    return futures_side(1, rows).encode()


def zstd_zeros():
    import zstandard

    return zstandard.compress(bytes(64 * 1024 * 1024)) * 16


def gzip_zeros():
    return zlib.compress(bytes(64 * 1024 * 1024) + b"\n", wbits=31)


# Made only when it is needed, each in the process that measures it.
BOMBS = {
    "1 GiB in 1 MiB of raw deflate": Bomb(inflate, lambda: deflated(1024)),
    "1 GiB of raw deflate, its first 64 KiB": Bomb(inflate, lambda: deflated(1024)[: 64 * 1024]),
    "7 MiB that may be inflated, and not applied": Bomb(received, padded),
    "JSON 100,000 deep": Bomb(applied, lambda: b"[" * 100_000),
    "JSON 100,000 deep in a push": Bomb(applied, lambda: nested(100_000)),
    "a number of 10 MB": Bomb(applied, lambda: b'{"a":' + b"1" * 10_000_000 + b"}"),
    "a number of 4 MB": Bomb(applied, lambda: b'{"a":' + b"1" * 4_000_000 + b"}"),
    "a bare fraction of 4 MB": Bomb(applied, lambda: level("1." + "1" * 4_000_000)),
    "a quoted number of 4 MB": Bomb(applied, lambda: level('"1.' + "1" * 4_000_000 + '"')),
    "a quoted number of 65 bytes": Bomb(applied, lambda: level(f'"{"1" * 65}"')),
    "4 MiB and a byte": Bomb(applied, lambda: b" " * (LIMIT + 1)),
    # As many as two sides may keep, and one more.
    "100,001 levels": Bomb(applied, lambda: levels(100_001), 250, 32),
    "4 MiB of empty arrays": Bomb(applied, lambda: repeated("[]")),
    "4 MiB of small objects": Bomb(applied, lambda: repeated('{"a":0}')),
    "4 MiB of fractions": Bomb(applied, lambda: repeated("1.5")),
    "60,000 symbols": Bomb(applied, lambda: symbols(60_000)),
    "200,000 symbols in no JSON": Bomb(applied, lambda: symbols(200_000)[:-2]),
    "a topic of 4 MB": Bomb(applied, long_topic),
    "a trade's price of 4 MB": Bomb(applied, lambda: trade("1" * 4_000_000)),
    "a trade's price of 4 MB that is none": Bomb(applied, lambda: trade("0" * 4_000_000 + "x")),
    "a side that crosses in 10,000 prices twice": Bomb(applied, twice_named, refused=False),
    # A capture is the user's own file, read as fast as it can be, and a line of it may be longer.
    "1 GiB in a capture of zstd": Bomb(captured, zstd_zeros, 10_000, 96),
    "a line of 64 MiB in a capture of gzip": Bomb(captured, gzip_zeros, 1_000, 96),
}


# --- measuring ---


def refusal(name):
    """What is raised for that bomb, or None."""
    bomb = BOMBS[name]
    payload = bomb.make()
    try:
        bomb.take(payload)
    except (MessageError, CaptureError) as error:
        return error
    return None


def measure_here(name):
    """CPU milliseconds, MiB of growth at the peak, and the length of what was said, or None."""
    bomb = BOMBS[name]
    payload = bomb.make()
    applied(b"pong")  # what is made once, at its first use
    said = None
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    start = time.process_time()
    try:
        bomb.take(payload)
    except (MessageError, CaptureError) as error:
        said = error
    milliseconds = (time.process_time() - start) * 1000
    growth = max(0.0, _memory("VmHWM") - before)
    return milliseconds, growth, None if said is None else len(str(said))


def _memory(key):
    """Of /proc/self/status, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


def measured(name, timeout=120):
    """The same in a process of its own; None where it does not end."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.soak.bombs", "--one", name],
            cwd=ROOT, capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def measure(names=BOMBS):
    """Rows of figures: time, memory and answer for each."""
    for name in names:
        found = measured(name)
        if found is None:
            yield Row(name, "an end", "none in two minutes", False)
            continue
        milliseconds, growth, said = found
        yield at_most(f"{name}: CPU", BOMBS[name].most_ms, milliseconds, " ms")
        yield at_most(f"{name}: memory", BOMBS[name].most_mib, growth, " MiB")
        if BOMBS[name].refused:
            answer = "taken" if said is None else f"a message of {said} characters"
            good = said is not None and said <= 1_000
            yield Row(f"{name}: answer", "a message of <= 1000 characters", answer, good)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--one", choices=tuple(BOMBS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(json.dumps(measure_here(options.one)))
    else:
        main(measure())
