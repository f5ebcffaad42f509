"""How values look in a notebook: the levels of a depth, a sweep, an account, events, a stream.

Each is a table whose numbers stand in line. Nothing is asked of a venue and nothing is taken out of
a stream: what is there is shown, and what is missing is "-".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import Any

import msgspec

from bitmart_book import display
from bitmart_book._book import Book, Depth, Levels, Quote, Sweep
from bitmart_book.client.account import Account
from bitmart_book.client.inventory import Holding, Inventory
from bitmart_book.display.markup import Head, badge, block, clean, numbers, table
from bitmart_book.errors import BitmartBookError
from bitmart_book.model import Event, Order

__all__ = ["html", "stream_html"]

_MOST_LEVELS = 10
_MOST_ROWS = 20
_WORD = "text"


def html(thing: Any) -> str:
    """A value as HTML. Never raises: what cannot be shown is described."""
    try:
        return _maker(thing)(thing)
    except Exception as error:
        said = f"{type(thing).__name__}, which cannot be shown: {type(error).__name__}: {error}"
        return f"<pre>{escape(said)}</pre>"


def _maker(thing: Any) -> Callable[[Any], str]:
    for kind, make in _MAKERS:
        if isinstance(thing, kind):
            return make
    return lambda one: f"<pre>{escape(repr(one))}</pre>"


def _more(there: int, shown: int) -> list[str]:
    return [f"<div>and {there - shown:,} more</div>"] if there > shown else []


# --- of a book ---


def _depth(depth: Depth[Any]) -> str:
    sides = [[*map(tuple, side[:_MOST_LEVELS])] for side in depth]
    rows = max(len(side) for side in sides)
    # Price and size of a side; where one is deeper than the other, nothing stands beside it.
    columns = [
        numbers([level[place] for level in side]) + [""] * (rows - len(side))
        for side in sides
        for place in (0, 1)
    ]
    bid, bid_size, ask, ask_size = columns
    heads = [Head(name) for name in ("bid size", "bid", "ask", "ask size")]
    counts = f"{len(depth.bids)} bids, {len(depth.asks)} asks"
    parts = [table(heads, zip(bid_size, bid, ask, ask_size, strict=True))]
    parts += _more(max(len(depth.bids), len(depth.asks)), rows)
    return block(f"Depth: {counts}", *parts, note=_trust(depth.complete, depth.proven))


def _trust(complete: bool, proven: bool) -> str:
    return (
        ("complete" if complete else "not complete: more may be there than is known for certain")
        + ("" if proven else ", not proven by the venue")
    )  # fmt: skip


def _levels(levels: Levels) -> str:
    shown = list(levels[:_MOST_LEVELS])
    prices = numbers(level.exact[0] for level in shown)
    sizes = numbers(level.exact[1] for level in shown)
    rows = table([Head("price"), Head("size")], zip(prices, sizes, strict=True))
    return block(f"{len(levels)} levels, best first", rows, *_more(len(levels), len(shown)))


def _quote(quote: Quote) -> str:
    heads = [
        Head("symbol", _WORD), Head("state", "markup"), Head("bid size"), Head("bid"), Head("ask"),
        Head("ask size"), Head("spread"), Head("age (s)"), Head("sequence"),
    ]  # fmt: skip
    bid, bid_size, ask, ask_size = (
        None if one is None else display.number(one) for one in quote.exact
    )
    row = (
        quote.symbol, badge(quote.state), bid_size, bid, ask, ask_size, *numbers([quote.spread]),
        None if quote.age is None else f"{quote.age:.3f}", quote.sequence,
    )  # fmt: skip
    return block("Quote", table(heads, [row]))


def _sweep(sweep: Sweep) -> str:
    names = ("average price", "worst price", "size", "notional", "levels", "next price")
    row = [
        *numbers([sweep.average_price], computed=True), *numbers([sweep.worst_price]),
        *numbers([sweep.size], computed=True), *numbers([sweep.notional], computed=True),
        sweep.levels, *numbers([sweep.next_price]),
    ]  # fmt: skip
    fills = sweep.fills
    shown = fills[:_MOST_LEVELS]
    taken: list[Decimal] = []
    for _, size in shown:
        taken.append((taken[-1] if taken else Decimal(0)) + Decimal(repr(size)))
    parts = [table([Head(name) for name in names], [row])]
    if fills:
        sizes = [numbers((size for _, size in shown), True), numbers(taken, True)]
        columns = [numbers(price for price, _ in shown), *sizes]
        heads = [Head("price"), Head("size"), Head("size so far")]
        parts += [table(heads, zip(*columns, strict=True)), *_more(len(fills), len(shown))]
    complete = (
        "all of it is there"
        if sweep.complete
        else "not complete: less is there than was asked for, or more than is known for certain"
    )
    proven = "" if sweep.proven else ", not proven by the venue"
    return block("Sweep", *parts, note=complete + proven)


# --- of an account ---


def _account(account: Account) -> str:
    orders, positions = list(account.orders.values()), list(account.positions.values())
    balances, holdings = list(account.balances.values()), list(account.inventory.values())
    parts = []
    sections: list[tuple[str, list[Any], Callable[[Account, Sequence[Any]], str]]] = [
        ("open orders", orders, _orders),
        ("positions", positions, _positions),
        ("balances", balances, _balances),
        ("traded", holdings, lambda _, values: _holdings(values)),
    ]
    for name, values, make in sections:
        if values:
            shown = values[-_MOST_ROWS:]
            parts += [f"<div>{name}</div>", make(account, shown), *_more(len(values), len(shown))]
    hole = "" if account.last_hole is None else f"; the last hole: {account.last_hole}"
    known = f"{len(orders)} open orders, {len(positions)} positions, {len(balances)} balances"
    unclear = len(account.unconfirmed) + len(account.unclear)
    note = f"{unclear} of these not confirmed since a hole{hole}" if unclear else ""
    return block(f"Account: {known}", *parts, note=note)


def _sure(account: Account, value: Any) -> str:
    return "yes" if account.is_confirmed(value) else "no"


def _orders(account: Account, orders: Sequence[Order]) -> str:
    words = ("market", "symbol", "side", "type")
    rows = zip(
        *([getattr(order, word) for order in orders] for word in words),
        *(numbers(getattr(order.exact, name) for order in orders) for name in _OF_AN_ORDER),
        [order.status for order in orders],
        [order.order_id for order in orders],
        [_sure(account, order) for order in orders],
        strict=True,
    )
    heads = [Head(word, _WORD) for word in words] + [Head(name) for name in _ORDER_HEADS]
    heads += [Head(word, _WORD) for word in ("status", "order id", "confirmed")]
    return table(heads, rows)


_OF_AN_ORDER = ("price", "size", "filled_size")
_ORDER_HEADS = ("price", "size", "filled")


def _positions(account: Account, positions: Sequence[Any]) -> str:
    rows = zip(
        [one.market for one in positions],
        [one.symbol for one in positions],
        [one.side for one in positions],
        numbers(one.exact.size for one in positions),
        numbers(one.exact.average_price for one in positions),
        numbers(one.exact.liquidation_price for one in positions),
        [_sure(account, one) for one in positions],
        strict=True,
    )
    heads = [Head(word, _WORD) for word in ("market", "symbol", "side")]
    heads += [Head(name) for name in ("size (contracts)", "average price", "liquidation price")]
    return table([*heads, Head("confirmed", _WORD)], rows)


def _balances(account: Account, balances: Sequence[Any]) -> str:
    rows = zip(
        [one.market for one in balances],
        [one.currency for one in balances],
        numbers(one.available for one in balances),
        numbers(one.frozen for one in balances),
        [_sure(account, one) for one in balances],
        strict=True,
    )
    heads = [Head("market", _WORD), Head("currency", _WORD), Head("available"), Head("frozen")]
    return table([*heads, Head("confirmed", _WORD)], rows)


def _inventory(inventory: Inventory) -> str:
    holdings = list(inventory.values())
    shown = holdings[-_MOST_ROWS:]
    parts = [_holdings(shown), *_more(len(holdings), len(shown))] if shown else []
    return block(f"Inventory of {len(holdings)} symbols", *parts)


def _holdings(holdings: Sequence[Holding]) -> str:
    fees = [
        ", ".join(f"{display.number(fee)} {currency}".strip() for currency, fee in one.fees.items())
        for one in holdings
    ]
    rows = zip(
        [one.market for one in holdings],
        [one.symbol for one in holdings],
        *(
            numbers((getattr(one, name) for one in holdings), name in _COMPUTED)
            for name in _OF_A_HOLDING
        ),
        fees,
        ["yes" if one.certain else "no" for one in holdings],
        strict=True,
    )
    heads = [Head("market", _WORD), Head("symbol", _WORD)]
    heads += [Head(name.replace("_", " ")) for name in _OF_A_HOLDING]
    return table([*heads, Head("fees", _WORD), Head("certain", _WORD)], rows)


_COMPUTED = ("average_price", "realised")
_OF_A_HOLDING = ("position", "average_price", "realised", "bought", "sold")


# --- of a feed ---


def _event(event: Event) -> str:
    return block("Event", _records([event]))


def stream_html(title: str, waiting: Sequence[Any]) -> str:
    """A stream: what waits to be taken from it, the oldest first. Nothing is taken."""
    shown = waiting[:_MOST_ROWS]
    if not shown:
        return block(title, note="nothing waits to be taken")
    parts: list[str] = []
    run: list[Any] = []
    # A hole stands where it is, between what came before and after it.
    for value in shown:
        if isinstance(value, BitmartBookError):
            parts += [_records(run)] if run else []
            parts.append(f"<div>{escape(clean(f'{type(value).__name__}: {value}'))}</div>")
            run = []
        else:
            run.append(value)
    parts += [_records(run)] if run else []
    return block(title, *parts, *_more(len(waiting), len(shown)), note="waits to be taken")


def _records(values: Sequence[msgspec.Struct]) -> str:
    """Records, a column for each field of which there is more to say than what always is."""
    usual: dict[str, object] = {}
    for kind in {type(value) for value in values}:
        fields = kind.__struct_fields__
        usual |= dict.fromkeys(fields) | dict(
            zip(reversed(fields), reversed(kind.__struct_defaults__), strict=False)
        )
    heads, columns = [], []
    for name in dict.fromkeys(name for value in values for name in value.__struct_fields__):
        cells = [getattr(value, name, None) for value in values]
        if all(cell in (None, usual[name]) or isinstance(cell, _PARTS) for cell in cells):
            continue
        head, column = _column(name, cells)
        heads.append(head)
        columns.append(column)
    return table(heads, zip(*columns, strict=True))


# What a value has of parts of its own, which a cell has no room for.
_PARTS = (msgspec.Struct, tuple)


def _column(name: str, cells: list[Any]) -> tuple[Head, Iterable[object]]:
    title = name.replace("_", " ")
    if name.endswith(("_ms", "_time_s")):
        unit = 1_000 if name.endswith("_ms") else 1
        title = f"{title.rpartition(' ')[0]} (UTC)"
        return Head(title, _WORD), [None if cell is None else _utc(cell, unit) for cell in cells]
    there = [cell for cell in cells if cell is not None]
    if any(isinstance(cell, (str, bool)) for cell in there):
        return Head(title, _WORD), cells
    if name in _SECONDS:
        return Head(_SECONDS[name]), [None if cell is None else f"{cell:.3f}" for cell in cells]
    return Head(title), numbers(cells)


_SECONDS = {"time": "feed clock (s)", "after": "after (s)"}


def _utc(count: int, unit: int) -> str:
    try:
        when = datetime.fromtimestamp(count / unit, UTC)
    except (OverflowError, OSError, ValueError):
        return str(count)
    return f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03}"


_MAKERS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (Book, display.html),
    (Depth, _depth),
    (Levels, _levels),
    (Quote, _quote),
    (Sweep, _sweep),
    (Account, _account),
    (Inventory, _inventory),
    (Event, _event),
)
