"""What a refused handshake says, and how long nobody knocks after it."""

import random
from itertools import pairwise

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from bitmart_book.client.limits import Bucket, Gate
from bitmart_book.client.times import BANNED_PAUSE, LONGEST_BAN
from bitmart_book.wire.refusal import Refusal, refusal_of
from tests.helpers.by_hand import ByHand

WALL = 1_790_000_000.0


def refused(status, *retry_after):
    headers = Headers([("Retry-After", text) for text in retry_after])
    return refusal_of(InvalidStatus(Response(status, "no", headers)), WALL)


@pytest.mark.parametrize("status", [403, 418, 429])
def test_these_say_that_we_try_too_often(status):
    assert refused(status) == Refusal(True, 0.0)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (["120"], 120.0),
        ([" 7 "], 7.0),
        (["5", "9"], 9.0),
        (["Mon, 21 Sep 2026 14:13:50 GMT"], 30.0),
        (["Mon, 21 Sep 2020 14:13:50 GMT"], 0.0),
        (["9" * 5_000], 999_999_999.0),
        (["-5"], 0.0),
        (["soon"], 0.0),
        (["Mon, 99 Sep 2026 99:13:50 GMT"], 0.0),
        ([""], 0.0),
        # A digit by Unicode, and no number.
        (["5²"], 0.0),
    ],
)
def test_how_long_it_asks_us_to_wait(said, seconds):
    assert refused(503, *said) == Refusal(False, seconds)


def test_what_is_no_answer_says_nothing():
    assert refusal_of(OSError("no route"), WALL) == Refusal(False, 0.0)


@pytest.mark.parametrize(
    ("banned", "retry_after", "least", "most"),
    [
        (False, 0.0, 0.0, 0.5),
        (False, 20.0, 20.0, 20.0),
        (True, 20.0, BANNED_PAUSE, BANNED_PAUSE),
        (True, 300.0, 300.0, 300.0),
        (False, 1e9, LONGEST_BAN, LONGEST_BAN),
    ],
)
def test_a_gate_waits_as_long_as_it_was_asked_to(banned, retry_after, least, most):
    gate, who = Gate(Bucket(18, 8.0)), object()
    gate.attempt(who, 0.0)
    gate.failed(who, 0.0, random.Random(1), banned=banned, retry_after=retry_after)
    assert least <= gate.ready_at(who, 0.0) <= most


def test_a_client_does_not_knock_before_it_may():
    hand = ByHand()
    hand.carry_out = lambda: None
    hand.client.subscribe(["spot/depth5:BTC_USDT"], hand.now)
    tries = []
    for _ in range(4_000):
        hand.step(0.25)
        for action in hand.client.outbox.take_actions():
            tries.append(hand.now)
            hand.client.failed(action.connection, "418", hand.now, banned=True, retry_after=200.0)
    assert len(tries) >= 4
    assert all(later - earlier >= 200.0 for earlier, later in pairwise(tries))
