"""The words of BitMart's futures feeds, v1 and v2, as the server speaks them in public.

Every frame is a literal of the documented or recorded shape with its values put in. Nothing here
is shared with the client's decoders, so that the two cannot agree on the same mistake.

Sources: BitMart's futures v2 API reference, "WebSocket Subscription" (2025); a probe of the
running venue of 2026-09-23 (nemanull/arbitrage-observatory); frames recorded by users.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

__all__ = [
    "TradeRow",
    "access",
    "ack",
    "bad_action",
    "bad_message",
    "bar",
    "book_ticker",
    "depth_all",
    "depth_increase",
    "depth_side",
    "funding",
    "kline",
    "levels",
    "need_access",
    "nobody",
    "pong",
    "refused",
    "stamp",
    "ticker",
    "trades",
]

Levels = Iterable[tuple[str, str]]


def _quoted(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _request(action: str, args: Sequence[str]) -> str:
    return f'{{"action":{_quoted(action)},"args":{_quoted(list(args))}}}'


# Replies


def ack(action: str, group: str, args: Sequence[str]) -> str:
    """`args` are those of the request that is echoed: all of them, or the one that is meant."""
    return (
        f'{{"action":"{action}","group":{_quoted(group)},"success":true,'
        f'"request":{_request(action, args)}}}'
    )


def nobody(action: str, group: str, args: Sequence[str]) -> str:
    """The topic does not exist, as recorded in 2026."""
    problem = _quoted(f"Invalid channel: not found {group}")
    return (
        f'{{"action":"{action}","group":{_quoted(group)},"success":false,'
        f'"error":{problem},"request":{_request(action, args)}}}'
    )


def refused(action: str, group: str, args: Sequence[str]) -> str:
    """The topic does not exist, as documented."""
    problem = _quoted(f"group [{group}] not exist")
    return (
        f'{{"action":"{action}","group":{_quoted(group)},"success":false,'
        f'"request":{_request(action, args)},"error":{problem}}}'
    )


def need_access(action: str, group: str) -> str:
    """A private topic, and nobody has logged in. The misspelling is BitMart's."""
    problem = _quoted(f"{group} need authenication")
    return f'{{"action":"{action}","group":{_quoted(group)},"success":false,"error":{problem}}}'


def bad_action(action: str, group: str, args: Sequence[str]) -> str:
    """There is no such action for that topic."""
    problem = _quoted(f"Invalid action [{action}] for group [{group}]")
    return (
        f'{{"action":{_quoted(action)},"group":{_quoted(group)},"success":false,'
        f'"request":{_request(action, args)},"error":{problem}}}'
    )


def bad_message(problem: str) -> str:
    """Not even the shape of a request; the socket stays open."""
    return f'{{"success":false,"error":{_quoted("Invalid message: " + problem)}}}'


def access(problem: str | None) -> str:
    """Of a login: None when it succeeded."""
    if problem is None:
        return '{"action":"access","success":true}'
    return f'{{"action":"access","success":false,"error":{_quoted("access failed: " + problem)}}}'


def pong(uuid: str) -> str:
    """The answer to a JSON ping."""
    return f'{{"group":"System","data":"pong+{uuid}"}}'


# Pushes. `group` is the topic, with or without its speed.


def levels(rows: Levels) -> str:
    """Of (price, size): `{"price":"5","vol":"97"}`."""
    return ",".join([f'{{"price":"{price}","vol":"{size}"}}' for price, size in rows])


def depth_increase(
    kind: str, symbol: str, version: int, time_ms: int, bids: str, asks: str
) -> tuple[str, str]:
    """What stands before and after the group; `kind` is "snapshot" or "update"."""
    return (
        f'{{"data":{{"symbol":"{symbol}","asks":[{asks}],"bids":[{bids}],"ms_t":{time_ms},'
        f'"version":{version},"type":"{kind}"}},"group":"',
        '"}',
    )


def depth_all(symbol: str, time_ms: int, bids: str, asks: str) -> tuple[str, str]:
    """Both sides at once."""
    return (
        f'{{"data":{{"symbol":"{symbol}","asks":[{asks}],"bids":[{bids}],"ms_t":{time_ms}}},'
        f'"group":"',
        '"}',
    )


def depth_side(symbol: str, way: int, rows: str, time_ms: int | None) -> tuple[str, str]:
    """One side: `way` 1 is bids, 2 is asks."""
    time = "" if time_ms is None else f',"ms_t":{time_ms}'
    return (
        '{"group":"',
        f'","data":{{"symbol":"{symbol}","way":{way},"depths":[{rows}]{time}}}}}',
    )


def book_ticker(
    symbol: str, bid: tuple[str, str], ask: tuple[str, str], time_ms: int
) -> tuple[str, str]:
    """The best price and size of each side."""
    return (
        f'{{"data":{{"symbol":"{symbol}","best_bid_price":"{bid[0]}","best_bid_vol":"{bid[1]}",'
        f'"best_ask_price":"{ask[0]}","best_ask_vol":"{ask[1]}","ms_t":{time_ms}}},"group":"',
        '"}',
    )


def ticker(symbol: str, values: dict[str, str], generation: int) -> tuple[str, str]:
    """Without any stamp. v1 knew a fair price where v2 has the marked and the index price."""
    best = (
        f'"ask_price":"{values["ask_price"]}","ask_vol":"{values["ask_vol"]}",'
        f'"bid_price":"{values["bid_price"]}","bid_vol":"{values["bid_vol"]}"'
    )
    if generation == 1:
        return (
            '{"group":"',
            f'","data":{{"symbol":"{symbol}","volume_24":"{values["volume_24"]}",'
            f'"fair_price":"{values["mark_price"]}","last_price":"{values["last_price"]}",'
            f'"range":"{values["range"]}",{best}}}}}',
        )
    return (
        f'{{"data":{{"symbol":"{symbol}","last_price":"{values["last_price"]}",'
        f'"volume_24":"{values["volume_24"]}","range":"{values["range"]}",'
        f'"mark_price":"{values["mark_price"]}","index_price":"{values["index_price"]}",'
        f'{best}}},"group":"',
        '"}',
    )


class TradeRow(NamedTuple):
    """One trade. `way` names the intents of both parties, 1 to 8."""

    id: int
    price: str
    size: str
    way: int
    buyer_is_maker: bool
    time_ns: int


def trades(symbol: str, rows: Iterable[TradeRow], form: str) -> tuple[str, str]:
    """Newest first. `form` is "way+m" (recorded in 2025), "m" (documented) or "way" (of 2023)."""
    texts = []
    for row in rows:
        maker = "true" if row.buyer_is_maker else "false"
        created = stamp(row.time_ns)
        head = f'{{"trade_id":{row.id},'
        deal = f'"symbol":"{symbol}","deal_price":"{row.price}","deal_vol":"{row.size}",'
        if form == "way":
            seconds, millis = row.time_ns // 10**9, row.time_ns // 10**6
            texts.append(
                f'{head}"contract_id":1,{deal}"type":0,"way":{row.way},"create_time":{seconds},'
                f'"create_time_mill":{millis},"created_at":"{created}"}}'
            )
        elif form == "m":
            texts.append(f'{head}{deal}"m":{maker},"created_at":"{created}"}}')
        else:
            way = f'"way":{row.way},"m":{maker}'
            texts.append(f'{head}{deal}{way},"created_at":"{created}"}}')
    return f'{{"data":[{",".join(texts)}],"group":"', '"}'


def stamp(time_ns: int) -> str:
    """RFC 3339 with nine digits: "2025-03-10T18:17:14.656686827Z"."""
    seconds, fraction = divmod(time_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def bar(values: Sequence[str], time_s: int) -> str:
    """`values` are open, high, low, close and volume."""
    texts = ",".join(f'"{key}":"{value}"' for key, value in zip("ohlcv", values, strict=True))
    return f'{texts},"ts":{time_s}'


def kline(symbol: str, bar: str, in_items: bool) -> tuple[str, str]:
    """The bar in a list of `items`, as recorded, or flat, as documented."""
    body = f'"items":[{{{bar}}}]' if in_items else bar
    return '{"group":"', f'","data":{{"symbol":"{symbol}",{body}}}}}'


def funding(symbol: str, values: dict[str, str | int]) -> tuple[str, str]:
    """`values` are those of the documented frame by name."""
    body = "".join(
        f',"{name}":{value}' if isinstance(value, int) else f',"{name}":"{value}"'
        for name, value in values.items()
    )
    return f'{{"data":{{"symbol":"{symbol}"{body}}},"group":"', '"}'
