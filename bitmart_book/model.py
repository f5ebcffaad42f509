"""The plain values users receive. No behaviour beyond reading them, no I/O, no venue words.

`Level`, `Quote`, `Depth` and `Sweep` are made on the hottest reads and live in `_book`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, localcontext
from enum import StrEnum
from typing import Any, ClassVar, Final, Literal, cast

import msgspec

from bitmart_book.exact import UNTOLD, Amount, AmountOrNone, Exact, Numbered

__all__ = [
    "VERSION",
    "Balance",
    "BookState",
    "BookTicker",
    "Change",
    "Event",
    "EventKind",
    "Fill",
    "FundingRate",
    "FuturesTicker",
    "Instrument",
    "Kline",
    "MarkPriceKline",
    "Order",
    "OrderStatus",
    "Position",
    "SYMBOL",
    "Ticker",
    "Trade",
    "html_of",
    "show_with",
]


VERSION: Final = "0.2.0"
"""Of this package: `bitmart_book.__version__`."""
SYMBOL: Final = re.compile(
    # White space; control characters; quotes and backslash; marks of direction; half characters.
    "[^\\s\x00-\x1f\x7f-\x9f\"'\\\\\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]{1,64}"
)
"""Whether a text can be the id of anything: `SYMBOL.fullmatch`. Venues list `$NUT_USDT` and
`索拉拉_USDT` beside `BTC_USDT`; refused is only what would not be told apart, or would be shown as
something else, in a topic or a line of text."""


_html: Callable[[object], str] | None = None


def show_with(html: Callable[[object], str]) -> None:
    """How values look in a notebook: told once by the package, whose `display` is above this."""
    global _html
    _html = html


def html_of(thing: object) -> str | None:
    """A value as HTML; None where nobody has said how it looks."""
    return None if _html is None else _html(thing)


class BookState(StrEnum):
    """Whether a book can be trusted. Only LIVE can be read; see `Book.peek` for the rest."""

    CONNECTING = "CONNECTING"
    """There is no connection."""
    SYNCING = "SYNCING"
    """Waiting for a snapshot."""
    LIVE = "LIVE"
    """Unbroken since its snapshot, not crossed, confirmed in time."""
    STALE = "STALE"
    """Not confirmed in time, or its snapshot was crossed: maybe right."""
    GAP = "GAP"
    """Known to be wrong, or unknowable: updates were lost, or the book crossed."""
    CLOSED = "CLOSED"
    """Closed by the user, for good."""
    REJECTED = "REJECTED"
    """Refused by the venue; final until the user acts."""


class Change:
    """Names of the bits of the `int` that `apply` returns; 0 means that nothing changed.

    Plain ints and not an `enum.IntFlag`: `int & IntFlag` calls Python code and costs some
    twenty times as much as the `if` it decides.
    """

    SNAPSHOT: Final = 1
    """A snapshot, or a full picture of an unsequenced channel, was taken over."""
    LEVELS: Final = 2
    """Some level changed."""
    TOP: Final = 4
    """The best price or the size there changed on some side."""
    TRADE: Final = 8
    """Public trades."""
    HEARTBEAT: Final = 16
    """An empty update that repeats the sequence: the book is confirmed."""
    DUPLICATE: Final = 32
    """An older or repeated frame, not applied."""
    GAP: Final = 64
    """The book cannot be trusted until its next snapshot."""
    BUFFERED: Final = 128
    """An update kept until the snapshot it continues arrives."""
    CROSSED: Final = 256
    """After the whole frame the best bid was not below the best ask."""
    OTHER: Final = 512
    """A well-formed frame that is not a book's or a trade's."""

    @staticmethod
    def names(change: int) -> tuple[str, ...]:
        """The names of the bits that are set: `Change.names(6) == ("LEVELS", "TOP")`."""
        return tuple(name for name, bit in _CHANGE_BITS if change & bit)


def _bits(members: Mapping[str, object]) -> tuple[tuple[str, int], ...]:
    """The constants among the members of a class. Python adds integers of its own: since 3.13
    `__firstlineno__`."""
    return tuple(
        (name, bit)
        for name, bit in members.items()
        if isinstance(bit, int) and not name.startswith("_")
    )


_CHANGE_BITS: Final = _bits(vars(Change))


_DERIVED: Final = cast(Any, None)


class TradeExact(Exact[Decimal, Decimal]):
    """The exact numbers of a `Trade`."""

    price: Decimal
    size: Decimal


class Trade(Numbered, frozen=True, kw_only=True):
    """One public trade.

    `side` is the side of the taker, None where the venue did not say it. `price` and `size` are
    floats, like those of a book, and `exact` has them as Decimals: `price, size = trade.exact`.
    On futures the size counts contracts. `time_ms` is the venue's stamp (milliseconds since 1970),
    None where it sent none. Spot trades carry no id.
    """

    EXACT: ClassVar = TradeExact

    symbol: str
    side: Literal["buy", "sell"] | None
    price: Amount
    size: Amount
    time_ms: int | None = None
    trade_id: int | None = None
    side_known: bool = True
    """False where the venue named the taker's side only by a contradictory field, or not at all."""
    exact: TradeExact = _DERIVED
    """(price, size) as Decimals; made of the two."""


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """The last price of a symbol, its best prices, and its last 24 hours.

    Prices are in the quote currency, sizes in the base currency, `base_volume_24h` and
    `quote_volume_24h` in the currency they are named after; all are exact. `fluctuation` is the
    change of the price over 24 hours as a fraction: 0.01 is one percent. `time_ms` is the venue's
    stamp (milliseconds since 1970). What the venue did not send is None.
    """

    symbol: str
    last: Decimal
    bid: Decimal | None = None
    bid_size: Decimal | None = None
    ask: Decimal | None = None
    ask_size: Decimal | None = None
    open_24h: Decimal | None = None
    """The price 24 hours ago."""
    high_24h: Decimal | None = None
    low_24h: Decimal | None = None
    base_volume_24h: Decimal | None = None
    quote_volume_24h: Decimal | None = None
    fluctuation: Decimal | None = None
    time_ms: int | None = None


class FuturesTicker(Ticker, frozen=True, kw_only=True):
    """A `Ticker` of a futures contract, whose sizes count contracts, and the prices it follows."""

    mark: Decimal | None = None
    """By which positions are valued; the first protocol called it the fair price."""
    index: Decimal | None = None
    """Of the underlying, on other venues."""
    contract_volume_24h: Decimal | None = None
    """Contracts traded in 24 hours."""


class BookTicker(msgspec.Struct, frozen=True, kw_only=True):
    """The best prices of a symbol and the sizes there, exact.

    None is what a side without levels has, or what the venue sent and cannot be read. On futures
    the sizes count contracts. `time_ms` is the venue's stamp (milliseconds since 1970).
    """

    symbol: str
    bid: Decimal | None = None
    bid_size: Decimal | None = None
    ask: Decimal | None = None
    ask_size: Decimal | None = None
    time_ms: int | None = None


class Kline(msgspec.Struct, frozen=True, kw_only=True):
    """One bar: the prices and the volume of a span of time, exact. The last one may still change.

    `step` is the length of the bar in the venue's spelling: "1m" to "1M" on spot, to "1W" on
    futures, minutes ("1", "43200") on the legacy feed. `volume` is in the base currency on spot
    and in contracts on futures; of the legacy feed it is not documented.
    """

    symbol: str
    step: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    open_time_s: int | None = None
    """Start of the bar, seconds since 1970. Spot sent a moment inside the bar before 2024-02-29."""
    push_time_ms: int | None = None
    """When the bar was sent, milliseconds since 1970, where the venue stamps only that."""


class MarkPriceKline(Kline, frozen=True, kw_only=True):
    """A bar of the mark price of a futures contract instead of the prices of its trades."""


class FundingRate(msgspec.Struct, frozen=True, kw_only=True):
    """What the longs of a perpetual pay its shorts, as a fraction of the position; exact.

    `rate` was settled last, at `time_ms`; `next_rate` is what the venue expects to settle at
    `next_time_ms`. (The reference says otherwise; the stamps of recorded pushes show it.) Times
    are milliseconds since 1970.
    """

    symbol: str
    rate: Decimal
    time_ms: int | None = None
    next_rate: Decimal | None = None
    next_time_ms: int | None = None
    upper_limit: Decimal | None = None
    lower_limit: Decimal | None = None
    push_time_ms: int | None = None


class OrderStatus(StrEnum):
    """What has become of an order. A word that is not known here stays as the venue wrote it."""

    PENDING = "pending"
    """Taken by the venue, not yet in the book."""
    NEW = "new"
    """In the book, nothing filled."""
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    PARTIALLY_CANCELED = "partially_canceled"
    """Partly filled, the rest canceled."""
    FINISHED = "finished"
    """Over; whether it was filled or canceled is not known."""


class FillExact(Exact[Decimal, Decimal]):
    """The exact numbers of a `Fill`."""

    NAMES = ("price", "size", "filled_size", "fee")
    price: Decimal
    size: Decimal
    filled_size: Decimal | None
    fee: Decimal | None


class Fill(Numbered, frozen=True, kw_only=True):
    """One execution of one of our own orders.

    `size` is in the base currency on spot and in contracts on futures. `fee` has the sign that the
    venue gave it; in its samples what was paid is positive on spot and negative on futures.
    Numbers are floats, and `exact` has them as Decimals: `price, size = fill.exact`, and by name
    `fill.exact.fee`. `time_ms` is in milliseconds since 1970. What the venue did not send is None.
    """

    EXACT: ClassVar = FillExact

    market: str
    symbol: str
    order_id: str
    fill_id: str | None
    side: str | None
    """ "buy" or "sell"."""
    price: Amount
    size: Amount
    filled_size: AmountOrNone = UNTOLD
    """What was filled of the order in all, after this execution."""
    liquidity: str | None = None
    """ "maker" or "taker"."""
    fee: AmountOrNone = UNTOLD
    fee_currency: str | None = None
    time_ms: int | None = None
    client_order_id: str | None = None
    exact: FillExact = _DERIVED
    """(price, size) as Decimals, and all numbers by name; made of them."""


class OrderExact(Exact[Decimal | None, Decimal | None]):
    """The exact numbers of an `Order`."""

    NAMES = (
        "price", "size", "filled_size", "notional", "filled_notional", "average_price", "leverage",
        "trigger_price", "execution_price", "activation_price", "callback_rate",
    )  # fmt: skip
    price: Decimal | None
    size: Decimal | None
    filled_size: Decimal | None
    notional: Decimal | None
    filled_notional: Decimal | None
    average_price: Decimal | None
    leverage: Decimal | None
    trigger_price: Decimal | None
    execution_price: Decimal | None
    activation_price: Decimal | None
    callback_rate: Decimal | None


class Order(Numbered, frozen=True, kw_only=True):
    """One of our own orders as the venue described it last.

    Sizes are in the base currency on spot and in contracts on futures; `filled_notional` and
    `notional` (of a market buy on spot) are in the quote currency. Numbers are floats, and `exact`
    has them as Decimals: `price, size = order.exact`, and by name `order.exact.filled_size`. Times
    are milliseconds since 1970. What the venue did not send is None, and words it does not document
    stay as they came.
    """

    EXACT: ClassVar = OrderExact

    market: str
    symbol: str
    order_id: str
    status: str | None
    """An `OrderStatus`, or the venue's own word."""
    side: str | None
    """ "buy" or "sell"."""
    type: str | None = None
    """ "limit", "market"; on futures also "plan_order", "trailing_order", "take_profit",
    "stop_loss"."""
    price: AmountOrNone = UNTOLD
    size: AmountOrNone = UNTOLD
    filled_size: AmountOrNone = UNTOLD
    notional: AmountOrNone = UNTOLD
    filled_notional: AmountOrNone = UNTOLD
    average_price: AmountOrNone = UNTOLD
    client_order_id: str | None = None
    execution: str | None = None
    """Spot: "normal", "limit_maker", "fok", "ioc"."""
    mode: str | None = None
    """Spot: "spot" or "iso_margin"."""
    intent: str | None = None
    """Futures: "buy_open_long", "buy_close_short", "sell_close_long", "sell_open_short"; in one-way
    mode "buy", "buy_reduce_only", "sell_reduce_only", "sell"."""
    action: str | None = None
    """Futures: why it was pushed: "match", "submit", "cancel", "liquidate_cancel", "adl_cancel",
    "part_liquidate", "bankruptcy", "passive_adl_match", "active_adl_match"."""
    leverage: AmountOrNone = UNTOLD
    margin: str | None = None
    """Futures: "isolated" or "cross"."""
    position_mode: str | None = None
    """Futures: "hedge_mode" or "one_way_mode"."""
    plan_order_id: str | None = None
    trigger_price: AmountOrNone = UNTOLD
    trigger_price_type: str | None = None
    execution_price: AmountOrNone = UNTOLD
    activation_price: AmountOrNone = UNTOLD
    activation_price_type: str | None = None
    callback_rate: AmountOrNone = UNTOLD
    create_time_ms: int | None = None
    update_time_ms: int | None = None
    fill: Fill | None = None
    """Its last execution. Later pushes repeat it: only its id tells whether it is news."""
    exact: OrderExact = _DERIVED
    """(price, size) as Decimals, and all numbers by name; made of them."""


class PositionExact(Exact[Decimal | None, Decimal]):
    """The exact numbers of a `Position`; its price is the average of the contracts held."""

    NAMES = (
        "average_price", "size", "frozen", "closed", "open_price", "close_price",
        "liquidation_price",
    )  # fmt: skip
    average_price: Decimal | None
    size: Decimal
    frozen: Decimal | None
    closed: Decimal | None
    open_price: Decimal | None
    close_price: Decimal | None
    liquidation_price: Decimal | None


class Position(Numbered, frozen=True, kw_only=True):
    """A position in a futures contract; sizes count contracts.

    Numbers are floats, and `exact` has them as Decimals: `average_price, size = position.exact`,
    and all by name. Times are milliseconds since 1970. What the venue did not send is None.
    """

    EXACT: ClassVar = PositionExact

    symbol: str
    side: str | None
    """ "long" or "short"."""
    size: Amount
    """Contracts held; 0 when it is closed."""
    frozen: AmountOrNone = UNTOLD
    """Contracts held back by open orders that close it."""
    closed: AmountOrNone = UNTOLD
    """Contracts closed so far."""
    average_price: AmountOrNone = UNTOLD
    """Of the contracts held."""
    open_price: AmountOrNone = UNTOLD
    """Average of those opened."""
    close_price: AmountOrNone = UNTOLD
    """Average of those closed."""
    liquidation_price: AmountOrNone = UNTOLD
    margin: str | None = None
    """ "isolated" or "cross"."""
    mode: str | None = None
    """ "hedge_mode" or "one_way_mode"."""
    create_time_ms: int | None = None
    update_time_ms: int | None = None
    market: str = "futures"
    exact: PositionExact = _DERIVED
    """(average_price, size) as Decimals, and all numbers by name; made of them."""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds of a currency, exact: amounts and not changes.

    Times are milliseconds since 1970. What the venue did not send is None.
    """

    market: str
    currency: str
    available: Decimal | None
    frozen: Decimal | None
    """Held back by open orders."""
    position_margin: Decimal | None = None
    """Futures: held by open positions."""
    reason: str | None = None
    """Spot: "TRANSACTION_COMPLETED", "ACCOUNT_RECHARGE", "ACCOUNT_WITHDRAWAL", "ACCOUNT_TRANSFER",
    "BMX_DEDUCTION"."""
    account: str | None = None
    """Spot: who keeps it, where the venue says: "BITMART", or a custodian."""
    time_ms: int | None = None


# Its own context, because the user's may round differently or raise on rounding.
_EXACT = Context(prec=60)


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says about a symbol, exact. What it did not say is None.

    `tick` and `lot` are the steps of prices and of sizes. Sizes (`lot`, `min_size`, `max_size`)
    are in the base currency on spot and in contracts on futures.
    """

    symbol: str
    market: str
    tick: Decimal | None = None
    lot: Decimal | None = None
    base: str | None = None
    quote: str | None = None
    min_size: Decimal | None = None
    max_size: Decimal | None = None
    min_notional: Decimal | None = None
    """Least value of an order, in the quote currency."""
    contract_size: Decimal | None = None
    """Futures: what one contract is of the base currency; of an inverse one, of the quote's."""
    inverse: bool = False
    """Futures: whether the contract is a sum of the quote currency, settled in the base's."""
    status: str | None = None
    """The venue's own word: "trading", "Trading", "Delisted", ..."""

    def base_size(self, size: Decimal, price: Decimal | None = None) -> Decimal:
        """A size of a book or a trade of this symbol in the base currency.

        Exact, except for an inverse contract, which needs the price and is divided. Raises
        ValueError where it cannot be known.
        """
        if self.contract_size is None:
            if self.market != "futures":
                return size
            raise ValueError(f"the contract size of {self.symbol} is not known")
        with localcontext(_EXACT):
            if not self.inverse:
                return size * self.contract_size
            if not price:
                raise ValueError(f"{self.symbol} is inverse: its size in {self.base} needs a price")
            return size * self.contract_size / price


class EventKind(StrEnum):
    """What happened. Each is equal to its text: `event.kind == "gap"`.

    The first seven are the states of a book in lower case: its transitions, one event each.
    """

    CONNECTING = "connecting"
    SYNCING = "syncing"
    LIVE = "live"
    STALE = "stale"
    GAP = "gap"
    """Of a topic that is not a book's: values of its stream may be missing here."""
    REJECTED = "rejected"
    CLOSED = "closed"
    """Without a topic: the whole feed."""
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    AUTHENTICATED = "authenticated"
    """A login was accepted."""
    RESYNC = "resync"
    """Values of the account may have been missed: before a login that has now been accepted, or in
    a push that could not be read."""
    SUBSCRIBED = "subscribed"
    RETRACTED = "retracted"
    """A topic that was refused has been acknowledged, or sends data, after all: it is wanted again,
    and its book begins anew."""
    UNANSWERED = "unanswered"
    """The venue has said nothing about a subscription, which is sent again."""
    BAD_FRAME = "bad frame"
    UNKNOWN_FRAME = "unknown frame"
    CHECKSUMS_STOPPED = "checksums stopped"
    """Told once for each channel."""
    ERROR = "error"
    """The venue has sent an error."""
    OVERFLOW = "overflow"
    """Too many updates came while a snapshot was awaited; those kept so far are dropped."""
    CALLBACK_FAILED = "callback failed"
    OUTAGE = "outage"
    """An endpoint cannot be reached; told once a minute."""
    REACHABLE = "reachable"
    """The end of an outage."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a feed.

    `time` is in seconds of the feed's clock. What does not apply is None.
    """

    kind: EventKind
    time: float
    connection: str | None = None
    topic: str | None = None
    code: str | None = None
    """The venue's own code of an error."""
    reason: str | None = None
    after: float | None = None
    """Of "live": seconds since the book was last LIVE, or was subscribed; of other states: seconds
    in the state before; of "outage" and "reachable": seconds since it began."""

    def _repr_html_(self) -> str | None:
        return html_of(self)

    def __str__(self) -> str:
        parts = [self.kind, self.topic or "", self.connection or ""]
        parts += [f"code {self.code}" if self.code else "", self.reason or ""]
        return " ".join(part for part in parts if part)
