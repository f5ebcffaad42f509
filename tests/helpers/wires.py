"""A plain client behind the faults of the simulated exchange, under a virtual clock.

It does what anybody would: subscribes on each of its connections, opens those anew that have ended,
and subscribes a book again on a connection where it was lost. It keeps no book that it cannot
prove, but proves nothing by time.
"""

import json
import random

from bitmart_book.sim import Close, Exchange, Faults, Refusal, Send
from bitmart_book.sim.faults.wires import Reset
from tests.helpers.plain import PlainBybit, PlainKraken, PlainOkx

STEP = 0.05
LOOK = 1.5


def _kraken(op, symbols):
    return json.dumps({"method": op, "params": {"channel": "book", "symbol": symbols}})


def _okx(op, symbols):
    return json.dumps({"op": op, "args": [{"channel": "books", "instId": s} for s in symbols]})


def _bybit(op, symbols):
    return json.dumps({"op": op, "args": [f"orderbook.50.{symbol}" for symbol in symbols]})


VENUES = {
    "kraken": (
        "kraken_public",
        "book10",
        lambda: PlainKraken(10),
        _kraken,
        '{"method":"ping"}',
        10,
    ),
    "okx": ("okx_public", "books", PlainOkx, _okx, "ping", 400),
    "bybit": ("bybit_public", "orderbook.50", PlainBybit, _bybit, '{"op":"ping"}', 50),
}
TOPICS = {"kraken": "{}", "okx": "books:{}", "bybit": "orderbook.50.{}"}


class Wires:
    """Some connections to one venue, each with a client of its own."""

    def __init__(self, venue, spec, symbols, *, lines=1, seed=1, speed=1.0):
        self.venue = venue
        self.symbols = symbols
        self.endpoint, self.channel, self._client, self._ask, self._ping, self.levels = VENUES[
            venue
        ]
        self.exchange = Exchange(venue=venue, symbols=symbols, seed=seed, speed=speed)
        self.now = 0.0
        self.faults = Faults("", rng=random.Random(f"faults {seed}"), exchange=self.exchange)
        self.clients, self.old = {}, []
        self.frames, self.unreadable = 0, 0
        self._lines = lines
        self._pinged = self._looked = 0.0
        self._again = {}
        self._open()
        self.pump()
        self.faults.start(spec, 0.0)

    def _open(self):
        while len(self.clients) < self._lines:
            refusal = self.faults.connecting(self.now)
            answer = refusal or self.exchange.connect(self.endpoint, self.now)
            if isinstance(answer, Refusal):
                return
            self.clients[answer] = self._client()
            self.faults.opened(answer, self.now)
            self.say(answer, self._ask("subscribe", self.symbols))

    def say(self, connection, text):
        for heard in self.faults.incoming(connection, text, self.now):
            self.exchange.receive(connection, heard, self.now)

    def run(self, seconds, look=lambda: None):
        until = self.now + seconds
        while self.now < until - 1e-9:
            self.now += STEP
            self.exchange.advance(self.now)
            self.pump()
            if self.now > self._pinged + 15:
                self._pinged = self.now
                for connection in list(self.clients):
                    self.say(connection, self._ping)
            self._open()
            self._subscribe_again()
            if self.now > self._looked + LOOK:
                self._looked = self.now
                look()

    def pump(self):
        while ops := [
            *self.faults.advance(self.now),
            *self.faults.outgoing(self.exchange.output(), self.now),
        ]:
            for op in ops:
                if isinstance(op, Send):
                    self.hear(op)
                elif isinstance(op, Close | Reset) and op.connection in self.clients:
                    self.faults.gone(op.connection)
                    self.old.append(self.clients.pop(op.connection))

    def hear(self, op):
        client = self.clients.get(op.connection)
        if client is None:
            return
        self.frames += 1
        before = len(client.wrong)
        try:
            client.hear(op.payload)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
                AssertionError, RecursionError):  # fmt: skip
            self.unreadable += 1
            # Who cannot read a frame does not know what it was about.
            for symbol in self.symbols:
                client.lost(TOPICS[self.venue].format(symbol), "unreadable")
        topics = {topic for topic, _ in client.wrong[before:]}
        again = [s for s in self.symbols if TOPICS[self.venue].format(s) in topics]
        if again:
            self._again.setdefault(op.connection, []).extend(again)

    def _subscribe_again(self):
        """What was lost. Not at once: of an empty market each snapshot is empty."""
        again, self._again = self._again, {}
        for connection, symbols in again.items():
            if connection in self.clients:
                wanted = list(dict.fromkeys(symbols))
                self.say(connection, self._ask("unsubscribe", wanted))
                self.say(connection, self._ask("subscribe", wanted))

    def truth(self, client, symbol):
        """What the exchange had told by the last message of a symbol that this client has read."""
        topic = TOPICS[self.venue].format(symbol)
        key = self.exchange.markets.key(symbol)
        version = self.exchange.markets.told_version(key, self.channel, client.marks[topic])
        return None if version is None else self.exchange.markets.window(key, version, self.levels)

    def compare(self):
        """(books that are shown, those of them that are not what the exchange had then)."""
        shown = wrong = 0
        for client in self.clients.values():
            for symbol in self.symbols:
                topic = TOPICS[self.venue].format(symbol)
                if topic in client.books:
                    shown += 1
                    wrong += client.sides(topic) != self.truth(client, symbol)
        return shown, wrong

    def wrong(self):
        """What the clients have noticed."""
        return [why for c in (*self.clients.values(), *self.old) for _, why in c.wrong]
