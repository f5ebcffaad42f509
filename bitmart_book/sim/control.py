"""The box's own door: orders of its account over plain HTTP, for another terminal or language.

It is not BitMart's API and does not look like it: BitMart takes orders over a signed REST API,
which this box does not have. Bytes of one request go in, bytes of its answer come out; nothing
here knows sockets. Who may knock is decided by whoever carries the bytes.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from bitmart_book.errors import UsageError
from bitmart_book.sim.exchange import Exchange

__all__ = ["Control", "HttpRequest", "is_control"]

MAX_HEAD = 16 * 1024
MAX_BODY = 64 * 1024
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
}
_STARTS = tuple(f"{method} /control".encode() for method in ("GET", "POST", "DELETE"))
_ORDER_KEYS = ("market", "symbol", "side", "price", "size", "kind", "client_order_id")
_DEPOSIT_KEYS = ("market", "currency", "amount")


def is_control(data: bytes) -> bool | None:
    """Whether a connection that begins with these bytes is for this door; None: not known yet."""
    if any(data.startswith(start) for start in _STARTS):
        return True
    return None if any(start.startswith(data) for start in _STARTS) else False


class _Asked(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class HttpRequest:
    """One request, put together from the pieces that arrive."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> _Asked | int | None:
        """The request when it is complete, a status when it is none, else None."""
        self._data += data
        head, between, body = self._data.partition(b"\r\n\r\n")
        if not between:
            return 413 if len(self._data) > MAX_HEAD else None
        lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"([A-Z]+) (\S+) HTTP/1\.[01]", lines[0])
        if match is None:
            return 400
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = headers.get("content-length", "0")
        if not re.fullmatch("[0-9]{1,9}", length) or "transfer-encoding" in headers:
            return 400
        if int(length) > MAX_BODY:
            return 413
        if len(body) < int(length):
            return None
        url = urlsplit(match[2])
        return _Asked(
            match[1], url.path.rstrip("/"), dict(parse_qsl(url.query)), headers, body[: int(length)]
        )


class Control:
    """Answers requests about the account of an exchange. `now` says the exchange's time."""

    def __init__(self, exchange: Exchange, now: Callable[[], float]) -> None:
        self._exchange = exchange
        self._now = now

    def answer(self, asked: _Asked | int, *, trusted: bool) -> bytes:
        """The whole answer. Only who is `trusted` gets more than a refusal."""
        if isinstance(asked, int):
            return _written(asked, {"error": _REASONS[asked].lower()})
        # A page in a browser says where it comes from; programs do not. A page whose own name was
        # made to mean this machine need not say it, but its name is what it asks for.
        if not trusted or "origin" in asked.headers or not _is_this_machine(asked.headers):
            return _written(403, {"error": "only for programs on this machine"})
        try:
            return _written(*self._answer(asked))
        except (UsageError, _BadRequest) as error:
            return _written(400, {"error": str(error)})

    def _answer(self, asked: _Asked) -> tuple[int, Any]:
        exchange, query = self._exchange, asked.query
        exchange.advance(self._now())
        match (asked.method, asked.path.split("/")[2:]):
            case ("POST", ["orders"]):
                return 200, self._place(_object(asked.body, _ORDER_KEYS))
            case ("GET", ["orders"]):
                return 200, exchange.trader.orders(query.get("market"))
            case ("GET", ["orders", order_id]):
                return 200, exchange.trader.order(order_id)
            case ("DELETE", ["orders", order_id]):
                exchange.trader.cancel(order_id)
                return 200, exchange.trader.order(order_id)
            case ("GET", ["balances"]):
                return 200, exchange.trader.balances(query.get("market", "spot"))
            case ("GET", ["positions"]):
                return 200, exchange.trader.positions(query.get("market", "futures"))
            case ("POST", ["deposits"]):
                return 200, self._deposit(_object(asked.body, _DEPOSIT_KEYS))
            case (_, ["orders", *_] | ["balances"] | ["positions"] | ["deposits"]):
                return 405, {"error": f"no {asked.method} here"}
        return 404, {"error": f"nothing at {asked.path}"}

    def _place(self, values: Mapping[str, Any]) -> dict[str, Any]:
        exchange = self._exchange
        symbol = _text(values, "symbol")
        order_id = exchange.trader.place(
            _text(values, "market", "spot" if "_" in symbol else "futures"),
            symbol,
            _text(values, "side"),
            values.get("price"),
            values.get("size", ""),
            kind=_text(values, "kind", "limit"),
            client_order_id=_text(values, "client_order_id", ""),
        )
        return exchange.trader.order(order_id)

    def _deposit(self, values: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        market, currency = _text(values, "market", "spot"), _text(values, "currency")
        self._exchange.trader.deposit(market, currency, values.get("amount", ""))
        return {currency: self._exchange.trader.balances(market)[currency]}


def _is_this_machine(headers: Mapping[str, str]) -> bool:
    """Whether a request is for an address or for "localhost", and not for somebody's domain."""
    host = urlsplit(f"//{headers.get('host', 'localhost')}").hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


class _BadRequest(Exception):
    pass


def _object(body: bytes, keys: tuple[str, ...]) -> dict[str, Any]:
    try:
        values = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise _BadRequest("the body must be a JSON object")
    unknown = [key for key in values if key not in keys]
    if unknown:
        raise _BadRequest(f"unknown {unknown[0]!r}; there is: {', '.join(keys)}")
    return values


def _text(values: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = values.get(key, default)
    if not isinstance(value, str):
        raise _BadRequest(f"{key} must be a text")
    return value


def _written(status: int, value: Any) -> bytes:
    body = json.dumps(value, indent=1).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
