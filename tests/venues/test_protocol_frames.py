"""Every example document of BitMart's protocol: the right event or error, and no value lost.

The documents are not part of the project; those of the references are retyped in the tests of each
generation. They are looked for in the folder that the environment variable BITMART_BOOK_FRAMES
names, else in ../shared/protocol/frames beside the checkout: `.json` files with one document,
`.jsonl` files with one a line. Documents that are not named here are tried too.
"""

import json
import os
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec
import pytest

import bitmart_book as bb
from bitmart_book.client.inflate import inflate
from bitmart_book.venues import BITMART, LEGACY, Topic, read_instruments
from tests.helpers.exactly import exactly
from tests.helpers.keys import KEY, MEMO, SECRET

FOLDER = Path(
    os.environ.get(
        "BITMART_BOOK_FRAMES",
        Path(__file__).parents[3] / "shared" / "protocol" / "frames",
    )
)
CREDENTIALS = bb.Credentials(KEY, SECRET, MEMO)
PROFILES = BITMART.profiles
# Of each kind: what the documents are, in the order of their lines.
EXPECTED = {
    "futures-acks": ["ack login", "ack subscribe", "ack unsubscribe", "ack unsubscribe",
                     "ack subscribe", "pong"],
    "futures-asset": ["Balance"] * 2,
    "futures-bookticker": ["BookTicker"] * 2,
    "futures-depth-oneside": ["book"] * 3,
    "futures-depthAll20": ["book"],
    "futures-depthIncrease": ["book"] * 8,
    "futures-errors": ["SubscriptionRejected", "AuthenticationError", "AuthenticationError",
                       "SubscriptionRejected", "SubscriptionRejected", "VenueError", "VenueError",
                       "VenueError"],
    "futures-fundingRate": ["FundingRate"] * 3,
    "futures-klineBin": ["Kline", "Kline", "MarkPriceKline"],
    "futures-order": ["Order"] * 2,
    "futures-position": ["Position"] * 2,
    "futures-requests": ["request"] * 18,
    "futures-ticker": ["FuturesTicker"] * 3,
    "futures-trade": ["Trade"] * 4,
    "legacy-openws-kline": ["Kline"],
    "legacy-openws-order-depth": ["book"],
    "legacy-openws-ping": ["pong"],
    "legacy-openws-price": ["Ticker"],
    "legacy-openws-requests": ["request"] * 6,
    "legacy-openws-trade": ["Trade"],
    "legacy-openws-unsubscribe": ["request"],
    "legacy-ws0-depth": ["request", "book", "request"],
    "legacy-ws0-kline": ["request", "Kline", "request"],
    "legacy-ws0-ping": ["request", "pong"],
    "legacy-ws0-price": ["request", "Ticker", "request"],
    "legacy-ws0-trade": ["request", "Trade", "request"],
    "rest-contract-public-details": ["instruments"],
    "rest-legacy-v2-symbols_details": ["instruments"],
    "rest-spot-symbols-details": ["instruments"] * 2,
    "constructed-raw-deflate-vector": ["vector"],
    "constructed-spot-depth-increase100-heartbeat": ["book"],
    "spot-acks": ["ack subscribe", "ack subscribe", "ack unsubscribe", "ack unsubscribe",
                  "ack subscribe", "ack login", "ack subscribe", "ack subscribe"],
    "spot-bookTicker": ["BookTicker"],
    "spot-depth-increase100": ["book"] * 3,
    "spot-depth5": ["book"] * 2,
    "spot-errors": ["AuthenticationError", "SubscriptionRejected", "AuthenticationError",
                    "SubscriptionRejected"],
    "spot-kline1m": ["Kline"] * 2,
    "spot-requests": ["request"] * 12,
    "spot-ticker": ["Ticker"] * 2,
    "spot-trade": ["Trade"] * 4,
    "spot-trade-rows": ["part"] * 2,
    "spot-user-balance": ["Balance"] * 2,
    "spot-user-order": ["Order", "Order", "nothing"],
}  # fmt: skip
# Numbers that stand for words, and stamps that another field repeats more exactly.
CODED = {"state", "order_type", "margin_trading", "order_mode", "action", "side", "way", "isBuy",
         "position_type", "open_type", "increase", "rate", "s_t", "step", "precision", "total",
         "trade_id_of_maker", "amount"}  # fmt: skip


def documents():
    for path in sorted(FOLDER.glob("*.json")):
        yield path.stem, 0, path.read_text()
    for path in sorted(FOLDER.glob("*.jsonl")):
        for number, line in enumerate(path.read_text().splitlines()):
            yield path.stem, number, line


DOCUMENTS = list(documents())
pytestmark = [
    pytest.mark.private,
    pytest.mark.skipif(
        not DOCUMENTS,
        reason="the frames of BitMart's documents are BitMart's and no part of this project: "
        "BITMART_BOOK_FRAMES says where they lie",
    ),
]
each_document = pytest.mark.parametrize(
    ("name", "number", "text"),
    [pytest.param(*document, id=f"{document[0]}-{document[1] + 1}") for document in DOCUMENTS],
)


def profiles_of(message):
    """The profiles that have the channel of a push."""
    for profile in PROFILES:
        named = message.get(profile.framing.channel_key)
        if isinstance(named, str) and "data" in message:
            topic = Topic.parse(profile.framing.channel_prefix + named)
            if profile.stream(topic.channel) or profile.book(topic.channel):
                yield profile, topic


def what_is(message):
    """One word, or two, for a document, from what the package makes of it."""
    if not isinstance(message, dict):
        return "instruments"
    if "vectors" in message:
        return "vector"
    if {"args", "success"} & message.keys() == {"args"} or message == {"action": "ping"}:
        return "request"
    for profile, topic in profiles_of(message):
        if profile.book(topic.channel):
            return "book"
        kinds = {type(v).__name__ for v in profile.stream(topic.channel).read(message).values}
        return " ".join(kinds) or "nothing"
    for profile in PROFILES:
        reply = profile.classify(message)
        if reply is None or (reply.kind == "ack" and profile is LEGACY):
            continue
        if reply.kind == "error":
            # An error that names no topic is of the one that was asked for.
            asked = () if reply.topic or reply.operation == "login" else ("x:y",)
            trouble = profile.errors.kind(reply)
            about_topic = trouble is not None and trouble.name == "TOPIC"
            return type(profile.errors.exception(reply, asked if about_topic else ())).__name__
        return f"{reply.kind} {reply.operation or ''}".strip()
    if "subscribe" in message or "unsubscribe" in message:
        return "request"
    return "part"


@each_document
def test_every_document_is_what_it_is(name, number, text):
    if name.startswith("rest-"):
        if name in EXPECTED:
            assert all(found.tick and found.lot for found in read_instruments(text).values())
        else:
            with pytest.raises(bb.MessageError):
                read_instruments(text)  # of the venue's other interface, and no list of symbols
        return
    found = what_is(json.loads(text))
    if name in EXPECTED:
        wanted = EXPECTED[name]
        # The one answer that is worded like its question.
        if name.startswith("legacy-") and json.loads(text) == {"subscribe": "ping"}:
            found = "request"
        assert found == wanted[number]
    else:
        assert found


@each_document
def test_no_document_is_refused_by_the_engine(name, number, text):
    if name.startswith("rest-legacy-v2-symbols_details"):
        return
    engine = bb.Engine()
    change = engine.apply(text)
    if what_is(json.loads(text)) not in ("book", "Trade", "nothing"):
        assert change == bb.Change.OTHER


# --- no value is lost ---


def leaves(value, key=""):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, name)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from leaves(inner, key)
    else:
        yield key, value


def exact(value):
    if isinstance(value, bool) or value is None:
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


@each_document
def test_every_number_of_a_push_is_in_its_event(name, number, text):
    message = json.loads(text)
    if not isinstance(message, dict):
        return
    for profile, topic in profiles_of(message):
        stream = profile.stream(topic.channel)
        if stream is None:
            continue
        values = list(map(exactly, stream.read(message).values))
        found = {exact(leaf) for _, leaf in plain(values)} - {None}
        for key, leaf in leaves(message["data"]):
            wanted = exact(leaf)
            if wanted is None or key in CODED or (wanted == 0 and key.startswith("last_fill")):
                continue
            assert wanted in found or wanted * 1000 in found, key


def plain(value):
    if isinstance(value, msgspec.Struct):
        value = exactly(value)
    if isinstance(value, dict):
        for inner in value.values():
            yield from plain(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from plain(inner)
    else:
        yield "", value


@each_document
def test_every_level_of_a_picture_is_in_the_book(name, number, text):
    message = json.loads(text)
    if not isinstance(message, dict) or what_is(message) != "book":
        return
    ((profile, topic),) = profiles_of(message)
    channel = profile.book(topic.channel)
    items = message["data"] if isinstance(message["data"], list) else [message["data"]]
    for item in items:
        if channel.kind == "sequenced" and item[channel.type] != "snapshot":
            continue
        engine = bb.Engine()
        engine.apply(text)
        engine.apply(text)  # an empty snapshot is believed at the second time
        (book,) = engine.books
        copy = book.peek()
        assert copy.sequence == item.get(channel.sequence)
        assert copy.exchange_time_ms == item.get(channel.time)
        sides = {"bids": item.get(channel.bids, []), "asks": item.get(channel.asks, [])}
        if channel.kind == "one-sided":
            sides = {{1: "bids", 2: "asks"}[item[channel.side]]: item[channel.levels]}
        for side, levels in sides.items():
            rows = [
                (level[channel.price], level[channel.size]) if isinstance(level, dict) else level
                for level in levels
            ]
            wanted = {(Decimal(price), Decimal(size)) for price, size in rows}
            assert {level.exact for level in getattr(copy, side)} == wanted


# --- requests and vectors ---


@each_document
def test_our_requests_are_worded_like_the_documented_ones(name, number, text):
    message = json.loads(text)
    if not name.endswith("-requests") or name.startswith("legacy-ws0"):
        return
    compact = json.dumps(message, separators=(",", ":"))
    args = message.get("args", ())
    if message in ({"action": "ping"}, {"subscribe": "ping"}):
        assert compact in {profile.speech.ping for profile in PROFILES}
    elif message.get("op") == "login" or message.get("action") == "access":
        frames = {p.login(CREDENTIALS, int(args[1])) for p in PROFILES if p.private}
        assert compact in frames
    elif args:
        operation = message.get("op") or message["action"]
        profile = BITMART.topic_profile(args[0])
        assert all(BITMART.topic_profile(topic) is profile for topic in args)
        assert profile.speech.encode(operation, args) == compact
    else:
        option = message.get("precision", message.get("step"))
        channel = {"order": "depth"}.get(message["subscribe"], message["subscribe"])
        topic = f"legacy/{channel}:{message['symbol']}" + ("" if option is None else f"@{option}")
        assert BITMART.topic_profile(topic) is LEGACY
        assert LEGACY.speech.encode("subscribe", [topic]) == compact


@each_document
def test_compressed_vectors_inflate_to_their_text(name, number, text):
    message = json.loads(text)
    if not isinstance(message, dict) or "vectors" not in message:
        return
    for vector in message["vectors"]:
        assert inflate(bytes.fromhex(vector["hex"])).decode() == vector["text"]
    signed = message["login_sign"]
    timestamp, memo, _ = signed["message"].split("#")
    credentials = bb.Credentials("key", signed["secret"], memo)
    assert credentials.sign(int(timestamp)) == signed["hmac_sha256_hex"]


def test_every_expected_document_is_there():
    there = {}
    for name, _, _ in DOCUMENTS:
        there[name] = there.get(name, 0) + 1
    for name in EXPECTED.keys() & there.keys():
        assert len(EXPECTED[name]) == there[name], name
