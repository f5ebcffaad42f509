"""Compressed frames: raw DEFLATE with a bound on what one frame may become.

Bytes in, bytes out, no socket: whoever takes frames in needs it, a simulation as well as the wire.
"""

from __future__ import annotations

import zlib

from bitmart_book.errors import CompressionError

__all__ = ["inflate"]

MAX_INFLATED_BYTES = 8 * 1024 * 1024
MAX_INFLATE_RATIO = 100
# zlib holds its output twice while the output grows, and so it is asked for pieces of this size.
_PIECE = 1 << 20
_WINDOWS = {"raw deflate": -zlib.MAX_WBITS, "gzip": 16 + zlib.MAX_WBITS}


def inflate(payload: bytes, form: str = "raw deflate") -> bytes:
    """The text of a binary message, which is of `Framing.binary` form: one raw DEFLATE stream (RFC
    1951), as BitMart's spot hosts send binary frames, one of gzip, or plain text.

    Raises CompressionError for a damaged, truncated or trailing stream, and for one that is larger
    than 8 MiB or more than a hundred times its compressed size, before that much is made of it.
    """
    if form == "plain":
        return payload
    limit = min(MAX_INFLATED_BYTES, max(1024, len(payload) * MAX_INFLATE_RATIO))
    stream = zlib.decompressobj(_WINDOWS[form])
    try:
        if limit <= _PIECE:
            text = stream.decompress(payload, limit)
        else:
            text = _in_pieces(stream, payload, limit)
    except zlib.error as error:
        raise CompressionError(f"not {form}: {error}") from None
    if stream.unconsumed_tail or not stream.eof:
        # Either there is more output than allowed, or the stream stops before its end.
        problem = "cut off" if len(text) < limit else "too large"
        raise CompressionError(f"a compressed frame that is {problem} ({len(payload)} bytes)")
    if stream.unused_data:
        raise CompressionError("a compressed frame with bytes behind its end")
    return text


def _in_pieces(stream: zlib._Decompress, payload: bytes, limit: int) -> bytes:
    """As far as the limit, or the end."""
    pieces, room, rest = [], limit, payload
    while room and not stream.eof:
        piece = stream.decompress(rest, min(room, _PIECE))
        if not piece and not stream.eof:
            break
        pieces.append(piece)
        room -= len(piece)
        rest = stream.unconsumed_tail
    return b"".join(pieces)
