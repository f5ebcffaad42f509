"""Writing and reading recorded frames: JSON lines, plain, gzip or (reading) zstd.

A line is either a bare frame or `{"t": receive_time_ns, "conn": name, "frame": text}`. A recording
of a feed begins with a line `{"bitmart_book": version, "venue": name}`; behind it each line has
the time of the engine's clock as well, `"at"`, and beside frames there are events, which have
`"event"` instead: what the client told its engine, so that a replay ends where the feed did
(`told`). Readers skip events that they do not know. This file knows lines and files; what a frame
means is the engine's business.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple, cast

import msgspec

from bitmart_book.errors import CaptureError, UsageError
from bitmart_book.system.files import keep_private, open_to_write

__all__ = ["Capture", "CaptureWriter", "CapturedEvent", "CapturedFrame", "open_new"]

# Four times the engine's limit for a frame: one that is too long still reaches the engine, whose
# error names it.
MAX_LINE_BYTES = 16 * 1024 * 1024
# A compressed file that goes on and on: of what BitMart sends one byte of gzip holds a third of a
# line and less. Each line costs a microsecond, and a megabyte could hold a billion.
LINES_PER_BYTE = 4
FREE_LINES = 100_000
# So many compressed bytes are inflated at once; each can stand for thirty thousand.
_ZSTD_BYTES = 256


class CapturedFrame(NamedTuple):
    """One frame of a capture."""

    frame: bytes
    receive_time_ns: int | None
    """Wall clock at receipt, where the capture recorded it."""
    connection: str | None
    """Name of the connection the frame came on, where the capture recorded it."""
    line: int
    """Counted from 1."""
    at_ns: int | None = None
    """The engine's clock when it was applied, where the capture recorded it."""


class CapturedEvent(NamedTuple):
    """Something beside frames that happened to the feed that was recorded."""

    event: str
    """What: "opened", "asked", "held", ..."""
    facts: Mapping[str, Any]
    """The rest of its line, as it stands there."""
    receive_time_ns: int | None
    """Wall clock."""
    connection: str | None
    """The connection that it is about."""
    line: int
    """Counted from 1."""
    at_ns: int | None
    """The engine's clock."""


class _Recorded(msgspec.Struct, omit_defaults=True):
    frame: str
    t: int | None = None
    at: int | None = None
    conn: str | None = None


class _Event(msgspec.Struct):
    event: str
    t: int | None = None
    at: int | None = None
    conn: str | None = None


HEADER = b'{"bitmart_book":'


class CaptureWriter:
    """Writes frames as they arrive, one JSON line each, gzip where the name ends in .gz.

    The file is made anew, readable by its owner alone. Raises UsageError when it cannot be made,
    and when there is something else already: a file with content, or no plain file at all, such as
    a symbolic link. Nothing is overwritten.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.frames = 0
        self._file: IO[bytes] = open_new(self.path)
        if self.path.endswith(".gz"):
            self._raw: IO[bytes] | None = self._file
            self._file = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw, mode="wb"))
        else:
            self._raw = None
        self._encode = msgspec.json.Encoder().encode

    def begin(self, version: str, venues: Sequence[str] = ()) -> None:
        """The first line of a recording that has events; `venues` are those that speak in it."""
        header: dict[str, Any] = {"bitmart_book": version}
        if venues:
            header["venue"] = venues[0] if len(venues) == 1 else list(venues)
        self._file.write(self._encode(header) + b"\n")

    def write(
        self, frame: bytes, receive_time_ns: int, connection: str, at_ns: int | None = None
    ) -> None:
        """One frame, inflated. at_ns: the engine's clock."""
        recorded = _Recorded(
            frame=frame.decode("utf-8", "replace"), t=receive_time_ns, at=at_ns, conn=connection
        )
        self._file.write(self._encode(recorded) + b"\n")
        self.frames += 1

    def write_event(
        self,
        event: str,
        receive_time_ns: int,
        connection: str | None,
        at_ns: int,
        facts: Mapping[str, Any],
    ) -> None:
        """Something that is not a frame."""
        line = {"t": receive_time_ns, "at": at_ns, "conn": connection, "event": event, **facts}
        self._file.write(self._encode(line) + b"\n")

    def close(self) -> None:
        """Finish the file; may be called twice."""
        self._file.close()
        if self._raw is not None:
            self._raw.close()

    def __enter__(self) -> CaptureWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _venues(header: bytes) -> tuple[str, ...]:
    """What a header says of venues; what cannot be read says nothing."""
    try:
        said: Any = msgspec.json.decode(header)["venue"]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return ()
    names = said if isinstance(said, list) else [said]
    return tuple(name for name in names if isinstance(name, str))


def open_new(path: str) -> IO[bytes]:
    """A file of one's own to write to, made anew or empty, which nobody else can read. UsageError
    where it cannot be made, and where there is something else already."""
    try:
        descriptor = open_to_write(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {_why(path, error)}") from None
    try:
        _claim(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "wb")


def _claim(descriptor: int, path: str) -> None:
    """Make a file that was just opened ours. UsageError for what must not be written to."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"cannot write {path}: it is not a plain file")
    if found.st_size:
        raise UsageError(
            f"cannot write {path}: it exists and is not empty; delete it, or take another name"
        )
    keep_private(descriptor)


def _why(path: str, error: OSError) -> str:
    if os.path.islink(path):
        return "it is a symbolic link, and where that leads is not written to"
    return error.strerror or str(error)


class Capture:
    """An iterator over the frames of a capture file; also a context manager. `record` reads the
    events of a recording as well.

    Raises UsageError when the file cannot be opened, and CaptureError, naming the line, at a line
    that cannot be read; the iteration can be continued after that, unless the file itself ends
    there. `bytes_read` of `bytes_total` bytes of the file have been consumed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.has_events = False
        """Whether a header has been read: it is a recording of a feed, with its events."""
        self.venues: tuple[str, ...] = ()
        """The venues that speak in it, as far as its header says."""
        try:
            self._file = open(self.path, "rb")  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise UsageError(f"cannot read {self.path}: {error.strerror or error}") from None
        try:
            self.bytes_total = os.fstat(self._file.fileno()).st_size
            self._lines = _decompressed(self._file)
        except BaseException:
            self._file.close()
            raise
        self._line = 0
        self._ended = False
        self._decode = msgspec.json.Decoder(_Recorded).decode
        self._decode_event = msgspec.json.Decoder(_Event).decode

    @property
    def bytes_read(self) -> int:
        return self._file.tell()

    def __iter__(self) -> Iterator[CapturedFrame]:
        return self

    def __next__(self) -> CapturedFrame:
        while (record := self.record()) is not None:
            if isinstance(record, CapturedFrame):
                return record
        raise StopIteration

    def record(self) -> CapturedFrame | CapturedEvent | None:
        """The next frame or event; None at the end. Raises as the iteration does."""
        while not self._ended:
            self._line += 1
            if self._line % FREE_LINES == 0:
                self._refuse_a_bomb()
            line = self._read_line()
            if not line:
                self._ended = True
                break
            line = line.strip()
            if line.startswith(HEADER):
                self.has_events = True
                self.venues = _venues(line)
            elif line:
                return self._parse(line)
        return None

    def _refuse_a_bomb(self) -> None:
        if self._line > FREE_LINES + LINES_PER_BYTE * self.bytes_read:
            self._ended = True
            raise self._problem(
                f"{self._line:,} lines in {self.bytes_read:,} bytes: this is no recording"
            )

    def _read_line(self) -> bytes:
        try:
            line = self._lines.readline(MAX_LINE_BYTES)
        except (EOFError, OSError, zlib.error, ValueError) as error:
            # The rest of a compressed file cannot be found without the part that is missing.
            self._ended = True
            raise self._problem(f"the file ends or is damaged here: {error}") from None
        if len(line) == MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = self._lines.readline(MAX_LINE_BYTES)
            raise self._problem(f"longer than {MAX_LINE_BYTES} bytes")
        return line

    def _parse(self, line: bytes) -> CapturedFrame | CapturedEvent:
        if self.has_events and b'"frame"' not in line:
            return self._parse_event(line)
        # Bare frames are the common case: they are passed on unread, for the engine to decode.
        if b'"frame"' in line:
            try:
                recorded = self._decode(line)
            except msgspec.ValidationError as error:
                if "missing required field `frame`" not in str(error):
                    raise self._problem(str(error)) from None
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise self._problem(f"not JSON: {error}") from None
            else:
                frame = recorded.frame.encode()
                return CapturedFrame(frame, recorded.t, recorded.conn, self._line, recorded.at)
        return CapturedFrame(line, None, None, self._line)

    def _parse_event(self, line: bytes) -> CapturedEvent:
        try:
            event = self._decode_event(line)
            facts = msgspec.json.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._problem(f"no event: {error}") from None
        return CapturedEvent(event.event, facts, event.t, event.conn, self._line, event.at)

    def _problem(self, problem: str) -> CaptureError:
        return CaptureError(self.path, self._line, problem)

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._lines.close()
        self._file.close()

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _decompressed(file: io.BufferedReader) -> io.BufferedIOBase:
    # The first bytes decide, not the name: files are renamed.
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file, mode="rb")
    if magic == b"\x28\xb5\x2f\xfd":
        return _zstd_reader(file)
    return file


def _zstd_reader(file: io.BufferedReader) -> io.BufferedIOBase:
    try:
        from compression import zstd  # Python 3.14
    except ImportError:
        pass
    else:
        return zstd.open(file, "rb")  # type: ignore[no-any-return]
    try:
        import zstandard
    except ImportError:
        raise UsageError(
            f"{file.name} is zstd: pip install 'bitmart_book[zstd]' to read it"
        ) from None
    return io.BufferedReader(_ZstdStream(file, zstandard.ZstdDecompressor()))


class _ZstdStream(io.RawIOBase):
    """A zstd file as a stream that knows when it was cut off; the library's own does not say."""

    def __init__(self, file: io.BufferedReader, decompressor: Any) -> None:
        self._file = file
        self._decompressor = decompressor
        self._frame = decompressor.decompressobj()
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            chunk = self._file.read(_ZSTD_BYTES)
            if not chunk:
                if not self._frame.eof:
                    raise EOFError("the last zstd frame is cut off")
                return 0
            self._ready = memoryview(self._inflate(chunk))
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def _inflate(self, chunk: bytes) -> bytes:
        try:
            parts = []
            while chunk:
                if self._frame.eof:
                    self._frame = self._decompressor.decompressobj()
                parts.append(self._frame.decompress(chunk))
                chunk = self._frame.unused_data
            return b"".join(parts)
        except Exception as error:  # ZstdError, which cannot be named without the library
            raise EOFError(f"not zstd: {error}") from None
