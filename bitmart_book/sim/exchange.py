"""BitMart, and other venues, without sockets: what servers answer, and push, and forbid.

Bytes and the time come in, frames and closes come out of `output`. No socket, no clock and no
global random: the same calls give the same bytes. What may go wrong on the way between exchange
and client is not decided here; whoever carries the frames can lose or delay them. What BitMart
left undocumented, or what was seen in two forms, is a knob.
"""

from __future__ import annotations

import functools
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Literal

from bitmart_book.errors import UsageError
from bitmart_book.model import Instrument
from bitmart_book.sim.account import bybit_private
from bitmart_book.sim.account.accounts import FuturesAccount, Order, SpotAccount
from bitmart_book.sim.account.private import FuturesPrivate, Keys, SpotPrivate
from bitmart_book.sim.account.trading import Number, Trading
from bitmart_book.sim.market.contracts import Contract, contracts
from bitmart_book.sim.market.market import Listing, Market, listings
from bitmart_book.sim.venue.clock import Clock
from bitmart_book.sim.venue.futures import Futures
from bitmart_book.sim.venue.glimpses import Glimpse
from bitmart_book.sim.venue.knobs import Knobs
from bitmart_book.sim.venue.legacy import Legacy
from bitmart_book.sim.venue.lines import Close, Lines, Ping, Pong, Refusal, Rules, Send
from bitmart_book.sim.venue.public import PublicFeed
from bitmart_book.sim.venue.publisher import Publisher, Side
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
    as there, like "BTC/USD". Where a method takes a symbol, "kraken:BTC/USD" and
    "bybit-spot:BTCUSDT" say whose is meant. `markets` are used for their symbols, and are the only
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
        self._paused: set[str] | None = set()
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
        self._trading = self._accounts()
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

    def key(self, symbol: str) -> str:
        """How this exchange calls a symbol where all venues are meant: "kraken:BTC/USD"; BitMart's
        own spot symbols stay as they are."""
        market, between, _ = symbol.partition(":")
        if symbol in self.listings or (between and market in self.feeds):
            return symbol
        homes = [market for market, feed in self.feeds.items() if symbol in feed.listings]
        return f"{homes[0]}:{symbol}" if homes else symbol

    def _home(self, symbol: str) -> tuple[Spot | PublicFeed, str]:
        """Where a symbol is traded, and what it is called there."""
        market, between, name = self.key(symbol).partition(":")
        return (self.feeds[market], name) if between and market in self.feeds else (
            self.spot, symbol)  # fmt: skip

    def publisher(self, symbol: str) -> Publisher:
        """What publishes a symbol. UsageError for one that is not listed."""
        home, name = self._home(symbol)
        return home.publisher(name)

    def version(self, symbol: str) -> int:
        """The version of the latest book of a symbol. UsageError for one that is not listed."""
        return self.publisher(symbol).version

    def told_version(self, symbol: str, channel: str, mark: int | str) -> int | None:
        """The version that a message of another venue told of; see `PublicFeed.version`."""
        home, name = self._home(symbol)
        if isinstance(home, Spot):
            raise UsageError(f"{symbol}: a message of BitMart has its version in it")
        return home.version(name, channel, mark)

    def window(
        self, symbol: str, version: int, levels: int | None = None
    ) -> tuple[Side, Side] | None:
        """(bids, asks) after a version, rows of (price, size), best first; None: not remembered.

        It is the whole book behind the channel, or the best 100 levels with `window_only`; of it
        the best so many `levels`. For contracts see `futures.window`.
        """
        home, name = self._home(symbol)
        publisher = home.known_publisher(name)
        return None if publisher is None else publisher.window(version, levels)

    def glimpse(self, symbol: str, version: int) -> Glimpse | None:
        """The best levels after a version, and how long it was the latest; None: not remembered.

        Says the same as `window` at a hundredth of its cost.
        """
        home, name = self._home(symbol)
        publisher = home.known_publisher(name)
        return None if publisher is None else publisher.glimpses.of(version)

    def subscribed(self) -> dict[str, list[int]]:
        """Each symbol whose sequenced book is subscribed, and the connections that hear of it."""
        found = self.spot.subscribed()
        for market, feed in self.feeds.items():
            found.update((f"{market}:{name}", ids) for name, ids in feed.subscribed().items())
        return found

    def is_two_sided(self, symbol: str) -> bool:
        """Whether its book has bids and asks now."""
        return self.publisher(symbol).best() is not None

    def is_paused(self, symbol: str) -> bool:
        """Whether `pause` holds it."""
        return self._paused is None or self.key(symbol) in self._paused

    def feed_of(self, connection: int) -> PublicFeed | None:
        """The other venue's address that a connection belongs to; None: BitMart's, or gone."""
        found = self._lines.get(connection)
        endpoint = None if found is None else self._lines.endpoints[found.endpoint]
        return endpoint if isinstance(endpoint, PublicFeed) else None

    def feed_for(self, symbol: str) -> PublicFeed | None:
        """The other venue's address that lists a symbol; None: BitMart's."""
        home, _ = self._home(symbol)
        return home if isinstance(home, PublicFeed) else None

    def snapshot(self, symbol: str) -> str:
        """The frame that would answer a request now, or a new subscription."""
        home, name = self._home(symbol)
        return home.snapshot(name)

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

    # Own orders

    def place(
        self,
        market: str,
        symbol: str,
        side: str,
        price: Number | None,
        size: Number,
        *,
        kind: str = "limit",
        client_order_id: str = "",
        now: float | None = None,
    ) -> str:
        """Place an order of the box's account on "spot", "futures" or the "demo". Returns its id.

        `side` is "buy" or "sell", which on futures open a position, or "buy_close_short",
        "sell_close_long". `kind` is "limit", "limit_maker" (cancelled if it would match at once) or
        "ioc" (what does not match at once is cancelled); without a price it is a market order.
        It rests in the book, fills as the market comes to it, and the private addresses tell of it.
        Raises UsageError for what the exchange would refuse.
        """
        trading = self._market(market)
        if now is not None:
            self.advance(now)
        order = trading.place(symbol, side, price, size, kind=kind, client_order_id=client_order_id)
        return str(order.id)

    def cancel(self, order_id: str | int, *, now: float | None = None) -> None:
        """Take an order out of its market. UsageError for one that is not open."""
        trading, _ = self._find(order_id)
        if now is not None:
            self.advance(now)
        trading.cancel(order_id)

    def order(self, order_id: str | int) -> dict[str, Any]:
        """What became of an order: texts by their names. UsageError for one that there is not."""
        trading, order = self._find(order_id)
        return trading.described(order)

    def order_times(self, order_id: str | int) -> tuple[int, int]:
        """When an order was placed and when it changed last, in milliseconds since 1970."""
        _, order = self._find(order_id)
        return order.created_ms, order.updated_ms

    def order_cost(self, order_id: str | int) -> Decimal:
        """For how much money an order was filled, exact: price times size of each execution."""
        trading, order = self._find(order_id)
        return trading.cost(order)

    def orders(self, market: str | None = None) -> list[dict[str, Any]]:
        """The open orders of one market or of all, oldest first."""
        names = self._trading if market is None else (market,)
        return [
            trading.described(order)
            for trading in (self._market(name) for name in names)
            for order in trading.orders.values()
            if order.is_open
        ]

    def balances(self, market: str) -> dict[str, dict[str, str]]:
        """What the account has of each currency that it has used: "available" and "frozen"."""
        return self._market(market).balances()

    def positions(self, market: str = "futures") -> list[dict[str, Any]]:
        """The open positions: symbol, side ("long" or "short"), size in contracts, entry price."""
        account = self._market(market).account
        return account.described() if isinstance(account, FuturesAccount) else []

    def deposit(
        self, market: str, currency: str, amount: Number, event: str = "ACCOUNT_RECHARGE"
    ) -> None:
        """Put money into an account, or take it out (below zero)."""
        self._market(market).deposit(currency, amount, event)

    def _market(self, market: str) -> Trading:
        trading = self._trading.get(market)
        if trading is None:
            raise UsageError(f"no market {market!r}; there is: {', '.join(self._trading)}")
        return trading

    def _find(self, order_id: str | int) -> tuple[Trading, Order]:
        for trading in self._trading.values():
            if trading.knows(order_id):
                return trading, trading.order(order_id)
        raise UsageError(f"no order {order_id}")

    # Interventions

    def tell_snapshot(self, symbol: str) -> None:
        """Push the present book to every subscriber, though nobody asked."""
        home, name = self._home(symbol)
        home.tell_snapshot(name)

    def tell_again(self, symbol: str) -> None:
        """Push a heartbeat, though it is not due."""
        home, name = self._home(symbol)
        home.tell_again(name)

    def tell_nothing(self, symbol: str) -> None:
        """Push an update without levels that is a version of its own."""
        home, name = self._home(symbol)
        home.tell_nothing(name)

    def take(self, symbol: str, side: Literal["bid", "ask"], levels: int | None = None) -> None:
        """Let the best so many levels of a side (None: all of them) go at once; own orders stay."""
        home, name = self._home(symbol)
        home.take(name, side, levels)

    def pause(self, symbol: str | None = None) -> None:
        """From the latest `now` on the market of a symbol stands still (None: every market).

        What has happened before is still told, and then nothing; requests and subscriptions are
        answered as ever.
        """
        if symbol is None:
            self._paused = None
        elif self._paused is not None:
            self._paused.add(self.key(symbol))
        self._tell_pauses()

    def resume(self, symbol: str | None = None) -> None:
        """End `pause`. After a pause of all, they can only be resumed together."""
        if symbol is None:
            self._paused = set()
        elif self._paused is not None:
            self._paused.discard(self.key(symbol))
        self._tell_pauses()

    def restart(self, symbol: str, version: int) -> None:
        """Let the versions of a symbol go on from another number, without a word to anybody; other
        venues say of it what they do."""
        home, name = self._home(symbol)
        home.restart(name, version)

    def _tell_pauses(self) -> None:
        for venue in (self.spot, self.futures, self.demo):
            venue.pauses(self.is_paused)
        for market, feed in self.feeds.items():
            feed.pauses(functools.partial(self._is_paused_at, market))

    def _is_paused_at(self, market: str, name: str) -> bool:
        return self.is_paused(f"{market}:{name}")
