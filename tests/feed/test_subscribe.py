"""When `subscribe` is over, and whom its exception names."""

import asyncio
import json

import pytest

import bitmart_book as bb
from tests.helpers.feeds import run
from tests.helpers.limits import PATIENCE, pass_time
from tests.helpers.talk import next_event, talking

TICKERS = [f"spot/ticker:{name}_USDT" for name in ("NOPE", "LATE", "NIX")]


def refusal(topic):
    return json.dumps(
        {"event": f"subscribe:{topic}", "errorCode": "92001", "errorMessage": "invalid symbol"}
    )


async def topics_of(connection):
    """The topics of the next subscription that arrives."""
    async for text in connection:
        if text == "ping":
            await connection.send("pong")
        else:
            return json.loads(text)["args"]
    return []


def test_what_did_not_come_in_time_is_named_beside_what_was_refused():
    async def talk(connection):
        topics = await topics_of(connection)
        await connection.send(refusal(topics[0]))
        await connection.send(refusal(topics[2]))
        await connection.wait_closed()

    async def work():
        async with talking(talk) as urls, bb.Feed(urls=urls, timeout=PATIENCE) as feed:
            events = feed.events()
            subscribing = asyncio.create_task(feed.subscribe(*TICKERS))
            for _ in range(2):
                await next_event(events, "rejected")
            while not subscribing.done():
                pass_time()
                await asyncio.sleep(0)
            with pytest.raises(bb.SubscriptionRejected, match="no answer to spot/ticker:LATE") as e:
                await subscribing
            assert e.value.topics == (TICKERS[0], TICKERS[2], TICKERS[1])

    run(work())


def test_an_answer_of_the_last_moment_counts():
    """The answer and the end of the time come in one turn of the loop, which stood still."""

    async def talk(connection):
        topics = await topics_of(connection)
        await connection.send(refusal(topics[0]))
        pass_time()
        await connection.wait_closed()

    async def work():
        async with talking(talk) as urls, bb.Feed(urls=urls, timeout=PATIENCE) as feed:
            with pytest.raises(bb.SubscriptionRejected, match="invalid symbol") as caught:
                await feed.subscribe(TICKERS[0])
            assert caught.value.code == "92001"

    run(work())
