"""BitMart, and other venues, without sockets: what servers answer, and push, and forbid.

Bytes and the time come in, frames and closes come out of `output`. No socket, no clock and no
global random: the same calls give the same bytes. What may go wrong on the way between exchange
and client is not decided here; whoever carries the frames can lose or delay them. What BitMart
left undocumented, or what was seen in two forms, is a knob.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from decimal import Decimal

from bitmart_book.errors import UsageError
from bitmart_book.model import Instrument
from bitmart_book.sim.account import bybit_private
from bitmart_book.sim.account.accounts import FuturesAccount, SpotAccount
from bitmart_book.sim.account.private import FuturesPrivate, Keys, SpotPrivate
from bitmart_book.sim.account.trader import Trader
from bitmart_book.sim.account.trading import Trading
from bitmart_book.sim.market.contracts import Contract, contracts
from bitmart_book.sim.market.market import Listing, Market, listings
from bitmart_book.sim.venue.clock import Clock
from bitmart_book.sim.venue.futures import Futures
from bitmart_book.sim.venue.knobs import Knobs
from bitmart_book.sim.venue.legacy import Legacy
from bitmart_book.sim.venue.lines import Close, Lines, Ping, Pong, Refusal, Rules, Send
from bitmart_book.sim.venue.markets import Markets
from bitmart_book.sim.venue.public import PublicFeed
from bitmart_book.sim.venue.spot import Spot
from bitmart_book.sim.venue.venues import addresses

__all__ = ["Close", "Exchange", "Knobs", "Ping", "Pong", "Refusal", "Send"]

# Ids of orders look like BitMart's, and tell the markets apart.
FIRST_ORDER_IDS = {"spot": 24_807_076_000, "futures": 230_000_000_000_000, "demo": 1_000_000_000}
DEMO_SEED = 1_000_003


class Exchange:
    """A seeded BitMart. Every method that takes `now` first lets happen what is due until then.

    `now` is in seconds since the exchange began and never goes back; what is on the wire is
    stamped `start_ms` later. `symbols` with an underscore are spot's, others are contracts; of a
    kind that is not named there is nothing. `venue` names one or several other venues, each of
    which has its public addresses beside BitMart's: of `symbols` they list those that are spelled
    as there, like "BTC/USD". `markets` are used for their symbols, and are the only
    ones on spot unless `symbols` names more. `history` versions of each book can be asked for, and
    of as many there is a `glimpse` of the best `glimpses` levels. `speed` makes the markets
    livelier, not the clock. `clock_ms` is what logins are judged by, the stamp of `now` if there is
    none.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        venue: str | Sequence[str] = "bitmart",
        knobs: Knobs | None = None,
        symbols: Sequence[str] | None = None,
        extra_symbols: int = 0,
        extra_rate: float = 4.0,
        markets: Iterable[Market] | None = None,
        start_ms: int = 1_787_000_000_000,
        speed: float = 1.0,
        history: int = 5_000,
        glimpses: int = 0,
        clock_ms: Callable[[], int] | None = None,
    ) -> None:
        if not (speed > 0 and math.isfinite(speed)):
            raise UsageError(f"speed must be above zero, was {speed}")
        self.knobs = knobs or Knobs()
        self.clock = Clock(start_ms)
        """What it stamps its words by."""
        self._clock_ms = clock_ms
        self._lines = Lines(random.Random(f"exchange {seed}"), self.knobs.enforce_limits)
        self.paths: dict[str, str] = {}
        """Where the addresses of other venues are found, by endpoint."""
        self.feeds: dict[str, PublicFeed] = {}
        """Other venues' addresses by their markets, like "kraken" and "bybit-spot"."""
        for address in addresses(venue):
            feed = self.feeds[address.market] = address.make(
                self._lines,
                address.listed(symbols, extra_symbols, extra_rate),
                market=address.market,
                seed=seed,
                clock=self.clock,
                speed=speed,
                history=history,
                glimpses=glimpses,
            )
            self.paths[address.endpoint] = address.path
            self._lines.endpoints[address.endpoint] = feed
            self._lines.rules[address.endpoint] = address.rules
            self._lines.greetings[address.endpoint] = feed.greet
        if symbols is not None:
            # What is spelled as nowhere else is left to BitMart, which refuses it if need be.
            symbols = [name for name in symbols if self._bitmart_has(name)]
        known = {market.listing.symbol: market for market in markets or ()}
        named = list(symbols) if symbols is not None else [] if known else None
        spot_names = named and [name for name in named if "_" in name]
        self.listings: dict[str, Listing] = {
            **listings(spot_names, extra_symbols, extra_rate),
            **{symbol: market.listing for symbol, market in known.items()},
        }
        """Every symbol that can be subscribed on spot."""
        futures_names = symbols and [name for name in symbols if "_" not in name]
        self.contracts: dict[str, Contract] = contracts(futures_names, extra_symbols, extra_rate)
        """Every contract that can be subscribed."""
        self.keys = Keys.of(seed)
        """What logs in to the private addresses."""
        self.spot = Spot(
            self._lines,
            self.knobs,
            self.listings,
            known,
            seed=seed,
            clock=self.clock,
            speed=speed,
            history=history,
            glimpses=glimpses,
            settle=lambda symbol: self._trading["spot"].settle(symbol),
        )
        self.futures = self._futures("futures", seed, speed, glimpses)
        self.demo = self._futures("demo", seed + DEMO_SEED, speed, 0)
        self.markets = Markets(self.spot, self.listings, (self.futures, self.demo), self.feeds)
        """What is true of each symbol, and what may be done to it."""
        self._trading = self._accounts()
        self.trader = Trader(self._lines, self._trading)
        """Own orders, money and positions."""
        self._open_endpoints(seed)

    def _futures(self, market: str, seed: int, speed: float, glimpses: int) -> Futures:
        return Futures(
            self._lines,
            self.knobs,
            self.contracts,
            seed=seed,
            clock=self.clock,
            speed=speed,
            glimpses=glimpses,
            settle=lambda symbol: self._trading[market].settle(symbol),
        )

    def _accounts(self) -> dict[str, Trading]:
        lines, knobs = self._lines, self.knobs
        found: dict[str, Trading] = {}
        account = SpotAccount(self.listings)
        found["spot"] = Trading(lines, self.spot, account, "spot", FIRST_ORDER_IDS["spot"])
        for market, venue in (("futures", self.futures), ("demo", self.demo)):
            isolated = knobs.open_type == "isolated"
            margin = FuturesAccount(self.contracts, knobs.leverage, isolated)
            found[market] = Trading(lines, venue, margin, market, FIRST_ORDER_IDS[market])
        return found

    def _open_endpoints(self, seed: int) -> None:
        lines, knobs, trading = self._lines, self.knobs, self._trading
        account = trading["spot"].account
        assert isinstance(account, SpotAccount)
        private = SpotPrivate(
            lines,
            knobs,
            self.keys,
            account,
            self.listings,
            seed=seed,
            now_ms=self._now_ms,
            login_ms=self._login_ms,
        )
        trading["spot"].listener = private
        lines.endpoints["spot_public"] = self.spot
        lines.endpoints["spot_private"] = private
        lines.endpoints["legacy"] = Legacy(lines, knobs, self.listings, self.spot.publisher)
        for prefix, market, venue in (
            ("", "futures", self.futures),
            ("demo_", "demo", self.demo),
        ):
            margin = trading[market].account
            assert isinstance(margin, FuturesAccount)
            futures = FuturesPrivate(
                lines, knobs, self.keys, margin, venue, login_ms=self._login_ms
            )
            trading[market].listener = futures
            lines.endpoints[f"{prefix}futures_public"] = venue
            lines.endpoints[f"{prefix}futures_private"] = futures
        if "bybit" in self.feeds:
            self._open_bybit(seed)
        names = [name for name in lines.endpoints if name not in self.paths]
        lines.rules.update({name: self._rules(name) for name in names})

    def _open_bybit(self, seed: int) -> None:
        """Its private address, with an account of its own for spot and linear contracts."""
        address, trading = bybit_private.open_accounts(
            self._lines, self.feeds, self.keys, seed=seed, clock=self.clock,
            login_ms=self._login_ms,
        )  # fmt: skip
        self._trading.update(trading)
        for endpoint in bybit_private.ENDPOINTS:
            self.paths[endpoint] = bybit_private.PATH
            self._lines.endpoints[endpoint] = address
            self._lines.rules[endpoint] = self._lines.rules["bybit_public"]

    def _bitmart_has(self, symbol: str) -> bool:
        """Whether a name is one of BitMart's: those of other venues have signs that it has not."""
        elsewhere = any(symbol in feed.listings for feed in self.feeds.values())
        return not elsewhere or re.fullmatch(r"[A-Za-z0-9_]+", symbol) is not None

    def _rules(self, endpoint: str) -> Rules:
        knobs = self.knobs
        if endpoint == "legacy":
            # Gen-1 knows no compression, and documents no idle limit.
            return Rules(
                connections=None,
                connects=(knobs.legacy_connects, knobs.legacy_connects_seconds),
                messages=None,
                idle=None,
                lifeless=knobs.legacy_lifeless_seconds,
                opcode="text",
                compress_replies=False,
                pong_frames=True,
            )
        if endpoint.startswith("spot"):
            private = endpoint == "spot_private"
            return Rules(
                connections=knobs.private_connections if private else knobs.connections,
                connects=(knobs.connects, knobs.connects_seconds),
                messages=(knobs.messages, knobs.messages_seconds),
                idle=knobs.idle_seconds,
                lifeless=knobs.lifeless_seconds,
                opcode=knobs.opcode,
                compress_replies=knobs.compress_replies,
                pong_frames=knobs.pong_frames,
            )
        return Rules(
            connections=knobs.futures_connections,
            connects=(knobs.futures_connects, knobs.futures_connects_seconds),
            messages=None,
            idle=knobs.futures_idle_seconds,
            lifeless=knobs.futures_lifeless_seconds,
            opcode=knobs.futures_opcode,
            compress_replies=False,
            pong_frames=True,
            ping_after=knobs.futures_ping_seconds,
        )

    def _now_ms(self) -> int:
        return self.clock.ms(self._lines.now)

    def _login_ms(self) -> int:
        clock = self._now_ms if self._clock_ms is None else self._clock_ms
        return clock() + round(self.knobs.login_clock * 1000)

    # Connections

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names of its addresses."""
        return tuple(self._lines.endpoints)

    @property
    def breaches(self) -> Counter[str]:
        """Every limit that a client broke, by its name."""
        return self._lines.breaches

    def connect(self, endpoint: str, now: float, address: str = "127.0.0.1") -> int | Refusal:
        """A client asks for a connection to an endpoint, like "spot_public"."""
        if endpoint not in self._lines.endpoints:
            raise UsageError(f"no endpoint {endpoint!r}; there is: {', '.join(self.endpoints)}")
        self.advance(now)
        answer = self._lines.connect(endpoint, address)
        return answer if isinstance(answer, Refusal) else answer.id

    def disconnected(self, connection: int, now: float) -> None:
        """The client has gone, or the network has cut it off. Unknown ones are ignored."""
        self.advance(now)
        found = self._lines.get(connection)
        if found is not None:
            self._lines.forget(found)

    def receive(self, connection: int, payload: str | bytes, now: float) -> None:
        """A message of a client: a text as str, a binary one as bytes."""
        self.advance(now)
        found = self._lines.get(connection)
        if found is not None:
            self._lines.receive(found, payload)

    def ping_frame(self, connection: int, now: float, payload: bytes = b"") -> None:
        """A protocol ping of a client. Spot does not answer it, nor does it keep spot awake."""
        self.advance(now)
        found = self._lines.get(connection)
        if found is not None:
            self._lines.ping_frame(found, payload)

    # Time

    def advance(self, now: float) -> None:
        """Let everything happen that is due until now."""
        self._lines.advance(now)

    def next_deadline(self) -> float | None:
        """When `advance` has something to do next."""
        return self._lines.next_deadline()

    def output(self) -> list[Send | Close | Pong | Ping]:
        """What is to be done, in this order; each only once."""
        return self._lines.output()

    # What is true

    def feed_of(self, connection: int) -> PublicFeed | None:
        """The other venue's address that a connection belongs to; None: BitMart's, or gone."""
        found = self._lines.get(connection)
        endpoint = None if found is None else self._lines.endpoints[found.endpoint]
        return endpoint if isinstance(endpoint, PublicFeed) else None

    def instruments(self, markets: Collection[str] | None = None) -> dict[str, Instrument]:
        """What the exchange says about each symbol and each contract, of these markets (None: of
        all). Of several that have one symbol the later ones are under "market:symbol"."""
        found: dict[str, Instrument] = {}
        for one in self._listed_instruments():
            if markets is None or one.market in markets:
                named = one.symbol if one.symbol not in found else f"{one.market}:{one.symbol}"
                found[named] = one
        return found

    def _listed_instruments(self) -> Iterator[Instrument]:
        for symbol, listing in self.listings.items():
            base, _, quote = symbol.partition("_")
            yield Instrument(
                symbol=symbol,
                market="spot",
                tick=Decimal(1).scaleb(-listing.price_decimals),
                lot=Decimal(1).scaleb(-listing.size_decimals),
                base=base,
                quote=quote or None,
                status="trading",
            )
        for symbol, contract in self.contracts.items():
            yield Instrument(
                symbol=symbol,
                market="futures",
                tick=Decimal(1).scaleb(-contract.listing.price_decimals),
                lot=Decimal(1),
                base=contract.base,
                quote="USD" if contract.inverse else contract.settle,
                contract_size=contract.size,
                inverse=contract.inverse,
                status="Trading",
            )
        for feed in self.feeds.values():
            yield from map(feed.instrument, feed.listings)
