"""One line a second for each cause, and everything else is counted."""

import logging

from hypothesis import given
from hypothesis import strategies as st

from bitmart_book.log.throttle import Entry, Throttle


def line(text="gap"):
    return Entry(logging.WARNING, text)


def test_the_first_passes_and_the_rest_are_counted():
    throttle = Throttle()
    assert throttle.say("gap", line("gap of A"), 10.0) == line("gap of A")
    for number in range(114):
        assert throttle.say("gap", line(f"gap of {number}"), 10.5) is None
    assert throttle.due(10.9) == []
    assert throttle.due(11.0) == [line("gap of 113 (and 113 more like it)")]
    assert throttle.swallowed == 114


def test_a_late_one_takes_the_count_along():
    throttle = Throttle()
    throttle.say("gap", line("first"), 0.0)
    throttle.say("gap", line("second"), 0.1)
    assert throttle.say("gap", line("third"), 1.0) == line("third (and 1 more like it)")
    assert throttle.say("gap", line("fourth"), 1.5) is None, "a line a second, not a burst"
    assert throttle.due(2.0) == [line("fourth")], "alone it needs no count"


def test_causes_do_not_hold_each_other_back():
    throttle = Throttle()
    assert throttle.say("gap", line(), 0.0) is not None
    assert throttle.say("stale", line(), 0.0) is not None


def test_a_quiet_cause_is_forgotten():
    throttle = Throttle()
    throttle.say("gap", line(), 0.0)
    assert len(throttle) == 1
    assert throttle.due(1.0) == []
    assert len(throttle) == 0


def test_causes_without_end_do_not_fill_the_memory():
    throttle = Throttle(max_causes=10)
    passed = [throttle.say(f"cause {number}", line(str(number)), 0.0) for number in range(1_000)]
    assert sum(one is not None for one in passed) == 11
    assert len(throttle) == 11
    assert throttle.due(1.0) == [line("999 (and 988 more like it)")]


def test_at_the_end_nothing_is_kept_back():
    throttle = Throttle()
    throttle.say("gap", line("first"), 0.0)
    throttle.say("gap", line("second"), 0.1)
    throttle.say("gap", line("third"), 0.1)
    assert throttle.rest() == [line("third (and 1 more like it)")]
    assert throttle.rest() == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), max_size=60))
def test_every_line_is_written_or_counted_and_none_is_early(steps):
    throttle = Throttle(max_causes=2)
    now, written = 0.0, []
    for cause, tenths in steps:
        now += tenths / 10
        written += [(now, line) for line in throttle.due(now)]
        said = throttle.say(cause, line(cause), now)
        written += [(now, said)] if said else []
    written += [(now, line) for line in throttle.rest()]
    counted = sum(
        int(said.text.split("(and ")[1].split()[0]) if "more like it" in said.text else 0
        for _, said in written
    )
    assert len(written) + counted == len(steps)
