"""What a feed writes into the log: one line for each event, escaped, cut, and no storms."""

import logging

import pytest

from bitmart_book.log.journal import Journal, escaped
from bitmart_book.model import Event

TOPIC = "spot/depth/increase100:ETH_USDT"


class Lines(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append((record.levelname, record.getMessage()))


@pytest.fixture
def log():
    handler = Lines()
    logger = logging.Logger("test", logging.INFO)
    logger.addHandler(handler)
    return Journal(logger), handler.lines


def test_a_lost_and_won_book_in_four_lines(log):
    journal, lines = log
    reason = "version gap: expected 8813, was 8815, 2 lost"
    for event in (
        Event(kind="live", time=1.0, topic=TOPIC, reason="version 8812, epoch 1", after=0.2),
        Event(kind="gap", time=13.3, topic=TOPIC, reason=reason, after=12.3),
        Event(kind="live", time=13.4, topic=TOPIC, reason="version 8820, epoch 2", after=0.1),
        Event(kind="connecting", time=14.5, topic=TOPIC, reason="no connection", after=1.1),
    ):
        journal.event(event, event.time)
    assert lines == [
        ("INFO", f"{TOPIC}: live after 0.200 s: version 8812, epoch 1"),
        ("WARNING", f"{TOPIC}: gap after 12.300 s live: {reason}"),
        ("INFO", f"{TOPIC}: live after 0.100 s: version 8820, epoch 2"),
        ("WARNING", f"{TOPIC}: connecting after 1.100 s live: no connection"),
    ]


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("gap", "WARNING"),
        ("stale", "WARNING"),
        ("rejected", "WARNING"),
        ("bad frame", "WARNING"),
        ("overflow", "WARNING"),
        ("outage", "ERROR"),
        ("error", "WARNING"),
        ("unanswered", "WARNING"),
        ("authenticated", "INFO"),
        ("live", "INFO"),
        ("syncing", "INFO"),
        ("connected", "INFO"),
        ("subscribed", "INFO"),
        ("reachable", "INFO"),
        ("closed", "INFO"),
    ],
)
def test_levels(log, kind, level):
    journal, lines = log
    journal.event(Event(kind=kind, time=0.0, topic=TOPIC), 0.0)
    assert lines == [(level, f"{TOPIC}: {kind}")]


def test_a_connection_that_never_was_is_not_called_lost(log):
    journal, lines = log
    kinds = ("disconnected", "connected", "disconnected", "disconnected")
    for now, kind in enumerate(kinds):
        reason = f"reason {'abcd'[now]}"
        journal.event(Event(kind=kind, time=now, connection="spot-1", reason=reason), now)
    assert lines == [
        ("WARNING", "spot-1: cannot connect: reason a"),
        ("INFO", "spot-1: connected: reason b"),
        ("WARNING", "spot-1: disconnected: reason c"),
        ("WARNING", "spot-1: cannot connect: reason d"),
    ]


def test_a_book_that_connects_for_the_first_time_has_lost_nothing(log):
    journal, lines = log
    journal.event(Event(kind="connecting", time=0.0, topic=TOPIC), 0.0)
    journal.event(Event(kind="syncing", time=5.0, topic=TOPIC), 5.0)
    journal.event(Event(kind="connecting", time=10.0, topic=TOPIC), 10.0)
    journal.event(Event(kind="closed", time=20.0, topic=TOPIC), 20.0)
    journal.event(Event(kind="connecting", time=30.0, topic=TOPIC), 30.0)
    assert [level for level, _ in lines] == ["INFO", "INFO", "WARNING", "INFO", "INFO"]


def test_a_connection_with_115_books_is_lost_in_two_lines(log):
    journal, lines = log
    for number in range(115):
        topic = f"spot/depth/increase100:SYM{number:04d}_USDT"
        journal.event(Event(kind="stale", time=5.0, topic=topic, reason="silent for 8.1 s"), 5.0)
    journal.tick(5.9)
    assert len(lines) == 1
    journal.tick(6.0)
    last = "spot/depth/increase100:SYM0114_USDT: stale: silent for 8.1 s (and 113 more like it)"
    assert lines[1:] == [("WARNING", last)]


def test_a_storm_of_gaps_differs_only_in_its_versions(log):
    journal, lines = log
    for number in range(50):
        reason = f"version gap: expected {number}, was {number + 2}, 1 lost"
        journal.event(Event(kind="gap", time=0.0, topic=TOPIC, reason=reason), 0.0)
    journal.close()
    assert len(lines) == 2
    assert lines[1][1].endswith("expected 49, was 51, 1 lost (and 48 more like it)")


def test_what_a_server_sent_cannot_forge_lines(log):
    journal, lines = log
    evil = "no\nWARNING all is lost\x1b[2J\x00‮ \ud800"
    journal.event(Event(kind="error", time=0.0, connection="spot-1", code="9", reason=evil), 0.0)
    ((_, text),) = lines
    assert text.isprintable()
    expected = r"no\nWARNING all is lost\x1b[2J\x00\u202e \ud800"
    assert text == f"spot-1: error, code 9: {expected}"


def test_a_line_is_at_most_a_kilobyte(log):
    journal, lines = log
    journal.event(Event(kind="bad frame", time=0.0, connection="c", reason="€" * 5_000), 0.0)
    ((_, text),) = lines
    assert 990 < len(text.encode()) <= 1_000
    assert text.endswith("€…")
    assert escaped("x" * 1_000) == "x" * 1_000


def test_a_level_that_is_not_wanted_costs_nothing_and_counts_nothing(log):
    journal, lines = log
    journal._logger.setLevel(logging.ERROR)
    for _ in range(5):
        journal.warning("lag", "late", 0.0)
    journal.close()
    assert lines == []
    assert journal.swallowed == 0


def test_a_users_handler_that_raises_is_his_own_affair(log):
    journal, lines = log

    def raising(record):
        raise RuntimeError("of the user")

    journal._logger.addFilter(raising)
    journal.warning("lag", "late", 0.0)
    journal.error("worse")
    assert lines == []
