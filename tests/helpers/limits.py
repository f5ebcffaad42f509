"""The end of a call's time, without waiting for it."""

import asyncio
import time

from tests.helpers.talk import next_event

# Seconds; longer than pytest lets a test run.
PATIENCE = 1_000.0


def pass_time():
    """From now on the loop's own clock shows more than `PATIENCE` more: what waits with a limit has
    waited too long, unless it has just begun. The clock of the books is another one."""
    loop = asyncio.get_running_loop()
    ahead = loop.time() + 2 * PATIENCE - time.monotonic()
    loop.time = lambda: time.monotonic() + ahead


async def out_of_time(feed, *topics, after):
    """What `feed.subscribe` raises at the end of its time, which is when an event of the kind
    `after` has happened."""
    events = feed.events()
    calling = asyncio.create_task(feed.subscribe(*topics))
    happened = asyncio.create_task(next_event(events, after))
    await asyncio.wait({calling, happened}, return_when=asyncio.FIRST_COMPLETED)
    happened.cancel()
    while not calling.done():
        pass_time()
        await asyncio.sleep(0)
    return calling.exception()
