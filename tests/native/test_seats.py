"""Books are found by the text of their symbols, whichever there are at the moment."""

import random

import bitmart_book as bb
from tests.helpers.frames import spot


def scanned(engine, symbol, version):
    """Whether a frame of that symbol found its book without the general decoder."""
    before = engine.stats["scanned"]
    engine.apply(spot("update", version, [("1", str(version))], [], symbol))
    return engine.stats["scanned"] == before + 1


def test_books_that_come_and_go_in_any_order_are_found_and_no_others():
    rng = random.Random(4)
    engine = bb.Engine(only_known=True)
    there = {}
    for _ in range(1_500):
        symbol = f"A{rng.randrange(300)}_USDT"
        if symbol not in there:
            book = engine.book(symbol)
            engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")], symbol))
            there[symbol] = book
        elif rng.random() < 0.4:
            engine.close_book(there.pop(symbol))
            assert not scanned(engine, symbol, 2)
        else:
            book = there[symbol]
            assert scanned(engine, symbol, book.sequence + 1)
            assert book.best_bid.size == book.sequence
    assert len(there) > 50
    for symbol, book in there.items():
        assert scanned(engine, symbol, book.sequence + 1)
    for symbol in list(there):
        engine.close_book(there.pop(symbol))
    assert len(engine) == 0


def test_a_symbol_that_was_closed_is_another_book_when_it_comes_again():
    engine = bb.Engine(only_known=True)
    first = engine.book("BTC_USDT")
    engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")]))
    assert scanned(engine, "BTC_USDT", 2)
    engine.close_book(first)
    second = engine.book("BTC_USDT")
    engine.apply(spot("snapshot", 7, [("1", "1")], [("2", "1")]))
    assert scanned(engine, "BTC_USDT", 8)
    assert (first.state, first.sequence, second.sequence) == ("CLOSED", 2, 8)
