"""Damage to a JSON text that mostly leaves it JSON: other values, keys, sizes, repeats, holes.

Works on bytes at places where a value or a key begins, because reading a whole text into tokens
would cost more than applying it.
"""

from __future__ import annotations

import re

__all__ = ["mutate"]

BEFORE_VALUE = re.compile(rb"[\[{,:]\s*")
SCALAR = re.compile(rb'"[^"]*"|[^,:\[\]{}\s]*')
BRACKET = re.compile(rb"[\[\]{}]")
NUMBER = re.compile(rb"[0-9][0-9.eE+-]*")

KEYS = tuple(
    f'"{key}"'.encode()
    for key in (
        "table", "group", "subscribe", "data", "symbol", "type", "version", "ms_t", "bids", "asks",
        "buys", "sells", "depths", "way", "price", "vol", "amount", "count", "event", "action",
        "success", "errorCode", "topic", "trades", "side", "size", "deal_price", "deal_vol", "m",
        "created_at", "trade_id", "step", "candle", "s_t", "message", "precision", "", "channel", "arg",
        "instId", "seqId", "prevSeqId", "checksum", "ts", "qty", "timestamp", "u", "s", "b", "a",
        "first_change_id", "last_change_id", "channel_name", "nanoseconds", "crc",
    )
)  # fmt: skip
TOPICS = tuple(
    f'"{topic}"'.encode()
    for topic in (
        "spot/depth/increase100", "spot/depth5", "spot/depth20", "spot/depth50", "spot/trade",
        "spot/ticker", "spot/kline1m", "spot/depth5:BTC_USDT", "spot/depth5:", ":", "@", "a:b:c@d@e",
        "futures/depth5:BTCUSDT", "futures/depthAll20:BTCUSDT@200ms", "futures/trade:BTCUSDT",
        "futures/depthIncrease50:ETHUSDT", "depth", "trade", "order", "System", "snapshot", "update",
        "BTC_USDT", "ETH_USDT", "BTCUSDT", "BMX_ETH", "22", "buy", "sell", "pong",
        "2023-02-24T07:54:11.124940968Z", "0000-00-00T00:00:00Z", "9999-12-31T23:59:60Z",
    )
)  # fmt: skip
NUMBERS = (
    b"0", b"1", b"2", b"-1", b"-0", b"-0.0", b"1e5", b"1E-5", b"1.", b".5", b"1e", b"0x1", b"01",
    b"NaN", b"Infinity", b"-Infinity", b"1_0", b"+1", b"--1", b"1e99", b"1e-99", b"1e400",
    b"1e99999999999999999999", b"9223372036854775807", b"9223372036854775808",
    b"-9223372036854775808", b"18446744073709551615", b"18446744073709551616",
    b"0.000000000000000001", b"0.0000000000000000001", b"1e18", b"1e19", b"9" * 20, b"9" * 65,
    b"1" * 64, b"0" * 64 + b"1", b"0." + b"0" * 70, b"1" + b"0" * 4300, b"1e-18", b"123456789.123456789",
)  # fmt: skip
VALUES = (
    b"null", b"true", b"false", b"[]", b"{}", b'""', b'" "', b'"\\u0661"', b'"\\ud800"', b'"\xff"',
    b'"\\u0000"', b"[[]]", b'[["1","1"]]', b'[["1","1"],["1","0"]]', b'["1","1"]', b'["1"]',
    b'["1","2","3"]', b'{"price":"1","vol":"1"}', b'{"price":null}', b'[{"price":"1","vol":"1"}]',
    b'[["2","1"],["1","1"],["2","0"]]', b"[" * 40 + b"]" * 40, b'{"a":' * 30 + b"1" + b"}" * 30,
)  # fmt: skip
PIECES = (b"{", b"}", b"[", b"]", b":", b",", b'"', b" ", b"\x00", b"\xff", b"\\", b"e", b"-", b"[]",
          b'{},', b'"",', b"\xef\xbb\xbf", b"\n")  # fmt: skip
DIGITS = (b"0", b"9", b".", b"e", b"-", b"00000000", b"", b"1e-5")


def mutate(frame, rng):
    """The frame with one to three things changed; seldom with its bytes changed instead."""
    chance = rng.random
    if chance() < 0.12 or not frame:
        return _bytes(frame, chance)
    for _ in range(1 + int(chance() * chance() * 3)):
        frame = _change(frame, chance)
    if chance() < 0.0005:
        depth = int(chance() * 3000)
        frame = frame.replace(b"[]", b"[" * depth + b"]" * depth, 1)
    return frame


def _change(frame, chance):
    start = _start(frame, chance)
    kind = chance()
    if kind < 0.35:
        end = SCALAR.match(frame, start).end()
        return frame[:start] + _other(frame[start:end], chance) + frame[end:]
    if kind < 0.50:
        return _digits(frame, start, chance)
    if kind < 0.62:
        element = frame[start : _end(frame, start)] + b","
        times = 1 if chance() < 0.9 else int(chance() * 30)
        return frame[:start] + element * times + frame[start:]
    if kind < 0.72:
        return frame[:start] + frame[_end(frame, start) :]
    if kind < 0.80:
        value = VALUES[int(chance() * len(VALUES))]
        return frame[:start] + value + frame[_end(frame, start) :]
    if kind < 0.86:
        # The comma goes too, so that what is left is JSON.
        end = _end(frame, start)
        return frame[:start] + frame[end + (frame[end : end + 1] == b",") :]
    if kind < 0.92:
        piece = PIECES[int(chance() * len(PIECES))]
        return frame[:start] + piece + frame[start + (chance() < 0.5) :]
    # Another place's element: a row where a side was, a side where the frame was.
    other = _start(frame, chance)
    return frame[:start] + frame[other : _end(frame, other)] + frame[_end(frame, start) :]


def _start(frame, chance):
    """A place where a value or a key begins."""
    found = BEFORE_VALUE.search(frame, int(chance() * len(frame)))
    return found.end() if found else 0


def _end(frame, start):
    """Where the value that begins there ends. Brackets inside strings are not looked for."""
    if frame[start : start + 1] not in (b"[", b"{"):
        return SCALAR.match(frame, start).end()
    depth = 0
    for bracket in BRACKET.finditer(frame, start):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth == 0:
            return bracket.end()
    return len(frame)


def _other(token, chance):
    """Something of a token's kind, or of another."""
    kind = chance()
    if token[:1] == b'"':
        if kind < 0.35:
            return TOPICS[int(chance() * len(TOPICS))]
        if kind < 0.6:
            return b'"%b"' % NUMBERS[int(chance() * len(NUMBERS))]
        if kind < 0.8:
            return KEYS[int(chance() * len(KEYS))]
    elif kind < 0.7:
        return NUMBERS[int(chance() * len(NUMBERS))]
    return VALUES[int(chance() * len(VALUES))]


def _digits(frame, start, chance):
    """The next number from here, changed in its digits."""
    found = NUMBER.search(frame, start)
    if found is None:
        return frame
    place = found.start() + int(chance() * (found.end() - found.start() + 1))
    piece = DIGITS[int(chance() * len(DIGITS))]
    return frame[:place] + piece + frame[place + int(chance() * 2) :]


def _bytes(frame, chance):
    if not frame:
        return b"\x00"
    at = int(chance() * len(frame))
    kind = chance()
    if kind < 0.3:
        return frame[:at]
    if kind < 0.6:
        return frame[:at] + bytes((int(chance() * 256),)) + frame[at + 1 :]
    if kind < 0.8:
        return frame[:at] + frame[at + 1 + int(chance() * 8) :]
    if kind < 0.9:
        return frame[at:] + frame[:at]
    return frame[:at] + frame[max(0, at - int(chance() * 40)) :]
