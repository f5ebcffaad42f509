"""Sizes of other venues' contracts in their base currency: the simulated venue brings its list."""

from decimal import Decimal

import pytest

import bitmart_book as bb
from bitmart_book import sync
from bitmart_book.sim.exchange import Exchange


@pytest.mark.parametrize(
    ("venue", "symbol", "size", "price", "base"),
    [
        ("okx", "BTC-USDT-SWAP", 250, None, "2.5"),
        ("okx", "BTC-USD-SWAP", 30, 60_000, "0.05"),
        ("okx", "BTC-USDT", "0.25", None, "0.25"),
        ("bybit", "BTCUSD", 3_000, 60_000, "0.05"),
        ("bybit", "BTCUSDT", "0.25", None, "0.25"),
        ("kraken", "BTC/USD", "0.25", None, "0.25"),
    ],
)
def test_a_size_is_known_in_the_base_currency(venue, symbol, size, price, base):
    with sync.Feed(venue=venue, source="sim") as feed:
        book = feed.subscribe(symbol)
        assert book.base_size(size, price) == Decimal(base)
        assert (book.instrument.symbol, book.instrument.market) == (symbol, book.market)
        assert all(one.market.startswith(venue) for one in feed.instruments.values())


def test_a_contract_of_one_venue_is_not_that_of_another():
    """A contract of BitMart's BTCUSD is a hundred dollars, one of Bybit's a single one."""
    with sync.Feed(venue=("bitmart", "bybit"), source="sim") as feed:
        here, there = feed.subscribe("bitmart:BTCUSD", "bybit:BTCUSD")
        assert here.base_size(6, 60_000) == Decimal("0.01")
        assert there.base_size(600, 60_000) == Decimal("0.01")


def test_an_instrument_of_another_market_says_nothing():
    listed = {"BTCUSD": Exchange(seed=1).instruments()["BTCUSD"]}
    with sync.Feed(venue="bybit", source="sim", instruments=listed) as feed:
        book = feed.subscribe("BTCUSD")
        with pytest.raises(bb.UsageError, match="contract size of BTCUSD is not known"):
            book.base_size(600, 60_000)


def test_what_the_exchange_lists_is_what_its_books_are_written_in():
    exchange = Exchange(seed=1, venue=("kraken", "okx", "bybit"))
    found = exchange.instruments()
    assert found["XRP/USD"].tick == Decimal("0.00001")
    assert (found["BTC-USDT-261225"].base, found["BTC-USDT-261225"].inverse) == ("BTC", False)
    inverse = found["bybit-inverse:BTCUSD"]
    assert (inverse.market, inverse.base, inverse.contract_size) == ("bybit-inverse", "BTC", 1)
    only = exchange.instruments({"bybit-inverse"})
    assert set(only) == {"BTCUSD", "ETHUSD", "XRPUSD"}
    assert found["1000PEPEUSDT"].base == "1000PEPE"
    assert isinstance(found["BTCUSDT"], bb.Instrument)
