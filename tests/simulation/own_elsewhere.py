"""Own orders at Bybit in the simulated world: what a user is told, beside what the exchange did.

A recorder sits between the exchange's markets and its private address. Orders and executions come
on two topics there, each of which must tell all that happened, in its order and once; where some of
it is missing, a `StreamGap` stands in its place. An inventory that is certain must be what was
traded.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

from bitmart_book.client.outbox import fills_of
from bitmart_book.credentials import Credentials
from bitmart_book.errors import UsageError
from bitmart_book.feed.fills import FillMailbox
from bitmart_book.listeners.streams import Mailbox
from bitmart_book.sim.account.trading import MATCHED
from tests.simulation.elsewhere import world_of
from tests.simulation.told import Told, audience_of, recorded, taken
from tests.simulation.world import READ_EVERY

CATEGORIES = {"bybit": "linear", "bybit-spot": "spot"}
SYMBOLS = ("BTCUSDT", "ETHUSDT")
TRADES_EVERY = 2.0


class Executions(Told):
    """What happened in one market, and the executions by themselves."""

    def __init__(self, listener, now):
        super().__init__(listener, now)
        self.executed = []
        self.heard = set()
        self.at = None
        """The next execution that must be told, unless some may be missing before it."""
        self.hole = True
        self.fills_told = self.fill_gaps = 0

    def order_changed(self, order, action):
        if action == MATCHED:
            fill = order.last.fill
            self.executed.append((str(order.id), fill.price, fill.size))
        super().order_changed(order, action)

    def told_fill(self, key, fill_id):
        """Whether it was "lost" before this one, "twice", "invented", or None: as it should be."""
        if fill_id in self.heard:
            return "twice"
        start = self.at or 0
        if key not in self.executed[start:]:
            return "invented"
        place = self.executed.index(key, start)
        lost = self.at is not None and not self.hole and place > self.at
        self.heard.add(fill_id)
        self.at, self.hole = place + 1, False
        self.fills_told += 1
        return "lost" if lost else None


class OwnOrders(world_of("bybit")):
    """A world in which somebody trades at Bybit, linear contracts and spot, and listens."""

    def __init__(self, seed, exchange, **options):
        super().__init__(seed, exchange, credentials=Credentials(*exchange.keys[:2]), **options)
        self.trader = random.Random(f"trader {seed}")
        self.truth = recorded(self, CATEGORIES, Executions)
        self.audience = audience_of(self)
        self.orders, self.fills = {}, {}
        self.lost, self.twice, self.invented, self.account_wrong = [], [], [], []
        self.placed, self.resting = 0, False
        self.looks = Counter()

    def begin(self):
        for market, category in CATEGORIES.items():
            topics = [f"{market}/{name}.{category}" for name in ("order", "execution")]
            self.orders[market] = Mailbox(100_000, lambda: None)
            self.fills[market] = FillMailbox(100_000, lambda: None, None)
            self.audience.add_stream(topics[0], self.orders[market])
            for name in (topics[1], fills_of(topics[1])):
                self.audience.add_stream(name, self.fills[market])
            positions = [f"{market}/position.{category}"] if category == "linear" else []
            self.subscribe(*topics, *positions, f"{market}/wallet")
            self.subscribe(*(f"{market}/orderbook.50:{symbol}" for symbol in SYMBOLS))
            self.client.account.reconcile(orders=[], market=market)
        self.at(self.now + TRADES_EVERY, self._trade)
        self.at(self.now + READ_EVERY, self._listen)

    def _publish(self, events, pushes):
        super()._publish(events, pushes)
        self.audience.publish(events, pushes)

    # --- trading ---

    def _trade(self):
        self.at(self.now + self.trader.expovariate(1 / TRADES_EVERY), self._trade)
        if self.resting:
            return
        chance, market = self.trader, self.trader.choice(list(CATEGORIES))
        there = self.exchange.trader.orders(market)
        try:
            if there and chance.random() < 0.4:
                self.exchange.trader.cancel(chance.choice(there)["order_id"], now=self.now)
            else:
                self._place(market)
        except UsageError as error:
            # Nobody to trade with, or nothing to close.
            self._note("refused", str(error))
        self._from_exchange()

    def _place(self, market):
        chance, symbol = self.trader, self.trader.choice(SYMBOLS)
        publisher = self.exchange.feeds[market].publisher(symbol)
        best, listing = publisher.best(), publisher.listing
        if best is None:
            return
        sides = ("buy", "sell", "sell_close_long", "buy_close_short")
        side = chance.choice(sides[: 2 if market == "bybit-spot" else 4])
        buys = side.startswith("buy")
        away = chance.choice((-3, 0, 1, 5, 40)) * (-1 if buys else 1)
        tick = Decimal(1).scaleb(-listing.price_decimals)
        lot = Decimal(1).scaleb(-listing.size_decimals)
        kind = chance.choice(("limit", "limit", "limit", "limit_maker", "ioc", "market"))
        self.exchange.trader.place(
            market,
            symbol,
            side,
            None if kind == "market" else str(max(1, best[0 if buys else 1][0] + away) * tick),
            str(chance.randint(1, 2 * max(1, best[1 if buys else 0][1])) * lot),
            kind="limit" if kind == "market" else kind,
            now=self.now,
        )
        self.placed += 1

    # --- what the user is told ---

    def _listen(self):
        self.at(self.now + READ_EVERY, self._listen)
        self.read()
        if self.now >= self._blocked_until:
            self._reconcile()

    def read(self):
        for market, truth in self.truth.items():
            for order in taken(self.orders[market]):
                self._compare_order(market, truth, order)
            for fill in taken(self.fills[market]):
                self._compare_fill(market, truth, fill)

    def _decimals(self, market, symbol):
        listing = self.exchange.feeds[market].listings[symbol]
        return listing.price_decimals, listing.size_decimals

    def _compare_order(self, market, truth, order):
        if order is None:
            truth.gapped, truth.gaps = True, truth.gaps + 1
            return
        filled = order.exact.filled_size
        decimals = self._decimals(market, order.symbol)[1]
        lots = None if filled is None else int(filled.scaleb(decimals))
        state = "new" if order.status == "pending" else order.status
        key = (order.order_id, state, lots)
        at = truth.place(*key)
        if at is None:
            self.invented.append((self.now, market, key))
        elif truth.next is not None and at < truth.next:
            self.twice.append((self.now, market, key))
        else:
            if truth.next is not None and not truth.gapped and at > truth.next:
                self.lost.append((self.now, market, truth.happened[truth.next : at]))
            truth.next, truth.gapped, truth.told = at + 1, False, truth.told + 1

    def _compare_fill(self, market, truth, fill):
        if fill is None:
            truth.hole, truth.fill_gaps = True, truth.fill_gaps + 1
            return
        price, size = self._decimals(market, fill.symbol)
        key = (
            fill.order_id, int(fill.exact.price.scaleb(price)), int(fill.exact.size.scaleb(size)),
        )  # fmt: skip
        what = truth.told_fill(key, fill.fill_id)
        if what is not None:
            getattr(self, what).append((self.now, market, "execution", key))

    def _reconcile(self):
        """What a user does after a hole: as soon as orders are told again, ask, and put it in."""
        account, states = self.client.account, self.client.wanted.states()
        for market, category in CATEGORIES.items():
            certain = account.inventory.of("of nothing", market).certain and all(
                account.inventory.of(symbol, market).certain for symbol in SYMBOLS
            )
            self.looks["all"] += 1
            self.looks["certain"] += certain
            topics = (f"{market}/{name}.{category}" for name in ("order", "execution"))
            if certain or any(states[topic] != "LIVE" for topic in topics):
                continue
            answer = self.truth[market].answer(self.exchange, market, account)
            account.reconcile(orders=answer, market=market, asked=account.words)

    # --- at rest ---

    def check_rest(self):
        """When nothing is under way: everything was told, or a gap says that it was not."""
        self.exchange.markets.pause()
        self.run(self.now + 2.0)
        self.read()
        account = self.client.account
        for market, truth in self.truth.items():
            if not truth.gapped and truth.next is not None and truth.next < len(truth.happened):
                self.lost.append((self.now, market, truth.happened[truth.next :]))
            if not truth.hole and truth.at is not None and truth.at < len(truth.executed):
                self.lost.append((self.now, market, "executions", truth.executed[truth.at :]))
            self._check_orders(market, truth, account)
            self._check_holdings(market, truth, account)
        self._check_wallet(account)
        held = {(row["symbol"], row["side"]): row["size"] for row in
                self.exchange.trader.positions("bybit")}  # fmt: skip
        for key, position in account.positions.items():
            theirs = Decimal(held.get(key, "0"))
            if account.is_confirmed(position) and position.exact.size != theirs:
                self.account_wrong.append((key, position.exact.size, theirs))
        self.exchange.markets.resume()

    def _check_orders(self, market, truth, account):
        last = {order_id: (state, filled) for order_id, state, filled in truth.happened}
        for order_id, (state, filled) in last.items():
            order = account.order(order_id, market)
            if order is None or not account.is_confirmed(order) or order.status == "finished":
                continue
            lots = int(order.exact.filled_size.scaleb(self._decimals(market, order.symbol)[1]))
            if (order.status, lots) != (state, filled):
                self.account_wrong.append((market, order_id, order.status, lots, state, filled))
            ids = [fill.fill_id for fill in account.fills(order_id, market)]
            if len(set(ids)) != len(ids):
                self.twice.append((self.now, market, order_id, ids))

    def _check_holdings(self, market, truth, account):
        traded = Counter()
        for order_id, _, lots in truth.executed:
            order = self.exchange.trader.order(order_id)
            sign = 1 if order["side"] == "buy" else -1
            decimals = self._decimals(market, order["symbol"])[1]
            traded[order["symbol"]] += sign * Decimal(lots).scaleb(-decimals)
        for symbol, position in traded.items():
            holding = account.inventory.of(symbol, market)
            self.looks["judged"] += holding.certain
            if holding.certain and holding.position != position:
                self.account_wrong.append((market, symbol, holding.position, position))

    def _check_wallet(self, account):
        truth = self.exchange.trader.balances("bybit")
        for (market, currency), balance in account.balances.items():
            if account.is_confirmed(balance):
                ours = (balance.available, balance.frozen)
                theirs = tuple(Decimal(truth[currency][name]) for name in ("available", "frozen"))
                if any(abs(a - b) > Decimal("1e-15") for a, b in zip(ours, theirs, strict=True)):
                    self.account_wrong.append((market, currency, ours, theirs))

    def calm(self):
        self.resting = True
        super().calm()
