"""What stands at the beginning of a publisher's file, and in the record of each book.

A file is refused whose numbers this version does not know, or cannot compare with its own: times
mean nothing after another start of the machine, nor in a time namespace whose clock is another.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bitmart_book._book import _most_shared_levels, shared_sizes
from bitmart_book.errors import AttachError

__all__ = ["LAYOUT", "Header", "pack", "packed_record", "read", "records"]

MAGIC = b"bitmart\n"
LAYOUT = 1
# Magic, layout, levels, capacity, bytes of a slot and of all, instance, process, boot, namespace;
# and the sum of what stands before it.
FORM = struct.Struct("<8s7q40sq")
SUM = struct.Struct("<I")
LENGTH = struct.Struct("<H")
MOST_BOOKS = 100_000


class Header(NamedTuple):
    """What is known of a publisher's file."""

    levels: int
    """A side of each book."""
    capacity: int
    """Books at most."""
    instance: int
    """A random number: another one is another publisher, whatever the name."""
    process: int
    """For people; it may be another's by now."""


def boot() -> bytes:
    """Which start of the machine this is."""
    return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()


def time_namespace() -> int:
    """Whose clock is read here; 0 where all have one."""
    try:
        return os.stat("/proc/self/ns/time").st_ino
    except OSError:
        return 0


def pack(header: Header) -> bytes:
    """The first bytes of a file."""
    sizes = shared_sizes(header.levels, header.capacity)
    fixed = FORM.pack(
        MAGIC,
        LAYOUT,
        header.levels,
        header.capacity,
        sizes["slot"],
        sizes["whole"],
        header.instance,
        header.process,
        boot(),
        time_namespace(),
    )
    return fixed + SUM.pack(zlib.crc32(fixed))


def read(name: str, start: bytes, size: int) -> Header:
    """Of a file that begins so and is so large. AttachError for one that cannot be read here."""
    if len(start) < FORM.size + SUM.size or not start.startswith(MAGIC):
        raise AttachError(f"what stands at {name} is no publication: it does not begin like one")
    fields = FORM.unpack_from(start)
    _, layout, levels, capacity, slot, whole, instance, process, started, namespace = fields
    if layout != LAYOUT:
        raise AttachError(
            f"{name} is published in layout {layout}, and this version of bitmart_book reads "
            f"{LAYOUT}: let both programs use the same one"
        )
    if SUM.unpack_from(start, FORM.size)[0] != zlib.crc32(start[: FORM.size]):
        raise AttachError(f"the header of {name} is damaged")
    if not (0 < levels <= _most_shared_levels and 0 < capacity <= MOST_BOOKS):
        raise AttachError(f"the header of {name} says what cannot be")
    sizes = shared_sizes(levels, capacity)
    if (slot, whole) != (sizes["slot"], sizes["whole"]):
        raise AttachError(f"the header of {name} says what cannot be")
    if size < whole:
        raise AttachError(f"the file of {name} is cut short: {size} of {whole} bytes")
    if started.rstrip(b"\0") != boot():
        raise AttachError(f"{name} was published before this machine was started last")
    if namespace != time_namespace():
        raise AttachError(
            f"{name} is published in another time namespace, whose clock is another: a book could "
            "look fresh here that is not"
        )
    return Header(levels, capacity, instance, process)


def packed_record(facts: dict[str, Any], room: int) -> bytes:
    """What a book's record says, for a place of so many bytes. AttachError for too much."""
    text = json.dumps(facts, separators=(",", ":")).encode()
    if len(text) > room - LENGTH.size:
        raise AttachError(f"{facts['topic'][:80]} has too long a name to be published")
    return LENGTH.pack(len(text)) + text


def records(
    file: bytes | mmap.mmap, header: Header, count: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The number and the facts of each of so many books. AttachError for a damaged one."""
    sizes = shared_sizes(header.levels, header.capacity)
    for number in range(min(count, header.capacity)):
        at = sizes["records"] + number * sizes["record"]
        (length,) = LENGTH.unpack_from(file, at)
        text = bytes(file[at + LENGTH.size : at + min(LENGTH.size + length, sizes["record"])])
        try:
            yield number, dict(json.loads(text))
        except (ValueError, TypeError):
            raise AttachError(f"record {number} is damaged") from None
