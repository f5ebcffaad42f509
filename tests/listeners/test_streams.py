"""Mailboxes and slots: nothing is lost without a word, and holes keep their place."""

import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitmart_book as bb
from bitmart_book.listeners.streams import Empty, Ended, Mailbox, Slot


def drain(box):
    taken = []
    while True:
        try:
            taken.append(box.take())
        except bb.StreamGap as gap:
            taken.append(gap)
        except Empty:
            return taken


def test_values_and_holes_come_out_in_their_order():
    box = Mailbox(10, lambda: None)
    box.put([1, 2])
    box.hole("reconnected")
    box.hole("reconnected again")
    box.put([3])
    first, second, gap, third = drain(box)
    assert (first, second, third) == (1, 2, 3)
    assert (gap.lost, gap.reason) == (None, "reconnected")


def test_a_hole_may_come_before_any_value():
    box = Mailbox(10, lambda: None)
    box.hole("reconnected")
    box.put([1])
    gap, first = drain(box)
    assert (gap.lost, gap.reason, first) == (None, "reconnected", 1)


@given(st.integers(1, 5), st.lists(st.one_of(st.integers(0, 12), st.none())))
def test_everything_is_delivered_or_counted(maxsize, steps):
    box = Mailbox(maxsize, lambda: None)
    put, taken, lost = 0, [], 0
    for step in [*steps, None]:
        if step is None:
            for item in drain(box):
                if isinstance(item, bb.StreamGap):
                    lost += item.lost
                else:
                    taken.append(item)
        else:
            box.put(range(put, put + step))
            put += step
            assert len(box) <= maxsize + 1
    assert len(taken) + lost == put
    assert taken == sorted(taken)


def test_a_closed_mailbox_gives_what_it_has_and_ends():
    woken = []
    box = Mailbox(5, lambda: woken.append(1))
    box.put([1])
    box.close()
    assert box.take() == 1
    with pytest.raises(Ended):
        box.take()
    assert len(woken) == 2


def test_a_slot_counts():
    slot = Slot(lambda: None)
    with pytest.raises(Empty):
        slot.take()
    slot.poke()
    slot.poke()
    assert slot.take() == 2
    slot.poke()
    slot.close()
    assert slot.take() == 1
    with pytest.raises(Ended):
        slot.take()


@pytest.fixture
def restless():
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_one_thread_puts_and_others_take(restless):
    """Also when the box is full and empty at almost the same time."""
    box, count, taken, lost = Mailbox(1, lambda: None), 20_000, [], []

    def take():
        while True:
            try:
                taken.append(box.take())
            except bb.StreamGap as gap:
                lost.append(gap.lost)
            except Empty:
                continue
            except Ended:
                return

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(count):
        box.put([number, number])
    box.close()
    for thread in threads:
        thread.join()
    assert len(taken) + sum(lost) == 2 * count


def test_a_slot_counts_what_another_thread_pokes(restless):
    slot, count, seen = Slot(lambda: None), 50_000, 0

    def poke():
        for _ in range(count):
            slot.poke()
        slot.close()

    thread = threading.Thread(target=poke)
    thread.start()
    while True:
        try:
            seen += slot.take()
        except Empty:
            continue
        except Ended:
            break
    thread.join()
    assert seen == count
