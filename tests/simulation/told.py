"""What happened to the orders of one market, and what was told of it: the oracle of own orders."""

import logging

from bitmart_book import StreamGap
from bitmart_book.listeners.audience import Audience
from bitmart_book.listeners.streams import Empty
from bitmart_book.log.journal import Journal
from bitmart_book.sim.account.entry import value_of
from bitmart_book.sim.account.trading import MATCHED

# States that can be compared; a venue's other words fit whatever was.
STATES_KNOWN = frozenset({"new", "partially_filled", "filled", "canceled", "partially_canceled"})


class Told:
    """What happened to the orders of one market, in its order, and how much of it was told."""

    def __init__(self, listener, now):
        self._listener = listener
        self._now = now
        self.times = []
        """When each of what happened did."""
        self.of_order = {}
        """Which of them are of one order."""
        self.happened = []
        self.where = {}
        self.fills = {}
        # The next that must be told, unless something may be missing before it.
        self.next = None
        self.gapped = True
        self.told = 0
        self.gaps = 0
        # So many of what happened the last answer to a question told of.
        self.asked = 0
        self.nameless = set()
        """What was told of fills whose ids were not told."""

    def place(self, order_id, state, lots):
        """Where something stands in what happened; None if it never did. What could not be read of
        it (`lots` None, or a state that nobody knows) fits everything, the latest first."""
        if lots is not None and state in STATES_KNOWN:
            return self.where.get((order_id, state, lots))
        for at in range(len(self.happened) - 1, -1, -1):
            known, was, filled = self.happened[at]
            if (
                known == order_id
                and lots in (None, filled)
                and (was == state or state not in STATES_KNOWN)
            ):
                return at
        return None

    def superseded(self, order_id, state, lots):
        """When what is said of an order ceased to be so; None: it has not, or never was."""
        at = self.place(order_id, state, lots)
        later = [
            other for other in self.of_order.get(order_id, ()) if at is not None and other > at
        ]
        return self.times[later[0]] if later else None

    def answer(self, exchange, market, account):
        """What the venue says of all orders that an account may have to hear of: what changed since
        it was asked last, what is open, and what the account holds."""
        orders = dict.fromkeys(key[0] for key in self.happened[self.asked :])
        orders |= dict.fromkeys(row["order_id"] for row in exchange.trader.orders(market))
        orders |= dict.fromkeys(
            order.order_id for order in account.orders.values() if order.market == market
        )
        self.asked = len(self.happened)
        return [value_of(exchange, order_id) for order_id in orders]

    def order_changed(self, order, action):
        key = (str(order.id), order.state, order.filled)
        self.where[key] = len(self.happened)
        self.of_order.setdefault(key[0], []).append(len(self.happened))
        self.happened.append(key)
        self.times.append(self._now())
        if action == MATCHED:
            fill = order.last.fill
            self.fills.setdefault(str(order.id), []).append((fill.number, fill.size))
        self._listener.order_changed(order, action)

    def __getattr__(self, name):
        return getattr(self._listener, name)


def recorded(world, markets, kind):
    """A recorder of that kind, `Told` or more, behind the trading of each market."""
    recorders = {}
    for market in markets:
        trading = world.exchange.trader._trading[market]
        trading.listener = recorders[market] = kind(trading.listener, lambda: world.now)
    return recorders


def audience_of(world):
    """Who hears what the client of a world has to say; nobody reads his log."""
    return Audience(
        world.engine,
        Journal(logging.Logger("of nobody", logging.CRITICAL)),
        on_error=None,
        on_outage=None,
        explain=lambda book: "",
        now=lambda: world.now,
    )


def taken(box):
    """What is in a mailbox; None for each hole."""
    while True:
        try:
            yield box.take()
        except StreamGap:
            yield None
        except Empty:
            return
