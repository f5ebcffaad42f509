"""The clock of the exchange, and the glimpses of its books: what a judge of a client relies on."""

import pytest

from bitmart_book.sim import Exchange
from bitmart_book.sim.venue.clock import Clock


def test_a_clock_that_is_never_set_stamps_the_time():
    clock = Clock(1_000_000)
    assert (clock.ms(2.5), clock.seconds(2.5), clock.ns(2.5)) == (
        1_002_500,
        1_002,
        1_002_500 * 10**6,
    )


def test_it_can_be_set_and_remembers_how_far_back():
    clock = Clock(0)
    clock.step(3.0)
    clock.step(-1.5)
    assert clock.ms(10.0) == 11_500
    assert clock.set_back == 1.5


def test_it_can_gain_for_a_while():
    clock = Clock(0)
    clock.drift(100e-6, 10.0)
    assert clock.ahead(110.0) == pytest.approx(0.01)
    clock.drift(0.0, 110.0)
    assert clock.ahead(500.0) == pytest.approx(0.01)


def box():
    exchange = Exchange(seed=1, symbols=["BTC_USDT"], glimpses=5)
    exchange.advance(2.0)
    return exchange, exchange.spot.publisher("BTC_USDT")


def test_a_glimpse_ends_when_the_next_version_begins():
    exchange, publisher = box()
    first = publisher.version
    exchange.advance(4.0)
    glimpse, after = publisher.glimpses.of(first), publisher.glimpses.of(first + 1)
    assert 2.0 < glimpse.until < 4.0
    assert glimpse.until < after.until
    states = list(publisher.glimpses.latest_first())
    assert states[0].until == float("inf")
    assert [state.until for state in states] == sorted((s.until for s in states), reverse=True)


def test_a_number_that_comes_again_remembers_what_it_meant():
    exchange, publisher = box()
    version, before = publisher.version, publisher.glimpses.of(publisher.version)
    publisher.repeat_number()
    exchange.advance(4.0)
    again = publisher.glimpses.of(version)
    assert again is not before
    assert again.earlier is before
    assert before.until < again.until
    exchange.markets.restart("BTC_USDT", version)
    assert publisher.glimpses.of(version).earlier is again


def test_a_change_that_no_glimpse_sees_ends_none():
    exchange, publisher = box()
    glimpse = publisher.glimpses.of(publisher.version)
    publisher.glance(2.5)
    assert glimpse.until == float("inf")
    exchange.markets.take("BTC_USDT", "bid", 1)
    assert glimpse.until == 2.0
    publisher.market.bids.put(publisher.market.bids.best, 0)
    latest = next(publisher.glimpses.latest_first())
    publisher.glance(3.0)
    assert latest.until == 3.0
