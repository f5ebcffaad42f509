"""The world of other venues, for a short while: nothing wrong is LIVE, and silence is survived."""

import pytest

from bitmart_book import BookState
from bitmart_book.client.silence import Silence
from bitmart_book.sim.exchange import Exchange
from tests.simulation.bounds import CALM
from tests.simulation.elsewhere import BOOKS, simulate, world_of
from tests.simulation.venue_judge import VenueJudge


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


# --- what the judge sees ---


def judged(name, topic):
    """A world in which a book is LIVE and was found to be right, its judge and its view."""
    exchange = Exchange(seed=1, venue=name, glimpses=20)
    world = world_of(name)(1, exchange)
    world.subscribe(topic)
    world.run(5.0)
    book = world.engine[topic]
    assert book.state == BookState.LIVE
    assert world.judge.wrong == []
    return world, book, world.judge._views[book]


def test_it_sees_what_is_wrong():
    """Another market's states are not those of this book."""
    world, _, view = judged("kraken", "kraken/book10:BTC/USD")
    view.glimpses = world.exchange.markets.publisher("kraken:ETH/USD").glimpses
    view.shown = None
    world.run(6.0)
    assert world.judge.wrong


def test_a_number_says_what_has_to_be_shown(monkeypatch):
    """It was so once, and is not what it says it is."""
    world, _, view = judged("okx", "okx/books:BTC-USDT")
    assert world.judge.numbered["okx/books"] > 10
    told = world.exchange.markets.told_version
    monkeypatch.setattr(world.exchange.markets, "told_version", lambda *of: told(*of) - 1)
    view.shown = None
    world.run(6.0)
    assert "is not what" in world.judge.wrong[0][3]


def test_all_levels_are_compared_and_what_is_told_is_known():
    world, book, view = judged("okx", "okx/books:BTC-USDT")
    world.exchange.markets.pause("okx:BTC-USDT")
    world.run(7.0)
    before = world.judge.fully_checked
    world.judge.look(book, full=True)
    assert world.judge.fully_checked == before + 1
    topic = view.feed.known_topic("BTC-USDT", "books")
    topic.bids[-1] = (topic.bids[-1][0], topic.bids[-1][1] + 1)
    world.judge.look(book, full=True)
    assert "bid levels of all" in world.judge.wrong[0][3]


def test_a_loss_excuses_an_old_price_only_until_something_is_heard():
    world, book, view = judged("kraken", "kraken/book10:BTC/USD")
    judge, acts = world.judge, world.network.log.acts
    assert judge._limit_of(view, book) == CALM
    world.exchange.markets.pause("kraken:BTC/USD")
    world.run(7.0)
    acts.add("drift", "", 7.0, 500.0)
    assert judge._limit_of(view, book) == CALM, "nothing is lost by it"
    acts.add("gap", view.place, 7.0, 7.0)
    assert judge._limit_of(view, book) == view.holds
    world.run(40.0)
    assert judge._limit_of(view, book) == view.holds, "silence"
    world.exchange.markets.resume("kraken:BTC/USD")
    world.run(45.0)
    assert judge._limit_of(view, book) == CALM
    acts.add("mute", view.place, 45.0, 60.0)
    assert judge._limit_of(view, book) == view.holds, "while it lasts, whatever is heard"


def test_it_sees_a_client_that_believes_a_silence(monkeypatch):
    """It confirms without end, and renews nothing."""

    def keep(silence, subscription, heard, now):
        silence._engine.confirm(subscription.book, int((now + 9.0) * 1e9))

    monkeypatch.setattr(Silence, "keep", keep)
    monkeypatch.setattr(Silence, "renew", lambda *_: None)
    result = simulate("kraken", 1, 0.2, faults="last%6")
    assert result.over_age
    assert result.over_age[0][3] > 60.6


def test_an_unproven_level_that_is_called_complete_is_wrong(monkeypatch):
    result = simulate("kraken", 3, 0.06, books=["kraken/book100:BTC/USD"], faults="gap%12")
    assert result.counters["unproven_wrong"] > 0
    assert result.wrong == []
    monkeypatch.setattr(VenueJudge, "_says_more", staticmethod(lambda _: True))
    result = simulate("kraken", 3, 0.06, books=["kraken/book100:BTC/USD"], faults="gap%12")
    assert "complete or proven" in result.wrong[0][3]
