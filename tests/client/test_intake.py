"""The intake: what is applied, who is told and in which order, and what comes before a late
message."""

import zlib

import pytest

from bitmart_book import BookState
from bitmart_book._book import Notice
from bitmart_book.client.intake import Intake
from bitmart_book.client.times import STANDSTILL
from bitmart_book.sim.exchange import Exchange
from tests.helpers.by_hand import ByHand
from tests.helpers.frames import spot
from tests.simulation.world import World

BOOK = "spot/depth/increase100:BTC_USDT"
ORDERS = "spot/user/orders:ALL_SYMBOLS"
TICKER = '{"table":"spot/ticker","data":[{"symbol":"BTC_USDT","last_price":"1","ms_t":1}]}'


def snapshot(version):
    return spot("snapshot", version, [("1", "1")], [("2", "1")])


def update(version):
    return spot("update", version, [("1", str(version))], [])


def deflated(text):
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(text.encode()) + stream.flush()


class Watched(ByHand):
    """Notes the order in which everybody is called."""

    def __init__(self):
        self.order = []
        super().__init__()
        frame, advance, bad_frame = self.client.frame, self.client.advance, self.client.bad_frame

        def noted(name, function):
            def call(*arguments):
                self.order.append(name)
                return function(*arguments)

            return call

        self.client.frame = noted("frame", frame)
        self.client.advance = noted("advance", advance)
        self.client.bad_frame = noted("bad frame", bad_frame)

    def carry_out(self):
        self.order.append("carry out")
        super().carry_out()

    def applied(self):
        self.order.append("applied")
        super().applied()

    def message(self, connection, generation, payload, received_ns, is_private):
        self.order.append((connection, payload, is_private))


@pytest.fixture
def hand():
    hand = Watched()
    hand.client.subscribe([BOOK, "spot/ticker:BTC_USDT"], hand.now)
    hand.step()
    hand.hear(snapshot(1))
    hand.step()
    hand.order.clear()
    return hand


def test_an_update_concerns_the_book_and_its_readers_alone(hand):
    assert hand.hear(update(2)) is False
    assert hand.order == ["applied"]
    assert hand.engine["BTC_USDT"].sequence == 2


@pytest.mark.parametrize("text", [snapshot(2), update(7), TICKER])
def test_what_concerns_the_client_is_carried_out_before_the_listeners_are_told(hand, text):
    assert hand.hear(text) is True
    assert hand.order == ["frame", "carry out", "applied"]


def test_what_changes_nothing_is_told_to_nobody(hand):
    assert hand.hear('{"table":"spot/depth/increase100:ETH_USDT","data":null}') is False
    assert hand.order == []


def test_a_bad_frame_goes_to_the_client(hand):
    assert hand.hear("{rubbish") is True
    assert hand.order == ["bad frame", "carry out"]
    assert hand.engine["BTC_USDT"].state == BookState.GAP


def test_compressed_messages_are_inflated_and_damaged_ones_are_bad_frames(hand):
    hand.hear(deflated(update(2)), compressed=True)
    assert hand.engine["BTC_USDT"].sequence == 2
    assert hand.hear(deflated(update(3))[:-2], compressed=True) is True
    assert hand.order == ["applied", "bad frame", "carry out"]
    assert any("a compressed frame" in (event.reason or "") for event in hand.events)


def test_the_client_is_shown_what_the_engine_decoded(hand, monkeypatch):
    seen = []
    monkeypatch.setattr(
        hand.client._pushes, "receive", lambda connection, message, now: seen.append(message)
    )
    hand.hear(TICKER.replace('"last_price":"1"', '"last_price":1.50'))
    hand.hear("pong")
    assert seen == [
        {"table": "spot/ticker", "data": [{"symbol": "BTC_USDT", "last_price": "1.50", "ms_t": 1}]},
        "pong",
    ]
    assert hand.engine.message == "pong"


def test_a_witness_sees_each_message_inflated_before_anybody(hand):
    hand.intake.witness = hand
    hand.hear(deflated(update(2)), compressed=True)
    hand.hear("{rubbish")
    assert hand.order == [
        (hand.name, update(2).encode(), False),
        "applied",
        (hand.name, b"{rubbish", False),
        "bad frame",
        "carry out",
    ]


@pytest.mark.private
def test_a_witness_is_told_what_is_private():
    hand = Watched()
    hand.client.subscribe([ORDERS], hand.now)
    hand.step()
    hand.intake.witness = hand
    hand.order.clear()
    hand.hear('{"event":"login"}')
    assert hand.order[0] == (hand.name, b'{"event":"login"}', True)


# --- after a pause ---


def paused(hand, seconds):
    """This process did not run for so long after it should have called the client."""
    hand.now = hand.intake.advance(hand.now) + seconds
    hand.order.clear()


def test_after_a_pause_the_client_learns_the_time_before_a_message_is_applied(hand):
    paused(hand, STANDSTILL + 0.1)
    assert hand.hear(update(2)) is True
    assert hand.order == ["advance", "carry out", "applied"]
    book = hand.engine["BTC_USDT"]
    assert (book.sequence, book.state) == (2, BookState.STALE)
    assert book.reason.startswith("nothing ran here for")


def test_what_lapsed_during_a_pause_did_so_at_its_deadline(hand):
    """And not when the client, which is called first then, holds its connection."""
    book = hand.engine["BTC_USDT"]
    notice = Notice([], book)
    notice.want(book, 0)
    deadline = book.valid_until
    paused(hand, 20.0)
    assert hand.hear(update(2)) is True
    assert book.state != BookState.LIVE
    assert notice.lost_at == deadline


def test_a_client_that_was_called_in_time_is_not_called_again(hand):
    paused(hand, STANDSTILL - 0.1)
    assert hand.hear(update(2)) is False
    assert hand.order == ["applied"]


@pytest.mark.parametrize("text", [update(2), TICKER])
def test_after_a_long_pause_nothing_is_applied_of_a_connection_that_is_given_up(hand, text):
    generation = hand.generation
    paused(hand, 600.0)
    assert hand.client.connections.generation(hand.name) == generation
    hand.pushes.clear()
    assert hand.hear(text) is True
    assert hand.order[0] == "advance"
    assert "applied" not in hand.order
    assert hand.pushes == []
    book = hand.engine["BTC_USDT"]
    assert (book.state, book.sequence) == (BookState.SYNCING, None)
    assert hand.client.connections.generation(hand.name) == hand.generation == generation + 1


def test_a_client_that_fails_is_not_called_with_every_message(hand):
    calls = []

    def failing(now):
        calls.append(now)
        raise ZeroDivisionError("a bug")

    paused(hand, STANDSTILL + 0.1)
    hand.client.advance = failing
    with pytest.raises(ZeroDivisionError):
        hand.hear(update(2))
    hand.hear(update(2))
    assert len(calls) == 1
    assert hand.engine["BTC_USDT"].sequence == 2


def test_the_simulated_hours_run_over_the_rule(monkeypatch):
    """Blocked for four seconds, and then the sockets come before the timers."""
    late = []
    advance = Intake.advance

    def noted(intake, now):
        late.append(now * 1e9 > intake.door.overdue_ns)
        return advance(intake, now)

    monkeypatch.setattr(Intake, "advance", noted)
    w = World(3, Exchange(seed=3), spec="block@8 block@16 block@24 block@32 block@40")
    w.subscribe("BTC_USDT")
    w.run(60)
    assert any(late)
    assert w.wrong == []
    assert w.over_age == []
