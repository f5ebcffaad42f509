"""A venue that nobody has: every shape and rule that the three living ones do not use.

Its channel is named in an object, keys are long, stamps are nanoseconds, levels have something
before their price; updates cover ranges of versions, and the checksum is over padded numbers.
"""

import json
import zlib

import bitmart_book as bb
from bitmart_book.venues import (
    BookChannel,
    Checksum,
    Framing,
    Limits,
    Profile,
    Rate,
    Server,
    Speech,
    Symbols,
)

LEVELS = 3
STRANGE = bb.Venue(
    profiles=(
        Profile(
            venue="strange",
            market="strange",
            framing=Framing(
                channel_key="subscription",
                argument=("channel_name", "instrument_name"),
                channel_prefix="strange/",
                data_key="notification",
                reply_keys=frozenset({"request_number"}),
            ),
            books=(
                BookChannel(
                    name="strange/changes",
                    kind="sequenced",
                    rule="range",
                    window=50,
                    window_kept=True,
                    bids="buying_levels",
                    asks="selling_levels",
                    symbol="instrument_name",
                    sequence="last_change_id",
                    previous="first_change_id",
                    type="message_kind",
                    snapshot_word="everything",
                    update_word="difference",
                    time="nanoseconds",
                    clock="ns",
                    before_price=1,
                    replaces=True,
                    checksum=Checksum(levels=LEVELS, text="padded", key="crc", joint="|"),
                    confirmed_by_connection=30.0,
                ),
            ),
            streams=(),
            default_book="strange/changes",
            symbols=Symbols(
                owns=lambda symbol: symbol.startswith("~"),
                problem=lambda symbol: None if symbol.startswith("~") else "begins with ~",
                check_topic=lambda topic: None if topic.symbol.startswith("~") else "begins with ~",
            ),
            endpoint="strange_public",
            server=Server(url="wss://strange.example/ws"),
            limits=Limits(
                connections=2,
                connects=Rate(10, 10.0),
                messages=Rate(10, 10.0),
                topics_per_connection=10,
                topics_per_message=10,
                topic_bytes_per_message=1000,
                message_bytes=2000,
                idle_seconds=30.0,
                lifeless_seconds=30.0,
            ),
            speech=Speech(
                ping=None, encode=lambda operation, topics: json.dumps([operation, *topics])
            ),
            classify=lambda frame: None,
            can_request=False,
        ),
    )
)


def strange_sum(bids, asks):
    """Of the three best asks, then of the three best bids; rows of texts, best first."""
    values = [value for row in asks[:LEVELS] + bids[:LEVELS] for value in row]
    return zlib.crc32("|".join(values).encode())


def strange(kind, first, last, bids=(), asks=(), symbol="~A", *, checksum=None, **more):
    """A frame of it; rows of texts, which are not put in order."""
    item = {
        "instrument_name": symbol,
        "message_kind": kind,
        "first_change_id": first,
        "last_change_id": last,
        "buying_levels": [["new", price, size] for price, size in bids],
        "selling_levels": [["new", price, size] for price, size in asks],
        "nanoseconds": "1786310818129000321",
    }
    if checksum is not None:
        item["crc"] = checksum
    where = {"channel_name": "changes", "instrument_name": symbol}
    return json.dumps({"subscription": where, "notification": [item | more]}, separators=(",", ":"))
