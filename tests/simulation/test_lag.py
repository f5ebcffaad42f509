"""Five minutes of each setting of `tests.simulation.lag`; hours of them are a program by itself."""

import pytest

from tests.simulation.lag import LATE, SETTINGS, Run

LENGTH = 300.0


@pytest.mark.parametrize("name", SETTINGS)
def test_nothing_is_held_for_long_that_is_not_late(name):
    run = Run(SETTINGS[name]).run(LENGTH)
    assert run.is_good, f"LIVE {run.share:.2%}, away {max(run.longest.values()):.1f} s"
    assert run.over_age == []


@pytest.mark.parametrize("name", LATE)
def test_what_is_late_is_never_shown_as_of_now(name):
    run = Run(LATE[name]).run(LENGTH)
    assert run.over_age == []
    assert max(run.longest.values()) > 5.0, "it was late for longer than can be forgiven"


def test_a_late_connection_cannot_prove_itself_healthy():
    """The floor is the host's, and a connection that opens late starts with it."""
    run = Run(LATE["late"])
    run.run(100.0)
    for name in list(run.links):
        run.links.pop(name)
        run.client.lost(name, "reset", run.now)
    run.carry_out()
    run.run(190.0)
    assert run.over_age == []
    assert max(run.longest.values()) > 60.0


def test_what_was_forgiven_stays_in_lag_and_age():
    run = Run(SETTINGS["one topic"]).run(200.0)
    (topic,) = run.setting.topics
    quote = run.client.wanted[topic].book.quote
    assert quote.lag == pytest.approx(4.0, abs=0.1)
    assert quote.age >= 3.9
    (host,) = run.client.report()["hosts"].values()
    assert host == {"forgiven": pytest.approx(4.0, abs=0.1), "held": []}


def test_beyond_what_can_be_forgiven_books_are_held_until_the_user_says_so():
    run = Run(SETTINGS["one topic"])
    run.setting = type(run.setting)(steps={60.0: -20.0}, topics=run.setting.topics)
    run.run(200.0)
    (topic,) = run.setting.topics
    book = run.client.wanted[topic].book
    assert book.state == "STALE"
    host = "ws-manager-compress.bitmart.com"
    assert f"s later than {host} can be; if its clock was set: " in book.reason
    assert run.client.report()["hosts"][host]["held"] == ["spot-1"]
    run.client.connections.lateness.forget(host)
    run.run(205.0)
    assert book.state == "LIVE"
    assert book.quote.lag < 0.5


def test_no_lag_is_forgotten_of_a_host_that_is_not_there():
    import bitmart_book as bb

    run = Run(SETTINGS["calm"]).run(10.0)
    with pytest.raises(bb.UsageError, match="no connection to 'nowhere'; there is: openapi"):
        run.client.connections.lateness.forget("nowhere")
