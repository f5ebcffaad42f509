"""A client driven by hand: no network, no waiting, and each message when the test says so."""

import random

import bitmart_book as bb
from bitmart_book.client.client import Client
from bitmart_book.client.intake import Intake
from bitmart_book.client.limits import Limiter
from bitmart_book.client.outbox import Close, Open, Send
from bitmart_book.venues import BITMART

CANARY = {"key": "canary-key-1", "secret": "canary-secret-2", "memo": "canary-memo-3"}


class ByHand:
    """Opens connections at once, remembers what was sent, and takes in what the test says. Pings
    are remembered by themselves; who wants them answered does so.

    `name` and `generation` are those of the connection that was opened last.
    """

    def __init__(self, **options):
        self.now = 100.0
        self.wall = 1_787_000_000_000
        self.engine = bb.Engine(clock=lambda: int(self.now * 1e9), only_known=True)
        options.setdefault("credentials", bb.Credentials(**CANARY))
        self.client = Client(
            self.engine,
            BITMART,
            rng=random.Random(1),
            limiter=Limiter(),
            wall_ms=lambda: self.wall,
            **options,
        )
        self.intake = Intake(self.engine, self.client, self, self)
        self.sent = []
        self.logins = []
        self.pings = []
        self.events = []
        self.pushes = []
        self.changes = []
        self.opens = 0
        self.generation = 0

    def step(self, seconds=0.0):
        """Time goes on, and the client is called, as it wanted to be."""
        self.now += seconds
        self.client.next_deadline(self.now)
        return self.intake.advance(self.now)

    def hear(self, message, *, compressed=False):
        """A message has arrived on the last connection; returns whether the client was called."""
        payload = message.encode() if isinstance(message, str) else message
        return self.intake.receive(
            self.name, self.generation, payload, compressed, None, int(self.now * 1e9)
        )

    def carry_out(self):
        while actions := self.client.outbox.take_actions():
            for action in actions:
                if isinstance(action, Open):
                    self.opens += 1
                    self.name = action.connection
                    self.generation = self.client.opened(action.connection, self.now)
                elif isinstance(action, Send):
                    self._place(action).append(action.text)
                    assert not any(value in repr(action) for value in CANARY.values())
                else:
                    assert isinstance(action, Close)
        self.events += self.client.outbox.take_events()
        self.pushes += self.client.outbox.take_pushes()

    def _place(self, action):
        if action.secret:
            return self.logins
        profile = self.client.connections[action.connection].profile
        return self.pings if action.text == profile.speech.ping else self.sent

    def applied(self):
        self.changes.append([book.last_change for book in self.engine.touched])

    @property
    def is_open(self):
        """Whether the last connection still has its socket."""
        return self.client.connections.generation(self.name) is not None

    def kinds(self):
        return [event.kind for event in self.events]
