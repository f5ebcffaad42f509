"""What runs in real time and under a virtual clock have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from tests.strangers.ledger import GAP, Audit, Belated, Ledger
from tests.strangers.plan import COOL_DOWN, WARM_UP, Occurrence, draw
from tests.strangers.result import Result
from tests.strangers.settings import TRADES, Setting
from tests.strangers.units import SECOND, seconds
from tests.strangers.venue import FUTURES_FORM, SPOT_FORM, Venue

SETTLED = 5 * SECOND
"""What happened in the last seconds of a run may still be on its way."""


FILLS = {"spot/user/orders:ALL_SYMBOLS": "spot", "futures/order": "futures"}
"""The streams that bring fills."""


def plan_of(setting: Setting) -> list[Occurrence]:
    """The lies of a run."""
    length = seconds(setting.length)
    if setting.alone:
        random = Random(f"alone {setting.seed}")
        plan = []
        for number, name in enumerate(setting.lies):
            begin = WARM_UP + seconds(random.uniform(0.0, 2.0))
            end = max(length - COOL_DOWN // 4, begin + SECOND)
            plan.append(Occurrence(number, name, begin, end, f"alone {setting.seed} {name}"))
    else:
        plan = draw(setting.seed, length, setting.lies)
    return [one for one in plan if not setting.only or one.number in setting.only]


def deal_key(house: str) -> Callable[[Any], Hashable]:
    """A public trade as the client tells it → price in ticks and size in lots."""
    form = SPOT_FORM if house == "spot" else FUTURES_FORM

    def key(trade: Any) -> Hashable:
        price, size = trade.exact
        return int(price.scaleb(form.price_digits)), int(size.scaleb(form.size_digits)), trade.side

    return key


def fill_key() -> Callable[[Any], Hashable | None]:
    """An order as a stream tells it → the fill that it is the first to bring, if any.

    An order carries the last fill that the venue described, so a later word on the order (it is
    canceled) names that fill again; only the same word twice is a fill told twice. Where the fill's
    own word was lost in a hole, the later one tells of it, belated.
    """
    words: set[tuple[Hashable, ...]] = set()
    fills: set[Hashable] = set()

    def key(order: Any) -> Hashable | None:
        fill = getattr(order, "fill", None)
        if fill is None:
            return None
        word = (order.order_id, order.status, order.filled_size, fill.fill_id)
        if fill.fill_id in fills and word not in words:
            words.add(word)
            return None
        words.add(word)
        fills.add(fill.fill_id)
        told = str(fill.fill_id)
        return Belated(told) if "cancel" in str(order.status) else told

    return key


def account_fills(account: Any, venue: Venue, ledgers: Mapping[str, Ledger]) -> dict[str, Ledger]:
    """The fills that the account itself knows, as ledgers beside those of the streams."""
    found = {}
    for topic, house in FILLS.items():
        ledger = Ledger(holes=GAP in ledgers[topic].told)
        told = [
            str(fill.fill_id)
            for order_id in venue.accounts[house].orders
            for fill in account.fills(order_id, house)
        ]
        # Ids of fills count up, so that this is the order in which they happened.
        for fill_id in sorted(told):
            ledger.tells(fill_id)
        found[f"{house} account"] = ledger
    return found


def audits(venue: Venue, ledgers: Mapping[str, Ledger], settled: int) -> dict[str, Audit]:
    """Each stream against what happened; what did so after `settled` need not have been told."""
    found = {}
    for house, topic in TRADES:
        if topic in ledgers:
            market = venue.markets[house, topic.partition(":")[2]]
            found[topic] = ledgers[topic].audit(
                [(d.price, d.size, d.taker) for d in market.deals if d.time < settled],
                [(d.price, d.size, d.taker) for d in market.deals if d.time >= settled],
            )
    for topic, house in [*FILLS.items(), ("spot account", "spot"), ("futures account", "futures")]:
        if topic in ledgers:
            fills = venue.accounts[house].fills.values()
            found[topic] = ledgers[topic].audit(
                [f.fill_id for f in fills if f.time < settled],
                [f.fill_id for f in fills if f.time >= settled],
                {f.fill_id: f.time for f in fills},
            )
    return found


def shrink(result: Result, again: Callable[[Setting], Result]) -> Result:
    """The same failure with the fewest lies: drops occurrences, in halves and then one by one,
    as long as the run still fails."""
    if result.setting.alone:
        return result
    kept = [one.number for one in plan_of(result.setting)]
    size = max(len(kept) // 2, 1)
    while kept:
        for start in range(0, len(kept), size):
            fewer = kept[:start] + kept[start + size :]
            if not fewer:
                continue
            tried = again(replace(result.setting, only=tuple(fewer)))
            if not tried.good:
                result, kept = tried, fewer
                break
        else:
            if size == 1:
                return result
            size = max(size // 2, 1)
    return result


def numbers(values: str) -> Sequence[int]:
    return [int(value) for value in values.split(",") if value]
