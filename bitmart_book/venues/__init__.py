"""The only place that knows BitMart's words: one file per protocol generation."""

from bitmart_book.venues.futures import FUTURES
from bitmart_book.venues.profile import BookChannel, Profile, TradeChannel, Venue
from bitmart_book.venues.spot import SPOT

__all__ = ["BITMART", "BookChannel", "Profile", "TradeChannel", "Venue"]

BITMART = Venue(profiles=(SPOT, FUTURES))
