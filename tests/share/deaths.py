"""Publishers that are killed, stopped and closed, again and again: `python -m tests.share.deaths`.

Each of `--times` rounds kills one (-9), stops another (SIGSTOP, then SIGCONT), and closes a third,
`--at-once` at a time. A read that begins a second after the kill or the stop, or at once after the
close, must be refused; after SIGCONT the book must be LIVE again, and nothing may be left in the
folder but what the killed ones leave, which the next of their name takes over.
"""

import argparse
import os
import signal
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import bitmart_book as bb
from bitmart_book.share.places import own_folder
from tests.share.writer import writing

WITHIN = 1.0
PATIENCE = 60.0


class Failed(Exception):
    """A promise that was not kept."""


def is_live(book):
    try:
        return book.best_bid_price is not None
    except bb.BookNotLive:
        return False


def refused_after(book, since, within):
    """Seconds until the first refused read; Failed where one that began too late was answered."""
    while True:
        begun_at = time.monotonic()
        if not is_live(book):
            return time.monotonic() - since
        if begun_at >= since + within:
            raise Failed(f"LIVE {begun_at - since:.3f} s after it")
        time.sleep(0.002)


def waits_until(what, sentence):
    until = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > until:
            raise Failed(sentence)
        time.sleep(0.002)


def attached(name):
    return bb.attach(name, timeout=0)["BTC_USDT"]


def killed(name):
    with writing(name, "--still") as writer:
        book = attached(name)
        writer.kill()
        took = refused_after(book, time.monotonic(), WITHIN)
        writer.wait()
        if "has ended" not in (book.reason or ""):
            raise Failed(f"it says {book.reason}")
    return took


def stopped(name):
    with writing(name, "--still") as writer:
        book = attached(name)
        writer.send_signal(signal.SIGSTOP)
        took = refused_after(book, time.monotonic(), WITHIN)
        if "was not heard" not in (book.reason or ""):
            raise Failed(f"it says {book.reason}")
        writer.send_signal(signal.SIGCONT)
        waits_until(lambda: is_live(book), "not LIVE again after SIGCONT")
    return took


def closed(name):
    with writing(name, "--still") as writer:
        book = attached(name)
        writer.terminate()
        writer.stdout.readline()
        took = refused_after(book, time.monotonic(), 0.0)
        writer.wait()
        if "was closed" not in (book.reason or ""):
            raise Failed(f"it says {book.reason}")
        if os.path.exists(os.path.join(own_folder(), name)):
            raise Failed("it left its file behind")
    return took


KINDS = (killed, stopped, closed)


def measure(times, at_once):
    """{kind: the longest of so many}; raises Failed for a promise that was not kept."""
    longest, lock = {}, threading.Lock()

    def one(number):
        kind = KINDS[number % len(KINDS)]
        took = kind(f"{kind.__name__}-{number % (len(KINDS) * at_once)}")
        with lock:
            longest[kind.__name__] = max(longest.get(kind.__name__, 0.0), took)

    with ThreadPoolExecutor(at_once) as pool:
        # A name is taken again when its last publisher is dead.
        for first in range(0, times * len(KINDS), at_once):
            numbers = range(first, min(first + at_once, times * len(KINDS)))
            list(pool.map(one, numbers))
    return longest


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1_000)
    parser.add_argument("--at-once", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        longest = measure(options.times, options.at_once)
    for kind, took in longest.items():
        print(f"{kind} {options.times:,} times: refused after {took:.3f} s at most")


if __name__ == "__main__":
    main()
