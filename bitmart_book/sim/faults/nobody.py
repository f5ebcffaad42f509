"""Faults of frames that are nobody's, of one symbol in permanent trouble, of one odd price."""

from __future__ import annotations

import re

from bitmart_book.sim.exchange import Send
from bitmart_book.sim.faults.filters import updates_of
from bitmart_book.sim.faults.frames import Seen, book_of
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["KINDS"]

# Whole, and of no book: what servers, proxies and load balancers say beside the point.
NOBODYS = (
    "",
    '""',
    "null",
    "[]",
    "{}",
    "ping",
    '{"data":{}}',
    '{"event":"notice","message":"maintenance"}',
    "<html><body>502 Bad Gateway</body></html>",
)
EVERY = 1.0
BEHIND = 110
FAR = '["99999999","1"]'
FAR_GONE = '["99999999","0"]'


def nobody(net: Network, word: Word) -> None:
    line = net.wires.line()
    if line is None:
        return
    connection, over = line.id, net.now + net.seconds(word)

    def tell() -> None:
        if net.now < over:
            net.wires.arrive(Send(connection, net.rng.choice(NOBODYS)))
            net.at(net.now + 2 * EVERY, tell)

    tell()
    net.log.count(word.name, str(connection), over)


def ill(net: Network, word: Word) -> None:
    """Beside its updates a symbol has a frame each second that cannot be read."""
    symbol = net.markets.symbol(word)
    if symbol is None:
        return
    over = net.now + net.seconds(word)
    row = net.rng.choice(('["0","0"]', '["NaN","1"]', '["1","-1"]', '["1"]'))

    def tell() -> None:
        if net.now >= over or net.exchange.markets.is_paused(symbol):
            return
        heartbeat = net.exchange.markets.snapshot(symbol)
        head = re.sub(r'"asks":.*?"ms_t"', f'"asks":[{row}],"bids":[],"ms_t"', heartbeat, count=1)
        frame = head.replace('"snapshot"', '"update"')
        for connection in net.exchange.markets.subscribed().get(symbol, ()):
            net.wires.arrive(Send(connection, frame))
        net.at(net.now + EVERY, tell)

    tell()
    net.log.count(word.name, book_of(symbol), over)


def far(net: Network, word: Word) -> None:
    """Somebody asks a price that fits into no book beside the others, for a while."""
    symbol = net.markets.symbol(word)
    # Behind so many levels it is in no snapshot, and nobody can take it for the end of the book.
    if symbol is None or len(net.exchange.spot.publisher(symbol).market.asks.keys) <= BEHIND:
        return

    def with_row(row: str) -> None:
        def becomes(seen: Seen) -> list[str | bytes]:
            text = re.sub(r'"asks":\[(\[?)', rf'"asks":[{row},\1', seen.text, count=1)
            return [seen.like(text.replace(row + ",]", row + "]"))]

        net.filters.once(word, updates_of(symbol), becomes, count=row == FAR)

    with_row(FAR)
    net.until(net.now + net.seconds(word), lambda: with_row(FAR_GONE))


KINDS: dict[str, Kind] = {
    "nobody": Kind(
        nobody, (34,), 0.5, 0.06, 20.0, "frames that are nobody's come beside the others"
    ),
    "ill": Kind(ill, (88,), 0.5, 0.06, 20.0, "a symbol sends an unreadable frame each second"),
    "far": Kind(far, (25,), 1.0, 0.06, 10.0, "one price is at 99999999, and gone again"),
}
