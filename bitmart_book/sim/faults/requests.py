"""Faults of what a client says and how it is answered."""

from __future__ import annotations

from bitmart_book.sim.exchange import Send
from bitmart_book.sim.faults.filters import nothing, updates_of
from bitmart_book.sim.faults.frames import Seen, acks, server_error, wrong_ack
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["KINDS"]


def lost_request(net: Network, word: Word) -> None:
    def act(connection: int, text: str) -> list[str] | None:
        if '"request"' not in text:
            return None
        net.filters.unhear(act)
        net.log.count(word.name, str(connection))
        return []

    net.filters.hear(act)
    symbol = net.markets.symbol(word)
    if symbol is not None:
        net.filters.once(word, updates_of(symbol), nothing, count=False)


def subscription(net: Network, word: Word) -> None:
    def act(connection: int, text: str) -> list[str] | None:
        if '"subscribe"' not in text:
            return None
        net.filters.unhear(act)
        net.log.count(word.name, str(connection))
        if word.name == "ackonly":
            answers = acks(text, net.wires.shape(connection))
        elif word.name == "suberror":
            answers = server_error(text, net.wires.shape(connection))
        else:
            answers = []
        for answer in answers:
            net.wires.arrive(Send(connection, answer))
        return []

    if net.reset_some_line():
        net.filters.hear(act)


def lost_ack(net: Network, word: Word) -> None:
    def becomes(seen: Seen) -> list[str | bytes] | None:
        return [] if word.name == "lostack" else wrong_ack(seen, net.rng)

    if net.reset_some_line():
        net.filters.once(word, lambda seen: seen.is_ack, becomes)


def no_pong(net: Network, word: Word) -> None:
    net.while_on_a_line(word, lambda seen: seen.is_pong)


KINDS: dict[str, Kind] = {
    "lostrequest": Kind(lost_request, (), 3.0, 0.1, 0.0, "a request for a snapshot is not heard"),
    "lostsub": Kind(subscription, (46,), 1.0, 0.025, 0.0, "a subscription is not heard"),
    "ackonly": Kind(subscription, (46,), 1.0, 0.025, 0.0, "a subscription is only acknowledged"),
    "suberror": Kind(subscription, (), 1.0, 0.025, 0.0, "a subscription meets an internal error"),
    "lostack": Kind(lost_ack, (46,), 1.0, 0.025, 0.0, "an acknowledgement is lost"),
    "wrongack": Kind(lost_ack, (46,), 1.0, 0.025, 0.0, "an acknowledgement names another topic"),
    "nopong": Kind(no_pong, (48,), 1.0, 0.04, 20.0, "pings are not answered"),
}
