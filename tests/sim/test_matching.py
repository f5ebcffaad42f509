"""Own orders in a market: where they stand, when they fill, and that the market never notices."""

import math
import random

import pytest

from bitmart_book.sim.market.market import Batch, Ladder, Listing, Print, SeededMarket, listings
from bitmart_book.sim.market.matching import MatchedMarket, Resting

LISTING = Listing("BTC_USDT", 100, 0, 0, 1, 10, 5.0, 0)


class Script:
    """A market that does what is written: at each time, trades and new sizes of levels."""

    def __init__(self, bids, asks, *steps):
        self.listing = LISTING
        self.bids, self.asks = Ladder(1), Ladder(-1)
        for ladder, levels in ((self.bids, bids), (self.asks, asks)):
            for price, size in levels.items():
                ladder.put(price, size)
        self.steps = list(steps)

    @property
    def next_time(self):
        return self.steps[0][0] if self.steps else math.inf

    def advance(self, to_time):
        batch = Batch({}, {}, [])
        while self.next_time <= to_time:
            time, prints, bids, asks = self.steps.pop(0)
            batch.prints.extend(Print(time, *print_) for print_ in prints)
            for ladder, changed, told in (
                (self.bids, bids, batch.bids),
                (self.asks, asks, batch.asks),
            ):
                for price, size in changed.items():
                    ladder.put(price, size)
                    told[price] = size
        return batch


def market(*steps, bids=None, asks=None):
    return MatchedMarket(Script(bids or {100: 10, 99: 20}, asks or {102: 10, 103: 20}, *steps), 0)


def placed(matched, side, price, size, id_=1, *, rests=True):
    order = Resting(id_, side, price, size)
    matched.place(order, 0.0, rests=rests)
    return order


def told(fills):
    return [(fill.order, fill.price, fill.size, fill.maker) for fill in fills]


def deals(batch):
    return [(print_.price, print_.size, print_.taker) for print_ in batch.prints]


def test_an_order_stands_in_the_book_with_its_size_after_the_next_advance():
    matched = market()
    placed(matched, "bid", 100, 5)
    placed(matched, "ask", 104, 7, 2)
    assert matched.next_time == -math.inf
    assert matched.bids.sizes[100] == 10
    assert matched.advance(0.0) == Batch({100: 15}, {104: 7}, [])
    assert (matched.bids.sizes[100], matched.asks.sizes[104]) == (15, 7)
    assert matched.next_time == math.inf
    assert matched.fills() == []


def test_a_cancelled_order_leaves_what_others_have_there():
    matched = market()
    order = placed(matched, "bid", 100, 5)
    alone = placed(matched, "bid", 101, 3, 2)
    matched.advance(0.0)
    matched.cancel(order)
    matched.cancel(alone)
    assert matched.advance(0.0) == Batch({100: 10, 101: 0}, {}, [])


def test_who_was_there_before_is_filled_before():
    matched = market(
        (1.0, [(100, 4, "sell")], {100: 6}, {}),
        (2.0, [(100, 8, "sell")], {100: 0}, {}),
    )
    order = placed(matched, "bid", 100, 5)
    batch = matched.advance(1.0)
    assert (deals(batch), batch.bids, matched.fills()) == ([(100, 4, "sell")], {100: 11}, [])
    # Six of others are still ahead; the last two of these eight reach the own order.
    batch = matched.advance(2.0)
    assert deals(batch) == [(100, 6, "sell"), (100, 2, "sell")]
    assert told(matched.fills()) == [(1, 100, 2, True)]
    assert batch.bids == {100: 3}
    assert order.remaining == 3


def test_who_came_later_waits_behind():
    matched = market(
        (1.0, [], {100: 50}, {}),
        (2.0, [(100, 12, "sell")], {100: 43}, {}),
    )
    placed(matched, "bid", 100, 5)
    assert matched.advance(1.0).bids == {100: 55}
    # Ten were ahead of it, forty came after: the eleventh and twelfth lot are its own.
    matched.advance(2.0)
    assert told(matched.fills()) == [(1, 100, 2, True)]


def test_who_goes_away_is_not_ahead_any_more():
    matched = market(
        (1.0, [], {100: 1}, {}),
        (2.0, [(100, 3, "sell")], {100: 0}, {}),
    )
    placed(matched, "bid", 100, 5)
    matched.advance(2.0)
    assert told(matched.fills()) == [(1, 100, 2, True)]


def test_a_better_price_is_filled_before_a_worse_one():
    matched = market((1.0, [(100, 10, "sell")], {100: 0}, {}))
    placed(matched, "bid", 101, 4)
    batch = matched.advance(1.0)
    assert deals(batch) == [(101, 4, "sell"), (100, 6, "sell")]
    assert told(matched.fills()) == [(1, 101, 4, True)]
    assert 101 not in matched.bids.sizes


def test_own_orders_at_one_price_are_filled_in_their_order():
    matched = market((1.0, [(102, 14, "buy")], {}, {102: 0}))
    placed(matched, "ask", 102, 3, 1)
    placed(matched, "ask", 102, 3, 2)
    batch = matched.advance(1.0)
    assert told(matched.fills()) == [(1, 102, 3, True), (2, 102, 1, True)]
    assert deals(batch) == [(102, 10, "buy"), (102, 3, "buy"), (102, 1, "buy")]
    assert batch.asks == {102: 2}


def test_of_own_orders_the_better_one_is_filled_first():
    matched = market((1.0, [(100, 7, "sell")], {100: 3}, {}), (2.0, [], {}, {100: 9}))
    placed(matched, "bid", 101, 3, 1)
    placed(matched, "bid", 99, 3, 2)
    placed(matched, "bid", 101, 3, 3)
    placed(matched, "bid", 100, 3, 4)
    batch = matched.advance(1.0)
    assert told(matched.fills()) == [(1, 101, 3, True), (3, 101, 3, True)]
    assert deals(batch) == [(101, 3, "sell"), (101, 3, "sell"), (100, 1, "sell")]
    matched.advance(2.0)
    assert told(matched.fills()) == [(4, 100, 3, True)]
    placed(matched, "ask", 98, 100, 5)
    assert told(matched.fills()) == [
        (5, 100, 3, False),
        (5, 99, 20, False),
        (5, 99, 3, False),
        (2, 99, 3, True),
    ]


def test_others_who_cross_an_own_order_meet_it_at_its_price():
    matched = market((1.0, [], {}, {101: 6}), asks={103: 20})
    order = placed(matched, "bid", 102, 4)
    batch = matched.advance(1.0)
    assert deals(batch) == [(102, 4, "sell")]
    assert told(matched.fills()) == [(1, 102, 4, True)]
    assert order.remaining == 0
    assert batch == Batch({102: 0}, {101: 2}, batch.prints)
    assert matched.bids.best < matched.asks.best


def test_what_own_orders_took_of_others_comes_back_when_others_change_it():
    matched = market((1.0, [], {}, {102: 9}))
    placed(matched, "bid", 102, 4, rests=True)
    assert told(matched.fills()) == [(1, 102, 4, False)]
    assert matched.advance(0.0) == Batch({}, {102: 6}, [Print(0.0, 102, 4, "buy")])
    assert matched.advance(1.0).asks == {102: 9}


def test_a_taker_goes_through_the_levels_and_rests_with_what_is_left():
    matched = market()
    order = placed(matched, "bid", 103, 35)
    assert told(matched.fills()) == [(1, 102, 10, False), (1, 103, 20, False)]
    batch = matched.advance(0.0)
    assert deals(batch) == [(102, 10, "buy"), (103, 20, "buy")]
    assert (batch.bids, batch.asks) == ({103: 5}, {102: 0, 103: 0})
    assert order.remaining == 5


def test_an_order_that_does_not_rest_is_not_seen():
    matched = market()
    order = placed(matched, "ask", 100, 12, rests=False)
    assert told(matched.fills()) == [(1, 100, 10, False)]
    assert order.remaining == 2
    assert matched.advance(0.0) == Batch({100: 0}, {}, [Print(0.0, 100, 10, "sell")])


def test_own_orders_may_meet_each_other():
    matched = market()
    placed(matched, "bid", 101, 5, 1)
    placed(matched, "ask", 101, 2, 2)
    assert told(matched.fills()) == [(2, 101, 2, False), (1, 101, 2, True)]
    assert matched.advance(0.0) == Batch({101: 3}, {}, [Print(0.0, 101, 2, "sell")])


def test_others_may_go_away_while_own_orders_stay():
    matched = market((1.0, [(99, 4, "sell")], {99: 16}, {}))
    placed(matched, "bid", 100, 5)
    assert matched.withdraw("bid", 1) == {100: 5}
    assert matched.withdraw("ask", None) == {102: 0, 103: 0}
    assert (matched.bids.best, matched.asks.best) == (100, None)
    # Nobody is ahead of it any more.
    matched.advance(1.0)
    assert told(matched.fills()) == [(1, 100, 4, True)]


def test_fills_have_the_numbers_of_their_trades():
    matched = MatchedMarket(
        Script({100: 10}, {102: 10}, (1.0, [(102, 1, "buy"), (102, 12, "buy")], {}, {102: 0})), 40
    )
    placed(matched, "ask", 102, 3)
    batch = matched.advance(1.0)
    (fill,) = matched.fills()
    assert deals(batch) == [(102, 1, "buy"), (102, 9, "buy"), (102, 3, "buy")]
    assert fill.number == 43


def test_how_far_an_order_would_reach():
    matched = market()
    assert matched.worst_price("ask", 10) == 102
    assert matched.worst_price("ask", 11) == 103
    assert matched.worst_price("bid", 999) == 99
    placed(matched, "ask", 101, 10)
    assert matched.worst_price("ask", 11) == 102
    assert matched.would_match(Resting(9, "bid", 101, 1))
    assert not matched.would_match(Resting(9, "bid", 100, 1))
    assert MatchedMarket(Script({}, {}), 0).worst_price("ask", 1) is None


def test_a_market_does_not_notice_that_nobody_has_orders_in_it():
    plain, other = (SeededMarket(listings()["BTC_USDT"], 7) for _ in range(2))
    matched = MatchedMarket(other, 0)
    for time in range(40):
        assert matched.advance(time) == plain.advance(time)
        assert matched.bids.levels() == plain.bids.levels()
        assert matched.asks.levels() == plain.asks.levels()


@pytest.mark.parametrize("seed", range(6))
def test_the_book_is_never_crossed_and_nothing_is_lost(seed):
    """Random orders in a seeded market: what was filled, rests and was cancelled is what was
    placed; the ladders are the others and the own orders, and the best bid is below the best ask.
    """
    chance = random.Random(seed)
    others = SeededMarket(listings()["ETH_USDT"], seed)
    matched = MatchedMarket(others, 0)
    orders, given, cancelled, traded, fills = {}, 0, 0, 0, []
    time = 0.0
    for number in range(400):
        time += chance.expovariate(5)
        side = chance.choice(("bid", "ask"))
        middle = (others.bids.best + others.asks.best) // 2
        order = Resting(number, side, middle + chance.randint(-12, 12), chance.randint(1, 30_000))
        given += order.remaining
        orders[number] = order
        matched.place(order, time, rests=True)
        batch = matched.advance(time)
        traded += sum(print_.size for print_ in batch.prints)
        fills += matched.fills()
        if chance.random() < 0.3:
            gone = chance.choice([order for order in orders.values() if order.remaining] or [None])
            if gone is not None:
                matched.cancel(gone)
                cancelled += gone.remaining
                gone.remaining = 0
                matched.advance(time)
        assert matched.bids.best < matched.asks.best
        for ladder, source, name in (
            (matched.bids, others.bids, "bid"),
            (matched.asks, others.asks, "ask"),
        ):
            own = {}
            for order in orders.values():
                if order.side == name and order.remaining:
                    own[order.price] = own.get(order.price, 0) + order.remaining
            for price, size in own.items():
                assert ladder.sizes[price] >= size
            for price, size in ladder.sizes.items():
                assert size <= source.sizes.get(price, 0) + own.get(price, 0)
    filled = sum(fill.size for fill in fills)
    assert given == filled + cancelled + sum(order.remaining for order in orders.values())
    assert sum(fill.size for fill in fills if fill.maker) > 50_000
    assert sum(fill.size for fill in fills if not fill.maker) > 50_000
    assert traded > filled / 2
