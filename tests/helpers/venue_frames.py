"""Frames of Kraken, OKX and Bybit for tests, and their checksums in plain Python.

Written from the venues' documentation; nothing of the package is used.
"""

import json
import zlib

STAMP = "2026-08-16T23:37:04.190019Z"
COMPUTED = object()


def digits(text):
    return text.replace(".", "").lstrip("0")


def sides(bids, asks):
    """Rows of texts, best first."""
    return (
        sorted(bids, key=lambda row: -float(row[0])),
        sorted(asks, key=lambda row: float(row[0])),
    )


def kraken_sum(bids, asks):
    """Kraken's "Book Checksum": the ten best asks, then the ten best bids."""
    bids, asks = sides(bids, asks)
    text = "".join(digits(value) for row in asks[:10] + bids[:10] for value in row)
    return zlib.crc32(text.encode())


def kraken(kind, bids=(), asks=(), symbol="BTC/USD", *, checksum=COMPUTED, stamp=STAMP):
    """A frame of `book`; the checksum is that of its own rows where none is said, None: none."""

    def rows(levels):
        return ",".join(f'{{"price":{price},"qty":{size}}}' for price, size in levels)

    if checksum is COMPUTED:
        checksum = kraken_sum(bids, asks)
    summed = "" if checksum is None else f'"checksum":{checksum},'
    stamped = "" if stamp is None else f'"timestamp":"{stamp}"'
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":[{rows(bids)}],'
        f'"asks":[{rows(asks)}],{summed}{stamped}}}]}}'
    )


def kraken_ack(symbol="BTC/USD", depth=25, operation="subscribe"):
    return json.dumps({
        "method": operation,
        "result": {"channel": "book", "depth": depth, "snapshot": True, "symbol": symbol},
        "success": True,
        "time_in": STAMP,
        "time_out": STAMP,
    })  # fmt: skip


def okx_sum(bids, asks):
    """OKX's checksum of the 25 best levels, as it was until 2026-06: bid, ask, bid, ask."""
    bids, asks = sides(bids, asks)
    values = []
    for place in range(25):
        for levels in (bids, asks):
            values += levels[place] if place < len(levels) else ()
    crc = zlib.crc32(":".join(values).encode())
    return crc - 2**32 if crc >= 2**31 else crc


def okx(action, previous, sequence, bids=(), asks=(), symbol="BTC-USDT", *, checksum=0, **more):
    """A frame of `books`; checksum None: without one."""
    item = {
        "asks": [[price, size, "0", "1"] for price, size in asks],
        "bids": [[price, size, "0", "1"] for price, size in bids],
        "ts": "1785096000123",
        "checksum": checksum,
        "prevSeqId": previous,
        "seqId": sequence,
    } | more
    if checksum is None:
        del item["checksum"]
    frame = {"arg": {"channel": "books", "instId": symbol}, "action": action, "data": [item]}
    return json.dumps(frame, separators=(",", ":"))


def okx_picture(channel, bids, asks, symbol="BTC-USDT"):
    """A frame of `books5` or `bbo-tbt`."""
    frame = json.loads(okx("", 0, 9, bids, asks, symbol, checksum=None))
    del frame["action"]
    frame["arg"]["channel"] = channel
    return json.dumps(frame, separators=(",", ":"))


def bybit(kind, u, bids=(), asks=(), symbol="BTCUSDT", *, depth=50, ts=1785088800123):
    """A frame of `orderbook.DEPTH`."""
    data = {"s": symbol, "b": list(bids), "a": list(asks), "u": u, "seq": 7 * u}
    frame = {
        "topic": f"orderbook.{depth}.{symbol}",
        "type": kind,
        "ts": ts,
        "data": data,
        "cts": ts - 3,
    }
    return json.dumps(frame, separators=(",", ":"))
