"""BitMart in a box: a local exchange that speaks BitMart's spot, futures and gen-1 protocols.

`Simulator` serves it on a websocket, with an account of its own whose orders rest in its markets;
`Exchange` is the same without sockets or clock, for tests under a virtual time; `Faults` is what
goes wrong between it and its clients.
"""

from bitmart_book.sim.exchange import Close, Exchange, Knobs, Ping, Pong, Refusal, Send
from bitmart_book.sim.faults.faults import Faults
from bitmart_book.sim.faults.kinds import ELSEWHERE, KINDS, parse
from bitmart_book.sim.faults.network import Kind
from bitmart_book.sim.market.market import (
    CaptureMarket,
    Listing,
    Market,
    SeededMarket,
    capture_markets,
    listings,
)
from bitmart_book.sim.server import Simulator

__all__ = [
    "CaptureMarket",
    "Close",
    "ELSEWHERE",
    "Exchange",
    "Faults",
    "KINDS",
    "Kind",
    "Knobs",
    "Listing",
    "Market",
    "Ping",
    "Pong",
    "Refusal",
    "SeededMarket",
    "Send",
    "Simulator",
    "capture_markets",
    "listings",
    "parse",
]
