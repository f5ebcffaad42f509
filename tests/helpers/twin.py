"""A book beside plain dicts: what every test of ladders compares with."""

import numpy as np

import bitmart_book as bb


class Twin:
    """A book and two dicts of price to size, fed with the same rows."""

    def __init__(self, **options):
        self.book = bb.Book("BTC_USDT", **options)
        self.sides = ({}, {})

    def snapshot(self, bids, asks=()):
        for side, rows in zip(self.sides, (bids, asks), strict=True):
            side.clear()
            side.update(rows)
            self._drop_zeros(side)
        self.book.apply_snapshot(bids, asks)
        self.compare()

    def delta(self, bids, asks=()):
        for side, rows in zip(self.sides, (bids, asks), strict=True):
            side.update(rows)
            self._drop_zeros(side)
        return self.book.apply_delta(bids, asks)

    @staticmethod
    def _drop_zeros(side):
        for price in [price for price, size in side.items() if size == 0]:
            del side[price]

    def rows(self, number):
        return sorted(self.sides[number].items(), reverse=number == 0)

    def trim(self, longest):
        """What a book of at most so many levels has kept."""
        for number, side in enumerate(self.sides):
            for price, _ in self.rows(number)[longest:]:
                del side[price]

    def compare(self):
        self.book.check()
        for number, found in enumerate(self.book.depth()):
            expected = np.array(self.rows(number), dtype=float).reshape(-1, 2)
            assert np.array_equal(found, expected)

    def compare_exactly(self):
        """Every read there is, for numbers that no double holds."""
        book = self.book
        book.check()
        found = book.depth(exact=True)
        for number, side in enumerate(("bid", "ask")):
            rows = self.rows(number)
            assert (found.bids, found.asks)[number] == rows
            best = (book.best_bid, book.best_ask)[number]
            assert (None if best is None else best.exact) == (rows[0] if rows else None)
            assert [level.exact for level in (book.bids, book.asks)[number]] == rows
            for price, size in rows[:: max(1, len(rows) // 7)]:
                assert book.size_at(side, price) == float(size)
        assert book.peek().depth(exact=True) == found
