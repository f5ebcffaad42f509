"""The lens and the inventory judged by two markets that know the truth of every queue.

Frames, trades and private words leave a market at their time, each kind with delays of its own, and
reach a book, an engine and an account under a virtual clock. After each frame the judge looks: what
`ahead` says of each own order, `lens.top` and `book.net()`, and the inventory.

    python -m tests.simulation.queues --orders 10000
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections import Counter
from decimal import Decimal

import bitmart_book as bb
from bitmart_book.model import Fill, Order
from bitmart_book.sim.market.market import Listing, SeededMarket
from bitmart_book.sim.market.matching import MatchedMarket, Resting
from tests.strangers.queues import Deal, Ours, Queues, Tick, Word

SYMBOL = "BTC_USDT"
EVERY = 100
"""Milliseconds between two frames of the book."""
BEGIN = 1_700_000_000_000
TICK, LOT = Decimal("0.01"), Decimal("0.001")


class Matched:
    """The first world's market with orders of our own, in the words of the second one's."""

    def __init__(self, seed, _cancels=None):
        listing = Listing(SYMBOL, 1_000_000, 2, 3, 1, 2_000, 120.0, 1)
        self.market = MatchedMarket(SeededMarket(listing, seed), 0)
        self.random = random.Random(f"matched {seed}")
        self.resting, self.ours = {}, {}
        self.now = self.placed = 0

    def size(self, side, price):
        return self._ladder(side).sizes.get(price, 0)

    def _ladder(self, side):
        return self.market.bids if side == "bid" else self.market.asks

    def others(self, side):
        found = dict(self._ladder(side).sizes)
        for order in self.resting.values():
            if order.side == side:
                found[order.price] -= order.remaining
        return {price: size for price, size in found.items() if size}

    def ahead(self, name):
        me = self.resting[name]
        before = 0
        for other in self.resting.values():
            if other is me:
                return me.ahead + before
            if (other.side, other.price) == (me.side, me.price):
                before += other.remaining
        raise AssertionError(name)

    @property
    def levels(self):
        return {side: self._ladder(side).sizes for side in ("bid", "ask")}

    def advance(self, until):
        tick = Tick()
        self._act(tick)
        batch = self.market.advance(until / 1000)
        for name, levels in (("bid", batch.bids), ("ask", batch.asks)):
            tick.changed[name].update(levels)
        for fill in self.market.fills():
            self._filled(fill, tick)
        for one in batch.prints:
            side = "ask" if one.taker == "buy" else "bid"
            time = min(until, max(self.now + 1, int(one.time * 1000)))
            tick.deals.append(Deal(time, side, one.price, one.size))
        self.now = until
        return tick

    def _act(self, tick):
        chance = self.random
        for name, ours in list(self.ours.items()):
            if ours.until <= self.now:
                self.market.cancel(self.resting.pop(name))
                del self.ours[name]
                self._say(ours, "canceled", self.now, tick)
        if len(self.ours) < 6 and chance.random() < 0.12:
            side = chance.choice(("bid", "ask"))
            ladder = self._ladder(side)
            if len(ladder) > 8:
                price = ladder.levels(6)[chance.randrange(6)][0]
                self.placed += 1
                order = Resting(self.placed, side, price, chance.randint(1, 3_000))
                if not self.market.would_match(order):
                    name = str(self.placed)
                    self.resting[name] = order
                    self.market.place(order, self.now / 1000, rests=True)
                    until = self.now + round(chance.expovariate(1 / 10_000)) + 200
                    ours = Ours(name, side, price, order.remaining, until=until)
                    self.ours[name] = ours
                    self._say(ours, "new", self.now, tick)

    def _filled(self, fill, tick):
        name = str(fill.order)
        ours = self.ours[name]
        ours.filled += fill.size
        over = ours.filled == ours.size
        if over:
            del self.ours[name], self.resting[name]
        time = max(self.now, int(fill.time * 1000))
        self._say(ours, "filled" if over else "partially_filled", time, tick, fill.size)

    def _say(self, ours, status, time, tick, traded=0):
        tick.words.append(
            Word(time, ours.name, ours.side, ours.price, ours.size, ours.filled, status, traded)
        )


class World:
    """One market, the three ways from it, and a client. `faults`: chance of a hole a minute."""

    def __init__(self, market, seed, *, faults=0.0, delays=(5, 60), trades=True):
        self.market, self.faults, self.delays = market, faults, delays
        self.trades = trades
        self.random = random.Random(f"ways {seed}")
        self.now = 0
        self.engine = bb.Engine(clock=lambda: self.now * 1_000_000 + 10**15, valid_for=1e6)
        self.book = self.engine.book(SYMBOL)
        self.account = bb.Account()
        self.lens = self.account.lens(self.book)
        self.account.reconcile(orders=[], market="spot")
        self.version = 0
        self.ways = {"book": [], "trades": [], "words": []}
        self.last = Counter()
        self.shown = None
        self.unheard, self.lost = [], []
        """Words that are on their way, and those that fell into a hole."""
        self.orders = Counter()
        self.seen, self.given, self.wrong, self.widths = set(), set(), [], []
        self.looks = Counter()
        self.fills = []
        self.paid = Counter()
        """What was paid for each order, as of each word about it."""
        self.heard = Decimal(0)
        self.hole_until = None
        self._send_snapshot()

    # --- the ways ---

    def _send(self, way, what):
        """It arrives later than whatever was sent that way before."""
        at = max(self.last[way], self.market.now + self.random.uniform(*self.delays))
        self.last[way] = at
        self.ways[way].append((at, what))

    def _rows(self, side, prices):
        return [
            [str(price * TICK), str(self.market.size(side, price) * LOT)]
            for price in sorted(prices)
        ]

    def _frame(self, kind, changed):
        self.version += 1
        item = {
            "symbol": SYMBOL, "type": kind, "version": self.version,
            "ms_t": BEGIN + self.market.now,
            "bids": self._rows("bid", changed["bid"]), "asks": self._rows("ask", changed["ask"]),
        }  # fmt: skip
        state = {
            "time": self.market.now,
            "others": {side: self.market.others(side) for side in ("bid", "ask")},
            "ahead": {name: self.market.ahead(name) for name in self.market.ours},
            "sizes": {
                name: self.market.size(ours.side, ours.price)
                for name, ours in self.market.ours.items()
            },
        }
        text = json.dumps({"data": [item], "table": "spot/depth/increase100"})
        self._send("book", (text, state))

    def _send_snapshot(self):
        for word in self.market.advance(1).words:
            self._send_word(word)
        self._frame("snapshot", {side: set(self.market.levels[side]) for side in ("bid", "ask")})

    def step(self):
        """The next frame of the market, and everything that arrives before it."""
        until = self.market.now + EVERY
        tick = self.market.advance(until)
        for word in tick.words:
            self._send_word(word)
        if self.trades:
            for deal in tick.deals:
                self._send("trades", deal)
        self._frame("update", tick.changed)
        self._arrive(until)

    def _send_word(self, word):
        if word.status == "new":
            self.orders["placed"] += 1
        if word.traded:
            self.fills.append(word)
            self.paid[word.name] += word.price * TICK * word.traded * LOT
        self.paid[word.name, word.filled] = Decimal(self.paid[word.name])
        if self.hole_until is not None:
            # Nobody tells of it: a connection is down.
            self.lost.append(word)
        else:
            self._send("words", word)
            self.unheard.append(word)

    def _arrive(self, until):
        self._fail()
        while True:
            way = min(
                (way for way in self.ways if self.ways[way]),
                key=lambda way: self.ways[way][0][0], default=None,
            )  # fmt: skip
            if way is None or self.ways[way][0][0] > until:
                return
            at, what = self.ways[way].pop(0)
            self.now = at
            if way == "book":
                text, self.shown = what
                self.engine.apply(text)
                self.look()
            elif way == "trades":
                self._hear_trade(what)
            else:
                self._hear(what)

    def _fail(self):
        """A private connection is lost for two seconds, and then all is reconciled."""
        if self.hole_until is None:
            if self.random.random() < self.faults * EVERY / 60_000:
                self.hole_until = self.market.now + 2_000
                self.ways["words"].clear()
                self.lost, self.unheard = [*self.lost, *self.unheard], []
                self.account.resync("connection lost", market="spot")
        elif self.market.now >= self.hole_until:
            self.hole_until = None
            self._reconcile()

    def _reconcile(self):
        last = {word.name: word for word in self.lost}
        paid = self.paid
        orders = [_order(word, paid[word.name]) for word in last.values()]
        for word in self.lost:
            self.heard += word.traded * LOT * (1 if word.side == "bid" else -1)
        for name, ours in self.market.ours.items():
            if name not in last:
                word = Word(
                    self.market.now, name, ours.side, ours.price, ours.size, ours.filled,
                    "partially_filled" if ours.filled else "new",
                )  # fmt: skip
                orders.append(_order(word, paid[name]))
        self.account.reconcile(orders=orders, market="spot", asked=self.account.words)
        self.lost.clear()

    def _hear(self, word):
        del self.unheard[next(at for at, one in enumerate(self.unheard) if one is word)]
        if word.traded:
            self.heard += word.traded * LOT * (1 if word.side == "bid" else -1)
        paid = self.paid[word.name, word.filled]
        self.account.apply(_order(word, paid, fill=True), self._seconds)

    @property
    def _seconds(self):
        return self.now / 1000 + 10**6

    def _hear_trade(self, deal):
        row = {
            "symbol": SYMBOL, "price": str(deal.price * TICK), "size": str(deal.size * LOT),
            "side": "buy" if deal.side == "ask" else "sell",
            "s_t": (BEGIN + deal.time) // 1000, "ms_t": BEGIN + deal.time,
        }  # fmt: skip
        self.engine.apply(json.dumps({"table": "spot/trade", "data": [row]}))

    # --- the judge ---

    def look(self):
        state = self.shown
        self.looks["all"] += 1
        certain = self.lens.certain
        self.looks["certain"] += certain
        for name, ahead in state["ahead"].items():
            if self.account.order(name) is None:
                continue
            self.looks["resting"] += 1
            told = self.lens.ahead(name)
            if told is None:
                continue
            self.looks["given"] += 1
            self.seen.add(name)
            least, most = told
            # Of now, which may be later than what is shown: nothing is ahead that was not.
            later = self.market.ahead(name) if name in self.market.ours else 0
            if not (round(least * 1000) <= ahead or later == 0) or later > round(most * 1000):
                self.wrong.append(("ahead", self.now, name, told, ahead, later))
            self.widths.append((most - least) * 1000 / state["sizes"][name])
        if certain:
            self._judge_net(state)
        inventory = self.account.inventory
        self.looks["inventory"] += inventory.certain
        if inventory.certain:
            self._judge_inventory(inventory["BTC_USDT"])

    def _judge_net(self, state):
        net = self.book.net().depth()
        top = self.lens.top
        late = any(word.time <= state["time"] for word in self.unheard)
        self.looks["late"] += late
        for side, levels in (("bid", net.bids), ("ask", net.asks)):
            told = {round(price * 100): round(size * 1000) for price, size in levels.tolist()}
            best = (top.bid, top.bid_size) if side == "bid" else (top.ask, top.ask_size)
            right = told == state["others"][side]
            if not right and not late:
                self.wrong.append(("net", self.now, side))
            self.looks["wrong, not told yet"] += late and not right
            if tuple(levels[0]) != best:
                self.wrong.append(("top", self.now, side))

    def _judge_inventory(self, holding):
        """What was heard, and what will never be told."""
        position = self.heard
        for word in self.lost:
            position += word.traded * LOT * (1 if word.side == "bid" else -1)
        if holding.position != position:
            self.wrong.append(("inventory", self.now, holding.position, position))


def _order(word, paid, fill=False):
    side = "buy" if word.side == "bid" else "sell"
    facts = {"market": "spot", "symbol": SYMBOL, "order_id": word.name, "side": side}
    done = None
    if word.traded and fill:
        done = Fill(
            **facts, fill_id=f"{word.name}-{word.filled}", price=word.price * TICK,
            size=word.traded * LOT, filled_size=word.filled * LOT, time_ms=BEGIN + word.time,
            liquidity="maker",
        )  # fmt: skip
    return Order(
        **facts, status=word.status, type="limit", price=word.price * TICK, size=word.size * LOT,
        filled_size=word.filled * LOT, filled_notional=paid, update_time_ms=BEGIN + word.time,
        fill=done,
    )  # fmt: skip


def run(kind, seed, cancels, orders, **options):
    """A world until so many orders were placed."""
    world = World(kind(seed, cancels), seed, **options)
    while world.orders["placed"] < orders:
        world.step()
    return world


def figures(world):
    looks = world.looks
    return {
        "orders": world.orders["placed"],
        "wrong": len(world.wrong),
        "given": round(looks["given"] / max(1, looks["resting"]), 4),
        "median width": round(statistics.median(world.widths), 3) if world.widths else None,
        "certain": round(looks["certain"] / looks["all"], 4),
        "inventory certain": round(looks["inventory"] / looks["all"], 4),
        "looks": looks["all"],
        "not told yet": looks["late"],
        "wrong for that": looks["wrong, not told yet"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--no-trades", action="store_true")
    asked = parser.parse_args()
    failed = False
    for name, kind, cancels in (
        ("first world", Matched, 1), ("second world, 1 : 1", Queues, 1),
        ("second world, 5 : 1", Queues, 5),
    ):  # fmt: skip
        world = run(
            kind, asked.seed, cancels, asked.orders, faults=asked.faults,
            trades=not asked.no_trades,
        )  # fmt: skip
        print(name, json.dumps(figures(world)))
        for found in world.wrong[:5]:
            print("   ", found)
        failed |= bool(world.wrong)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
