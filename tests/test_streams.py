"""Mailboxes and slots: nothing is lost without a word, and holes keep their place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitmart_book as bb
from bitmart_book.streams import Empty, Ended, Mailbox, Slot


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
