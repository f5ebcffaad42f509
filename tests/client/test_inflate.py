"""Compressed frames: the same text and the same refusals, however many pieces they are made in."""

import random
import zlib

import pytest

from bitmart_book.client import inflate as inflate_module
from bitmart_book.client.inflate import MAX_INFLATE_RATIO, inflate
from bitmart_book.errors import CompressionError


def deflated(text, wbits=-15, level=6):
    stream = zlib.compressobj(level, wbits=wbits)
    return stream.compress(text) + stream.flush()


def zeros_to_the_limit(more=0):
    """A stream that becomes just as long as is allowed, and so many bytes more."""
    for size in range(1, 200):
        payload = deflated(b"\0" * (size * MAX_INFLATE_RATIO + more))
        if len(payload) <= size:
            # A stored block with nothing in it makes a stream longer, and its text not.
            filler = b"\x00\x00\x00\xff\xff" * 1_000
            payload = (filler + payload)[-size:] if (size - len(payload)) % 5 == 0 else None
            if payload is not None and len(payload) == size and size > 10:
                return payload
    raise AssertionError("none found")


NOISE = random.Random(1).randbytes(4_000)
PAYLOADS = {
    "a frame": deflated(b'{"table":"spot/depth5"}'),
    "a stored frame": deflated(NOISE, level=0),
    "empty": deflated(b""),
    "just as long as allowed": zeros_to_the_limit(),
    "a byte too long": zeros_to_the_limit(1),
    "a bomb": deflated(b"\0" * 3_000_000),
    "nothing": b"",
    "cut off": deflated(NOISE)[:-2],
    "cut off at the limit": zeros_to_the_limit()[:-1],
    "something behind": deflated(NOISE) + b"x",
    "two streams": deflated(NOISE) + deflated(NOISE),
    "damaged": b"\xff" + deflated(NOISE),
    "gzip where deflate was due": deflated(NOISE, 31),
    "large": deflated(NOISE * 50),
}
REFUSED = {
    "a byte too long": "that is too large",
    "a bomb": "that is too large",
    "nothing": "that is cut off",
    "cut off": "that is cut off",
    "cut off at the limit": "a compressed frame that is",
    "something behind": "bytes behind its end",
    "two streams": "bytes behind its end",
    "damaged": "not raw deflate",
    "gzip where deflate was due": "not raw deflate",
}


def outcome(payload):
    try:
        return inflate(payload)
    except CompressionError as error:
        return str(error)


@pytest.mark.parametrize("name", PAYLOADS)
def test_in_one_piece_as_in_many(monkeypatch, name):
    whole = outcome(PAYLOADS[name])
    assert isinstance(whole, str) is (name in REFUSED)
    if name in REFUSED:
        assert REFUSED[name] in whole
    for piece in (7, 1_999):
        if len(PAYLOADS[name]) < 1_000 or piece > 1_000:
            monkeypatch.setattr(inflate_module, "_PIECE", piece)
            found = outcome(PAYLOADS[name])
            # Where the stream ends within a piece, zlib does not say which of the two it is.
            behind = name in ("something behind", "two streams") and "a compressed frame" in found
            assert found == whole or behind


def test_no_more_is_made_than_is_allowed(monkeypatch):
    made, begin = [], zlib.decompressobj

    class Stream:
        def __init__(self, wbits):
            self.inner = begin(wbits)

        def decompress(self, data, most):
            text = self.inner.decompress(data, most)
            made.append(len(text))
            return text

        def __getattr__(self, name):
            return getattr(self.inner, name)

    monkeypatch.setattr(inflate_module.zlib, "decompressobj", Stream)
    payload = PAYLOADS["a bomb"]
    assert "too large" in outcome(payload)
    assert sum(made) == len(payload) * MAX_INFLATE_RATIO
