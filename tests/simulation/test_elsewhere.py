"""The world of other venues, for a short while: nothing wrong is LIVE, and silence is survived."""

import pytest

from bitmart_book import BookState
from bitmart_book.sim.exchange import Exchange
from tests.simulation.elsewhere import BOOKS, simulate, world_of


@pytest.mark.parametrize("name", BOOKS)
def test_nothing_wrong_is_live_whatever_happens(name):
    result = simulate(name, 2, 0.1)
    assert result.wrong == result.over_age == result.not_back == []
    assert not result.breaches
    assert result.faults > 10
    assert result.live_share > 0.8


@pytest.mark.parametrize("name", BOOKS)
def test_books_that_say_nothing_for_minutes_stay_live(name):
    result = simulate(name, 1, 0.25, faults="", quiet=4)
    assert result.wrong == result.over_age == []
    assert result.live_share > 0.99


@pytest.mark.parametrize("name", BOOKS)
def test_the_last_change_before_minutes_of_silence_is_lost(name):
    result = simulate(name, 1, 0.2, faults="last%6")
    assert result.by_name["last"] > 2
    assert result.wrong == result.over_age == []


def test_it_sees_what_is_wrong():
    """Another market's states are not those of this book."""
    exchange = Exchange(seed=1, venue="kraken", glimpses=20)
    world = world_of("kraken")(1, exchange)
    world.subscribe("BTC/USD")
    world.run(5.0)
    book = world.engine["BTC/USD"]
    assert book.state == BookState.LIVE
    assert world.judge.wrong == []
    world.judge._views[book].glimpses = exchange.publisher("kraken:ETH/USD").glimpses
    world.judge._views[book].shown = None
    world.run(6.0)
    assert world.judge.wrong
