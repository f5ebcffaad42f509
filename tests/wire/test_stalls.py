"""Why a loop did not run: whose function took most of the time, or that none did."""

import functools
import json

import pytest

from bitmart_book._book import Latency
from bitmart_book.client.times import PAUSE_SECONDS
from bitmart_book.listeners.hub import Callback
from bitmart_book.wire.stalls import ELSEWHERE, OTHERS, Stalls

SECOND = 1_000_000_000


class World:
    def __init__(self):
        self.now = 0
        self.latency = Latency(lambda: self.now)
        self.stalls = Stalls(self.latency)

    def call(self, what, seconds):
        """A callback of the user's that takes so long."""

        @functools.wraps(self.call)
        def work():
            self.now += int(seconds * SECOND)

        Callback(what, work, lambda callback, error: None, self.latency)()


@pytest.fixture
def world():
    return World()


NAME = "tests.wire.test_stalls.World.call"


def test_a_pause_names_who_took_most_of_it(world):
    world.call("on_quote of A", 0.1)
    world.call("on_change of B", 0.9)
    assert world.stalls.beat(1.1) == f"{NAME} (on_change of B) took 0.900 s, in one call"
    assert world.stalls.report() == {
        "pauses": 1,
        "longest_pause": 1.1,
        "stalls": {f"{NAME} (on_change of B)": {"pauses": 1, "seconds": 1.1, "longest": 1.1}},
    }


def test_nobody_is_named_who_took_less_than_half_of_it(world):
    world.call("on_quote of A", 0.4)
    assert world.stalls.beat(1.0) == "something in it blocks, or the machine is busy"
    assert world.stalls.beat(2.0) == "something in it blocks, or the machine is busy"
    assert world.stalls.report()["stalls"] == {
        ELSEWHERE: {"pauses": 2, "seconds": 3.0, "longest": 2.0}
    }


def test_what_ran_before_a_pause_did_not_cause_it(world):
    world.call("on_quote of A", 0.09)
    assert world.stalls.beat(0.09) is None
    assert world.stalls.beat(0.15) == "something in it blocks, or the machine is busy"


def test_a_moment_is_no_pause(world):
    world.call("on_quote of A", 5.0)
    assert world.stalls.beat(PAUSE_SECONDS) is None
    assert world.stalls.report() == {"pauses": 0, "longest_pause": 0.0, "stalls": {}}


def test_the_longest_is_kept_and_names_do_not_grow_for_ever(world):
    for number in range(1_100):
        world.call(f"on_quote of {number}", 0.3 if number != 7 else 3.0)
        world.stalls.beat(0.4 if number != 7 else 4.0)
    report = world.stalls.report()
    assert (report["pauses"], report["longest_pause"]) == (1_100, 4.0)
    assert len(report["stalls"]) == 1_001
    assert report["stalls"][OTHERS]["pauses"] == 100
    assert json.loads(json.dumps(report)) == report
