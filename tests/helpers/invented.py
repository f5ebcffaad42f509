"""A protocol that never was, unlike both of BitMart's, and an exchange that speaks it.

Its words: `{"ch": "book", "sym": ..., "data": {"b": ..., "a": ..., "n": ..., "t": ...}}`, commands
as bare text, `hello?` answered by `{"here": true}`. All the client needs to speak it is this
profile.
"""

import json

from bitmart_book.sim.exchange import Send
from bitmart_book.venues.profile import (
    BookChannel,
    Framing,
    Limits,
    Profile,
    Rate,
    Reply,
    Server,
    Speech,
    Symbols,
    Venue,
)


def classify(message):
    if message.get("here"):
        return Reply(kind="pong")
    if message.get("ok") is not None:
        return Reply(kind="ack", operation="subscribe", topic=message["ok"])
    return None


INVENTED = Venue(
    profiles=(
        Profile(
            market="moon",
    framing=Framing(
            channel_key="ch",
            channel_prefix="moon/",
            symbol_key="sym"
    ),
            books=(
                BookChannel(
                    name="moon/book", kind="sequenced", window=3, bids="b", asks="a",
                    sequence="n", time="at", type="t",
                ),
            ),
            streams=(),
            default_book="moon/book",
    symbols=Symbols(
            owns=lambda symbol: symbol.isupper(),
            check_topic=lambda topic: None
    ),
            endpoint="moon_public",
    server=Server(
            url="wss://moon.invalid/"
    ),
            limits=Limits(
                connections=2, connects=Rate(10, 60.0), messages=Rate(10, 10.0),
                topics_per_connection=5, topics_per_message=1, topic_bytes_per_message=100,
                message_bytes=100, idle_seconds=20.0, lifeless_seconds=60.0,
            ),
    speech=Speech(
            ping='"hello?"',
            encode=lambda operation, topics: f"{operation} {topics[0]}"
    ),
            classify=classify,
            can_request=True,
),
    )
)  # fmt: skip


class InventedExchange:
    """Three levels of cheese, a change every half second."""

    def __init__(self):
        self.breaches = {}
        self._subscribers = set()
        self._output = []
        self._due = 0.0
        self._number = 7
        self._losing = False

    def connect(self, endpoint, now):
        return 1

    def feed_of(self, connection):
        """None of the feeds of venues that are known."""

    def disconnected(self, connection, now):
        self._subscribers.discard(connection)

    def lose_one(self):
        self._losing = True

    def receive(self, connection, payload, now):
        if payload == '"hello?"':
            self._output.append(Send(connection, '{"here": true}'))
            return
        operation, topic = payload.split()
        if operation == "subscribe":
            self._output.append(Send(connection, json.dumps({"ok": topic})))
            self._subscribers.add(connection)
        self._tell(connection, "snapshot")

    def advance(self, now):
        while self._due <= now:
            self._due += 0.5
            self._number += 1
            for connection in self._subscribers:
                if not self._losing:
                    self._tell(connection, "update")
            self._losing = False

    def next_deadline(self):
        return self._due

    def output(self):
        output, self._output = self._output, []
        return output

    def _tell(self, connection, kind):
        bids = [["1.5", str(3 + self._number)]]
        data = {"b": bids, "a": [["1.75", "1"]], "n": self._number, "t": kind, "at": 5}
        self._output.append(
            Send(connection, json.dumps({"sym": "CHEESE", "ch": "book", "data": data}))
        )
