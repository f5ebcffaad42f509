"""Public trades: what the exchange traded of one symbol, and how much of it a user was told."""

from decimal import Decimal


class Deals:
    """One symbol's trades, in their order.

    `lost`, `twice` and `invented` are what was found: told too little without a gap, told again, or
    of what never was.
    """

    def __init__(self, exchange, topic):
        self.told = self.gaps = 0
        self.lost, self.twice, self.invented = [], [], []
        channel, _, symbol = topic.partition(":")
        self._venue = exchange.futures if channel.startswith("futures") else exchange.spot
        self._by_id = channel.startswith("futures")
        self._symbol = symbol
        self._tape = self._venue.publisher(symbol).tape
        listing = self._venue.publisher(symbol).listing
        self._scales = listing.price_decimals, listing.size_decimals
        self._seen = self._tape.trades
        self._happened = []
        self._where = {}
        self._next = None
        self._gapped = True
        self._pending = []

    def look(self):
        """Take down what was traded since the last look; the tape remembers 200 trades."""
        count = self._tape.trades - self._seen
        latest = list(self._tape.prints)[-count:] if count else []
        if len(latest) < count:
            self.hole()
        first = self._tape.trades - len(latest) + 1
        # Those of one push are told in the order of their milliseconds; the clock that stamps
        # them may have been set since the last look.
        numbered = sorted(enumerate(latest, first), key=lambda pair: round(1000 * pair[1][1].time))
        for number, (time_ms, print_) in numbered:
            key = (print_.price, print_.size, print_.taker, time_ms)
            if self._by_id:
                key = self._venue.trade_id(self._symbol, number)
            self._where.setdefault(key, []).append(len(self._happened))
            self._happened.append(key)
        self._seen = self._tape.trades

    def hole(self):
        """Something may be missing here, and the user knows."""
        self._gapped = True
        self._pending.clear()
        self.gaps += 1

    def tell(self, trade):
        """The user was told of a trade."""
        at = self._place(self._key(trade))
        if at is None:
            known = self._key(trade) in self._where
            (self.twice if known else self.invented).append(trade)
            return
        self.told += 1
        if self._next is not None and not self._gapped and at > self._next:
            self._pending.append(self._happened[self._next : at])
        self._next, self._gapped = at + 1, False

    def taken(self):
        """The user has taken all that there was. Of a push whose first rows could not be read the
        others are told first, and then the gap: it would have come by now."""
        self.lost += self._pending
        self._pending.clear()

    def at_rest(self):
        """Nothing is under way: everything was told, or a gap says that it was not."""
        if not self._gapped and self._next is not None and self._next < len(self._happened):
            self.lost.append(self._happened[self._next :])

    def _place(self, key):
        """The first of these trades that was not told yet: twins are told one after the other."""
        return next((at for at in self._where.get(key, ()) if at >= (self._next or 0)), None)

    def _key(self, trade):
        if self._by_id:
            return trade.trade_id
        price, size = trade.exact
        ticks, lots = (
            int(Decimal(value).scaleb(scale))
            for value, scale in zip((price, size), self._scales, strict=True)
        )
        return ticks, lots, str(trade.side), trade.time_ms
