"""Which topics a user's words mean: of a symbol, of a kind of value, of an account."""

from __future__ import annotations

from collections.abc import Iterable

from bitmart_book.errors import UsageError
from bitmart_book.venues.profile import StreamChannel, Topic, Venue

__all__ = ["Words"]


class Words:
    """What words mean at a venue, or at several. UsageError for what cannot exist there."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def topics(
        self, words: Iterable[str], channel: str | None = None, market: str | None = None
    ) -> list[str]:
        """The raw topics that these symbols or topics mean, each once."""
        return [
            self._venue.topic(word, channel=channel, market=market) for word in dict.fromkeys(words)
        ]

    def stream(self, topic: str, *kinds: str) -> str:
        """A raw topic, if it brings values of these kinds, or of any."""
        channel = Topic.parse(topic).channel
        stream = self._venue.topic_profile(topic).stream(channel)
        if stream is None:
            raise UsageError(f"{topic} is a book's topic: subscribe({topic!r}) gives the book")
        if kinds and stream.kind not in kinds:
            raise UsageError(f"{topic} brings values of kind {stream.kind!r}, not {kinds[0]!r}")
        return topic

    def of_kind(self, kind: str, symbol: str, step: str | None = None, *others: str) -> str:
        """The topic of that kind in the market of a symbol; a raw topic of it, or of the other
        kinds that are as good, is taken as it is."""
        if self._venue.is_topic(symbol):
            return self.stream(symbol, kind, *others)
        market = self._venue.book_channel(symbol)[0].market
        for stream in self._channels(kind, market, step):
            return f"{stream.name}:{self._venue.bare(symbol)}"
        steps = sorted({stream.step for stream in self._channels(kind, market)})
        there = f"; there is: {', '.join(steps)}" if steps and step else ""
        raise UsageError(f"{market} has no {kind}{f' of {step}' if step else ''}{there}")

    def own(self, kind: str, market: str | None) -> str:
        """The topic that brings all of a kind of the account, of a market, or of the first one
        that has such a thing."""
        wanted = market or self._own_market(kind)
        for stream in self._channels(kind, wanted):
            if stream.whole:
                return stream.whole[0]
        raise UsageError(f"{wanted} has no {kind}s")

    def _own_market(self, kind: str) -> str:
        """The market of an account where none is said: the first that has such a thing."""
        markets = [
            profile.market
            for profile in self._venue.profiles
            if profile.private and any(stream.kind == kind for stream in profile.streams)
        ]
        return markets[0] if markets else "spot"

    def fills(self, symbol: str | None, market: str | None) -> str:
        """The topic that tells of executions: of their own, or inside words about orders."""
        if market is None and symbol is not None:
            market = self._venue.book_channel(symbol)[0].market
        wanted = market or self._own_market("order")
        kind = "fill" if self._channels("fill", wanted) else "order"
        return self.own(kind, wanted)

    def balances(self, currency: str | None, market: str | None) -> str:
        """The topic of own balances; on futures of one currency."""
        if market != "futures":
            return self.own("balance", market)
        (stream,) = self._channels("balance", "futures")
        return f"{stream.name}:{currency or 'USDT'}"

    def _channels(self, kind: str, market: str, step: str | None = None) -> list[StreamChannel]:
        return [stream for _, stream in self._venue.streams(kind, market=market, step=step)]
