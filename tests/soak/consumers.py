"""A consumer a hundred times too slow, one that blocks the loop, and readers in four threads.

`python -m tests.soak.consumers` measures against a server in another process that does not wait
for anybody (`tests.helpers.blast`), so that what is late is late because of this process.
"""

import argparse
import asyncio
import logging
import threading
import time

import bitmart_book as bb
from tests.helpers.blast import running, truth
from tests.soak.rows import at_least, at_most, collect, exactly, main, noted, rss_mib


def is_true(quote):
    """Whether a LIVE quote is what the server's book was at its version."""
    bid, ask, size = truth(quote.sequence)
    return (quote.bid, quote.ask, quote.bid_size, quote.ask_size) == (bid, ask, size, size)


# --- too slow ---


async def slow_consumer(updates, rate=2_000, slowness=100):
    """Each consumer takes one quote where `slowness` have arrived; streams are not read at all."""
    with running(rate) as server:
        async with bb.Feed(urls=server.urls) as feed:
            book = await feed.subscribe("BTC_USDT")
            trades = feed.trades("BTC_USDT")
            events = feed.events()
            frames, wrong, skipped, taken = 0, 0, 0, 0
            turn = asyncio.Event()

            def applied(book, change):
                nonlocal frames, wrong
                if not change & bb.Change.LEVELS:
                    return  # a trade
                frames += 1
                wrong += not is_true(book.quote)
                if frames % slowness == 0:
                    turn.set()

            book.on_change(applied)
            # Everything that fills once is full before the measurement begins.
            while len(trades.mailbox) < trades.mailbox.maxsize:
                await turn.wait()
                turn.clear()
            collect()
            before, first = rss_mib(), frames
            async for quote in book.quotes():
                taken += 1
                skipped += quote.skipped
                wrong += not is_true(quote)
                if frames - first >= updates:
                    break
                turn.clear()
                await turn.wait()
            collect()
            growth = rss_mib() - before
            exact = book.depth(exact=True)
            bid, ask, size = truth(book.sequence)
            wrong += [tuple(row) for row in exact.bids] != [(bid, size)]
            wrong += [tuple(row) for row in exact.asks] != [(ask, size)]
            held = len(trades.mailbox) + len(events.mailbox)
    return [
        at_least("slow consumer: updates", updates, frames - first),
        at_least("slow consumer: updates for each quote taken", 50, (frames - first) / taken),
        at_most("slow consumer: growth of memory", 8, growth, " MiB"),
        exactly("slow consumer: wrong quotes and levels", 0, wrong),
        at_least("slow consumer: quotes said to be skipped", (frames - first) // 2, skipped),
        at_most("slow consumer: values held in unread streams", 10_100, held),
    ]


# --- blocking ---


async def blocked_loop(seconds, block, rate=1_000, padding=20):
    """More arrives than is ever read: how old is what is called LIVE?

    The age of a quote is the time since the server stamped its frame; one clock, one machine.
    """
    with running(rate, padding) as server:
        async with bb.Feed(urls=server.urls) as feed:
            book = await feed.subscribe("BTC_USDT")
            oldest, live, other = 0.0, 0, 0
            start = time.monotonic()
            async for quote in book.quotes():
                if quote.state == "LIVE":
                    live += 1
                    oldest = max(oldest, time.time() - quote.exchange_time_ms / 1000)
                else:
                    other += 1
                if time.monotonic() > start + seconds:
                    break
                # The loop stands still while so much more comes in.
                server.passes(int(rate * block))
            pauses = feed.report()["loop"]["pauses"]
    return [
        noted(f"loop blocked {block} s each turn: LIVE quotes", live),
        noted(f"loop blocked {block} s each turn: others", other),
        at_least(f"loop blocked {block} s each turn: pauses said", 1, pauses),
        # Three seconds of backlog, one read that was full, and the block before it is noticed.
        at_most(f"loop blocked {block} s each turn: oldest LIVE", 3 + 2 * block, oldest, " s"),
    ]


# --- readers ---


def four_readers(reads, rate=2_000, number=4):
    """Threads that read a book as fast as they can while its feed writes."""
    with running(rate) as server, bb.connect("BTC_USDT", urls=server.urls) as feed:
        book = feed["BTC_USDT"]
        first = book.sequence
        torn, done, sequences, failures = (
            [0] * number,
            [0] * number,
            [set() for _ in range(number)],
            [],
        )

        def read(me):
            mine = reads // number
            try:
                # Until it has seen the book change, however fast reads are.
                for turn in range(mine * 100):
                    if turn >= mine and len(sequences[me]) > 1:
                        break
                    try:
                        quote = book.quote
                    except bb.BookNotLive:
                        continue
                    if quote.ask - quote.bid != 1 or quote.bid_size != quote.ask_size:
                        torn[me] += 1
                    if turn % 64 == 0:
                        torn[me] += not is_true(quote)
                        depth = book.depth(1)
                        torn[me] += depth.asks[0][0] - depth.bids[0][0] != 1
                        sequences[me].add(quote.sequence)
                    done[me] += 1
            except BaseException as error:
                failures.append(error)

        start = time.monotonic()
        threads = [threading.Thread(target=read, args=(me,)) for me in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - start
        written = book.sequence - first
        gaps = book.stats["gaps"]
    return [
        at_least("readers: reads", reads * 0.9, sum(done)),
        exactly("readers: torn or wrong pairs", 0, sum(torn)),
        exactly("readers: failures", [], failures),
        at_least("readers: updates written meanwhile", took * rate / 10, written),
        at_least("readers: different versions seen by each", 2, min(map(len, sequences))),
        exactly("readers: gaps", 0, gaps),
        noted("readers: seconds", took),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=100_000)
    parser.add_argument("--reads", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=40)
    options = parser.parse_args()
    logging.getLogger("bitmart_book").setLevel(logging.CRITICAL)
    rows = asyncio.run(slow_consumer(options.updates))
    rows += asyncio.run(blocked_loop(options.seconds, 1.0))
    rows += four_readers(options.reads)
    main(rows)
