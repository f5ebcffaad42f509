"""A program that publishes a book of which every level of a version has the version as its size.

`python -m tests.share.writer NAME`: says "ready", applies frames as fast as it can, or with
`--still` none, and is closed in order by SIGTERM, of which it says "closed".
"""

import itertools
import signal
import subprocess
import sys
from contextlib import contextmanager

from bitmart_book import Engine
from bitmart_book.share.publishing import Publisher
from tests.helpers.frames import spot

LEVELS = 20


def frame(version):
    """All levels of both sides anew."""
    kind = "snapshot" if version == 1 else "update"
    bids = [(str(1_000 - place), str(version)) for place in range(LEVELS)]
    asks = [(str(1_001 + place), str(version)) for place in range(LEVELS)]
    return spot(kind, version, bids, asks)


@contextmanager
def writing(name, *options):
    """That program, which is killed at the end."""
    command = [sys.executable, "-m", "tests.share.writer", name, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout.readline() == "ready\n"
            yield writer
        finally:
            writer.kill()


class Ended(BaseException):
    """By a signal."""


def end(*_):
    raise Ended


def main(name, still):
    signal.signal(signal.SIGTERM, end)
    engine = Engine(clock="monotonic")
    engine.apply(frame(1))
    publisher = Publisher(engine, name, LEVELS, print)
    try:
        print("ready", flush=True)
        if still:
            signal.signal(signal.SIGALRM, lambda *_: publisher.refresh())
            signal.setitimer(signal.ITIMER_REAL, 0.25, 0.25)
            while True:
                signal.pause()
        for version in itertools.count(2):
            engine.apply(frame(version))
    except Ended:
        publisher.close()
        print("closed", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], "--still" in sys.argv)
