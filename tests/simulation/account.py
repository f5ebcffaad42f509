"""The account and futures in the simulated world: orders of one's own, and who is told of them.

The oracle is what the exchange itself did: a recorder sits between its markets and its private
feeds. What a user is told must be that, in its order and once; where some of it is missing, a
`StreamGap` stands in its place.
"""

import random
from collections import Counter
from decimal import Decimal

from bitmart_book.credentials import Credentials
from bitmart_book.errors import UsageError
from bitmart_book.listeners.streams import Mailbox
from bitmart_book.sim.faults.grammar import ALL_PER_MINUTE
from tests.simulation.bounds import CALM
from tests.simulation.channels import FUTURES_TRADES, SPOT_TRADES
from tests.simulation.deals import Deals
from tests.simulation.judge import YOUNG
from tests.simulation.kinds import WORLD_KINDS
from tests.simulation.scripted import Fault
from tests.simulation.told import STATES_KNOWN, Told, audience_of, recorded, taken
from tests.simulation.world import READ_EVERY, World

CHANNEL = "futures/depthIncrease20"
ORDERS = {"spot": "spot/user/orders:ALL_SYMBOLS", "futures": "futures/order"}
TRADES = (SPOT_TRADES, FUTURES_TRADES)
OTHERS = ("spot/user/balance:BALANCE_UPDATE", "futures/position", "futures/asset:USDT")
# Seconds between two things that the trader does.
TRADES_EVERY = 3.0
# What nobody could notice: private pushes have no versions. A connection that brings nothing but
# pongs, and a subscription that is acknowledged and not made, lose orders without a trace.
UNNOTICEABLE = frozenset({"pongs", "ackonly"})


def noticeable(spec):
    """A specification whose "all" is all but those."""
    return " ".join(
        _all(float(word.partition("%")[2] or ALL_PER_MINUTE)) if word[:3] == "all" else word
        for word in spec.split()
    )


def _all(per_minute):
    kinds = {
        name: kind for name, kind in WORLD_KINDS.items() if kind.share and name not in UNNOTICEABLE
    }
    total = sum(kind.share for kind in kinds.values())
    return " ".join(f"{name}%{per_minute * kind.share / total!r}" for name, kind in kinds.items())


class Disturbed(Fault):
    """What the faults of spot's books are to those of futures; and private pushes that repeat."""

    on = True

    def frames(self, world, link, payload):
        if not (self.on and self.active(world)) or type(payload) is not str:
            return [(payload, 0.0)]
        chance = world.rng.random
        if CHANNEL in payload and '"data"' in payload:
            what = chance()
            if what < 0.01:
                world.seen["futures lost"] += 1
                return []
            if what < 0.02:
                world.seen["futures twice"] += 1
                return [(payload, 0.0)] * 2
            if what < 0.024:
                world.seen["futures cut"] += 1
                return [(payload[: world.rng.randrange(len(payload))], 0.0)]
        elif "order_id" in payload and chance() < 0.1:
            world.seen["push twice"] += 1
            return [(payload, 0.0)] * 2
        return [(payload, 0.0)]


class AccountWorld(World):
    """A world in which somebody trades on spot and futures, and listens to his account.

    `lost`, `twice` and `invented` are what was found of orders: told too little, too often, or of
    what never was. `account_wrong` is where the account and the exchange differ at rest.
    """

    def __init__(self, seed, exchange, **options):
        options.setdefault("faults", Disturbed())
        keys = Credentials(**exchange.keys._asdict())
        super().__init__(seed, exchange, credentials=keys, **options)
        self.trader = random.Random(f"trader {seed}")
        self.truth = recorded(self, ORDERS, Told)
        self.audience = audience_of(self)
        self.boxes = {}
        self.deals = {}
        """Public trades, by topic."""
        self.orders = 0
        self.lost, self.twice, self.invented, self.account_wrong = [], [], [], []
        self.resting = False
        self.holdings = Counter()
        """How often the inventory was looked at, how often it was certain, and how often judged."""
        # So many words the answers to questions have told of, each asked after a hole was told.
        self._answered = dict.fromkeys(ORDERS, 0)

    def begin(self):
        """Subscribe what is told of the account, and begin to trade."""
        self.deals = {topic: Deals(self.exchange, topic) for topic in TRADES}
        for topic in (*ORDERS.values(), *OTHERS, *TRADES):
            self.boxes[topic] = Mailbox(100_000, lambda: None)
            self.audience.add_stream(topic, self.boxes[topic])
        self.subscribe(*self.boxes)
        for market in ORDERS:
            self.client.account.reconcile(orders=[], market=market)
        self.at(self.now + TRADES_EVERY, self._trade)
        self.at(self.now + READ_EVERY, self._listen)

    def _listen(self):
        """A user takes what has arrived, every now and then."""
        self.at(self.now + READ_EVERY, self._listen)
        self.read()
        if self.now >= self._blocked_until:
            self._look_at_orders()
            self._reconcile()

    def _reconcile(self):
        """What a user does after a hole: as soon as orders are told again, ask, and put it in."""
        account, states = self.client.account, self.client.wanted.states()
        for market, topic in ORDERS.items():
            certain = account.inventory.of("of nothing", market).certain
            self.holdings["looks"] += 1
            self.holdings["certain"] += certain
            if certain or states.get(topic) != "LIVE":
                continue
            truth = self.truth[market]
            answer = truth.answer(self.exchange, market, account)
            account.reconcile(orders=answer, market=market, asked=account.words)
            if truth.gapped:
                self._answered[market] = truth.asked

    def _check_inventory(self):
        """At rest every holding that is certain is what the exchange traded."""
        for market, truth in self.truth.items():
            traded = Counter()
            for order_id, fills in truth.fills.items():
                order = self.exchange.trader.order(order_id)
                decimals = 0
                if market == "spot":
                    decimals = self.exchange.listings[order["symbol"]].size_decimals
                sign = 1 if order["side"] == "buy" else -1
                size = sum(lots for _, lots in fills)
                traded[order["symbol"]] += sign * Decimal(size).scaleb(-decimals)
            for symbol, position in traded.items():
                holding = self.client.account.inventory.of(symbol, market)
                self.holdings["judged"] += holding.certain
                if holding.certain and holding.position != position:
                    self._account_wrong(market, symbol, "holding", holding.position, position)

    def _look_at_orders(self):
        """No open order that the account confirms was superseded longer ago than it may be."""
        account = self.client.account
        for market, truth in self.truth.items():
            for order in account.orders.values():
                if order.market != market or not account.is_confirmed(order):
                    continue
                self.judge.judged["account"] += 1
                self.judge.short["account"] += 1
                state = _STATES.get(order.status, order.status)
                since = truth.superseded(order.order_id, state, self._lots(market, order))
                if since is None or self.now - since < YOUNG:
                    continue
                age, kind = self.now - since, f"account, bound {CALM:g}"
                self.judge.oldest[kind] = max(self.judge.oldest[kind], round(age, 2))
                if age > CALM:
                    self._account_wrong(market, "over age", order.order_id, state, age)

    # --- trading ---

    def _trade(self):
        self.at(self.now + self.trader.expovariate(1 / TRADES_EVERY), self._trade)
        if self.resting:
            return
        market = self.trader.choice(("spot", "futures"))
        open_orders = self.exchange.trader.orders(market)
        try:
            if open_orders and self.trader.random() < 0.4:
                self.exchange.trader.cancel(
                    self.trader.choice(open_orders)["order_id"], now=self.now
                )
            else:
                self._place(market)
        except UsageError as error:
            # Nobody to trade with, or nothing to close.
            self._note("refused", str(error))
        self._from_exchange()

    def _place(self, market):
        chance, exchange = self.trader, self.exchange
        venue = exchange.spot if market == "spot" else exchange.futures
        listed = sorted(exchange.listings if market == "spot" else exchange.contracts)
        symbol = chance.choice(listed)
        publisher = venue.publisher(symbol)
        best = publisher.best()
        if best is None:
            return
        listing = publisher.listing
        sides = ("buy", "sell", "sell_close_long", "buy_close_short")[
            : 2 if market == "spot" else 4
        ]
        side = chance.choice(sides)
        tick = Decimal(1).scaleb(-listing.price_decimals)
        lot = Decimal(1).scaleb(-listing.size_decimals)
        buys = side.startswith("buy")
        away = chance.choice((-3, 0, 1, 5, 40)) * (-1 if buys else 1)
        price = max(1, best[0 if buys else 1][0] + away) * tick
        size = chance.randint(1, 3 * max(1, best[1 if buys else 0][1])) * lot
        kind = chance.choice(("limit", "limit", "limit", "limit_maker", "ioc", "market"))
        placed = exchange.trader.place(
            market,
            symbol,
            side,
            None if kind == "market" else str(price),
            str(size),
            kind="limit" if kind == "market" else kind,
            now=self.now,
        )
        self.orders += 1
        self._note("placed", market, placed, side, str(price), str(size), kind)

    # --- what the user is told ---

    def _publish(self, events, pushes):
        super()._publish(events, pushes)
        self.audience.publish(events, pushes)

    def read(self):
        """Take everything that has arrived out of the mailboxes, and compare."""
        for market, topic in ORDERS.items():
            truth = self.truth[market]
            for value in taken(self.boxes[topic]):
                if value is None:
                    truth.gapped = True
                    truth.gaps += 1
                else:
                    self._compare_order(market, truth, value)
        for topic, deals in self.deals.items():
            deals.look()
            for value in taken(self.boxes[topic]):
                if value is None:
                    deals.hole()
                else:
                    deals.tell(value)
            deals.taken()
        for topic in OTHERS:
            for _ in taken(self.boxes[topic]):
                pass

    def _compare_order(self, market, truth, order):
        state = _STATES.get(order.status, order.status)
        lots = self._lots(market, order)
        key = (order.order_id, state, lots)
        self._note("told", market, key)
        at = truth.place(*key)
        if at is None:
            self.invented.append((self.now, market, key))
            return
        truth.told += 1
        if truth.next is not None and at < truth.next:
            # A fill whose id comes later is told again, with it.
            if key not in truth.nameless:
                self.twice.append((self.now, market, key))
            truth.nameless.discard(key)
            return
        if lots and (order.fill is None or order.fill.fill_id is None):
            truth.nameless.add(key)
        if truth.next is not None and not truth.gapped and at > self._due(market):
            self.lost.append((self.now, market, truth.happened[self._due(market) : at]))
        truth.next, truth.gapped = at + 1, False

    def _due(self, market):
        """The first word that has to be told next: not what an answer after a hole has told."""
        return max(self.truth[market].next or 0, self._answered[market])

    def _lots(self, market, order):
        filled = order.exact.filled_size
        if market == "futures" or filled is None:
            return None if filled is None else int(filled)
        decimals = self.exchange.listings[order.symbol].size_decimals
        return int(filled.scaleb(decimals))

    # --- at rest ---

    def check_rest(self):
        """When nothing is under way: everything was told, or a gap says that it was not; what the
        account says is what the exchange says, or is unconfirmed."""
        # Markets that go on would fill what rests at the last moment.
        self.exchange.markets.pause()
        self.run(self.now + 1.0)
        self._check_rest()
        self.exchange.markets.resume()

    def _check_rest(self):
        self.read()
        for market, truth in self.truth.items():
            due = self._due(market)
            if not truth.gapped and truth.next is not None and due < len(truth.happened):
                self.lost.append((self.now, market, truth.happened[due:]))
        for deals in self.deals.values():
            deals.at_rest()
        account = self.client.account
        self._check_inventory()
        for market in ORDERS:
            self._check_orders(market, account)
        for (market, currency), balance in account.balances.items():
            if account.is_confirmed(balance):
                ours = (balance.available, balance.frozen)
                truth = self.exchange.trader.balances(market)[currency]
                theirs = tuple(Decimal(truth[name]) for name in ("available", "frozen"))
                places = 30 if market == "spot" else 12
                pairs = zip(ours, theirs, strict=True)
                if any(abs(a - b) >= Decimal(1).scaleb(-places) for a, b in pairs):
                    self._account_wrong(market, currency, ours, theirs)
        held = {
            (row["symbol"], row["side"]): row for row in self.exchange.trader.positions("futures")
        }
        for key, position in account.positions.items():
            theirs = held[key]["size"] if key in held else "0"
            if account.is_confirmed(position) and position.exact.size != Decimal(theirs):
                self._account_wrong("futures", key, position.size, theirs)

    def _check_orders(self, market, account):
        truth = self.truth[market]
        last = {order_id: (state, filled) for order_id, state, filled in truth.happened}
        for order_id in last:
            order = account.order(order_id, market)
            if order is None:
                continue
            if account.is_confirmed(order):
                ours = (_STATES.get(order.status, order.status), self._lots(market, order))
                if not _agree(ours, last[order_id]):
                    self._account_wrong(market, order_id, ours, last[order_id])
            fills = account.fills(order_id, market)
            if len({fill.fill_id for fill in fills}) != len(fills):
                self.twice.append((self.now, market, order_id, fills))
            filled = sum((fill.exact.size for fill in fills), Decimal(0))
            if filled + account.missing_size(order_id, market) != order.exact.filled_size:
                self._account_wrong(market, order_id, fills, order.filled_size)
            if not account.holes and len(fills) != len(truth.fills.get(order_id, ())):
                self.lost.append((self.now, market, order_id, fills))

    def _account_wrong(self, *what):
        self._note("account wrong", *map(str, what))
        self.account_wrong.append((self.now, *what))

    def calm(self):
        self.resting, self.faults.on = True, False
        super().calm()

    def resume(self):
        """Trade, and disturb, again."""
        self.resting, self.faults.on = False, True


# Futures say less of how an order ended; what was filled says the rest.
_STATES = {"pending": "new"}


def _agree(ours, truth):
    """Whether what was read of an order is what became of it, as far as it could be read."""
    (state, lots), (was, filled) = ours, truth
    return lots in (None, filled) and (state == was or state not in STATES_KNOWN)
