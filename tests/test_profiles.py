"""What holds for every venue profile, and how a user's words find one."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitmart_book.errors import UsageError
from bitmart_book.model import BookTicker, Kline, Ticker, Trade
from bitmart_book.venues import BITMART, FUTURES, LEGACY, SPOT, Reply, Topic
from tests import test_venues_futures, test_venues_legacy, test_venues_spot

SYMBOLS = {"spot": "BTC_USDT", "futures": "BTCUSDT", "legacy": "BMX_ETH"}
OPTIONS = {"spot": ("",), "futures": ("", "@100ms", "@200ms"), "legacy": ("", "@1", "@6", "@12")}
PUSHES = {
    "spot": test_venues_spot.STREAM_FRAMES,
    "futures": test_venues_futures.STREAM_FRAMES,
    "legacy": test_venues_legacy.STREAM_FRAMES,
}
REPLIES = (
    '{"event":"subscribe","topic":"spot/ticker:BTC_USDT"}',
    '{"event":"subscribe:spot/depth5:FOO_USDT","errorCode":"92001","errorMessage":"x"}',
    '{"action":"subscribe","group":"futures/trade:BTCUSDT","success":true,"request":{"args":[]}}',
    '{"action":"subscribe","group":"futures/trade:BTCUSDT","success":false,"error":"x"}',
    '{"group":"System","data":"pong+e0d8adb4-bf87-440b-b7e1-6cf4e88ecd4f"}',
    '{"subscribe":"order","symbol":"BMX_ETH","precision":6}',
    '{"subscribe":"pong"}',
    '{"message":"x"}',
)
ALLOWED = (KeyError, TypeError, ValueError, ArithmeticError)
each_profile = pytest.mark.parametrize(
    "profile", [pytest.param(profile, id=profile.market) for profile in BITMART.profiles]
)


def channels(profile):
    return [channel.name for channel in (*profile.books, *profile.streams)]


def wire_channel(profile, message):
    """The full name of the channel of a push."""
    return profile.channel_prefix + message[profile.channel_key].partition(":")[0]


# --- the profiles as data ---


def test_names_are_unique():
    names = [name for profile in BITMART.profiles for name in channels(profile)]
    assert len(names) == len(set(names))
    for values in (
        [profile.market for profile in BITMART.profiles],
        [profile.endpoint for profile in BITMART.profiles],
        [profile.url for profile in BITMART.profiles],
        [profile.channel_key for profile in BITMART.profiles],
    ):
        assert len(values) == len(set(values))


@each_profile
def test_a_profile_is_consistent(profile):
    assert profile.url.startswith("wss://")
    assert profile.book(profile.default_book)
    assert all(name.startswith(f"{profile.market}/") for name in channels(profile))
    assert all(book.window > 0 for book in profile.books)
    assert [stream.name for stream in profile.streams if stream.trades] == [
        f"{profile.market}/trade"
    ]
    assert profile.book("x") is profile.stream("x") is None
    # Only where snapshots can be asked for are there books that need one.
    assert profile.can_request == any(book.kind == "sequenced" for book in profile.books)


@each_profile
def test_limits_are_possible(profile):
    limits = profile.limits
    assert limits.connections >= 1
    assert limits.connects.count >= 1
    assert limits.connects.seconds > 0
    assert limits.messages.count >= 1
    assert limits.messages.seconds > 0
    assert 1 <= limits.topics_per_message <= limits.topics_per_connection
    assert limits.topic_bytes_per_message <= limits.message_bytes
    assert limits.idle_seconds > 0
    assert limits.lifeless_seconds > 0
    # One ping in half of the idle time leaves room for a subscription.
    assert limits.messages.count > limits.messages.seconds / (limits.idle_seconds / 2)
    assert len(profile.ping) <= limits.message_bytes


@each_profile
def test_a_ping_is_no_push(profile):
    try:
        ping = json.loads(profile.ping)
    except json.JSONDecodeError:
        assert profile.ping == "ping"
    else:
        assert "data" not in ping
        named = profile.channel_prefix + str(ping.get(profile.channel_key))
        assert named not in channels(profile)


@each_profile
@given(data=st.data())
def test_encoded_messages_are_json_within_the_limits(profile, data):
    """As many topics as the limits allow, even with the longest symbols."""
    letters = "ABab01" if profile.market == "futures" else "ABab01_"
    symbols = st.text(letters, min_size=1, max_size=41)
    topics = data.draw(
        st.lists(
            st.builds(
                "{}:{}{}".format,
                st.sampled_from(channels(profile)),
                st.one_of(symbols, st.just((letters * 7)[:41])),
                st.sampled_from(OPTIONS[profile.market]),
            ).filter(lambda topic: profile.check_topic(Topic.parse(topic)) is None),
            min_size=1,
            max_size=profile.limits.topics_per_message,
        )
    )
    while sum(map(len, topics)) > profile.limits.topic_bytes_per_message:
        topics.pop()
    assert topics
    for operation in ("subscribe", "unsubscribe", *(["request"] if profile.can_request else [])):
        frame = profile.encode(operation, topics)
        assert len(frame.encode()) <= profile.limits.message_bytes
        request = json.loads(frame)
        assert json.dumps(request, separators=(",", ":")) == frame
        if profile is not LEGACY:
            assert [operation, topics] == list(request.values())


# --- decoding ---


@each_profile
def test_every_documented_push_is_decoded(profile):
    for frame in PUSHES[profile.market]:
        message = json.loads(frame)
        stream = profile.stream(wire_channel(profile, message))
        before = copy.deepcopy(message)
        values = stream.decode(message)
        assert values
        assert message == before
        kinds = {Trade} if stream.trades else {Ticker, BookTicker, Kline}
        assert {type(value) for value in values} <= kinds
        assert profile.classify(message) is None
        assert profile.check_topic(Topic(stream.name, SYMBOLS[profile.market], "")) is None


def test_no_profile_takes_the_push_of_another():
    for profile in BITMART.profiles:
        for frame in PUSHES[profile.market]:
            message = json.loads(frame)
            speaks = [other for other in BITMART.profiles if other.channel_key in message]
            assert speaks == [profile]


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(
            ["NaN", "-0", "1e9999", "1e-999", "0", "buy", "\u0661", "1970-01-01T00:00:00Z"]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=7), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(value):
    """Every (container, key) of a document."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


def mutate(data, document):
    """One to three values of the document replaced, removed or doubled."""
    for _ in range(data.draw(st.integers(1, 3))):
        found = list(places(document))
        if not found:
            break
        container, key = data.draw(st.sampled_from(found))
        what = data.draw(st.sampled_from(["replace", "remove", "double"]))
        if what == "replace":
            container[key] = data.draw(json_values)
        elif what == "remove":
            del container[key]
        elif isinstance(container, list):
            container.insert(key, copy.deepcopy(container[key]))
    return document


@each_profile
@given(data=st.data())
def test_a_broken_push_raises_only_what_is_allowed(profile, data):
    frame = json.loads(data.draw(st.sampled_from(PUSHES[profile.market])))
    stream = profile.stream(wire_channel(profile, frame))
    message = mutate(data, frame)
    try:
        values = stream.decode(message)
    except ALLOWED:
        return
    for value in values:
        assert value.symbol
        assert type(value.symbol) is str
        for number in (getattr(value, name) for name in value.__struct_fields__):
            assert not hasattr(number, "is_finite") or number.is_finite()
    if stream.trades:
        assert all(value.side in ("buy", "sell") for value in values)
        times = [value.time_ms for value in values]
        assert None in times or times == sorted(times)


@each_profile
@given(data=st.data())
def test_classify_answers_to_anything(profile, data):
    frame = json.loads(data.draw(st.sampled_from((*REPLIES, *PUSHES[profile.market]))))
    for message in (mutate(data, frame), data.draw(json_values)):
        reply = profile.classify(message)
        assert reply is None or (isinstance(reply, Reply) and isinstance(reply.message, str))
        for text in () if reply is None else (reply.operation, reply.topic, reply.code):
            assert text is None or (isinstance(text, str) and text)


# --- finding a profile ---


@pytest.mark.parametrize(
    ("symbol", "words", "name"),
    [
        ("BTC_USDT", {}, "spot/depth/increase100"),
        ("BTCUSDT", {}, "futures/depthIncrease50"),
        ("BMX_ETH", {"market": "legacy"}, "legacy/depth"),
        ("22", {"market": "legacy"}, "legacy/depth"),
        ("BMX_ETH", {"channel": "legacy/depth"}, "legacy/depth"),
        ("BTC_USDT", {"channel": "increase100"}, "spot/depth/increase100"),
        ("BTC_USDT", {"channel": "depth20"}, "spot/depth20"),
        ("BTCUSDT", {"channel": "depth20"}, "futures/depth20"),
        ("BTCUSDT", {"channel": "futures/depthAll5"}, "futures/depthAll5"),
    ],
)
def test_words_find_their_channel(symbol, words, name):
    profile, book = BITMART.book_channel(symbol, **words)
    assert book.name == name
    assert profile.book(name) is book


@pytest.mark.parametrize("symbol", ["BMX_ETH", "BTCUSDT", "22"])
def test_the_legacy_market_is_chosen_only_by_name(symbol):
    profile, _ = BITMART.book_channel(symbol)
    assert profile is not LEGACY


@pytest.mark.parametrize(
    ("topic", "profile"),
    [
        ("spot/depth5:BTC_USDT", SPOT),
        ("spot/kline1M:BTC_USDT", SPOT),
        ("futures/depth20:BTCUSDT@200ms", FUTURES),
        ("futures/trade:BTCUSDT", FUTURES),
        ("legacy/depth:BMX_ETH@6", LEGACY),
        ("legacy/kline:BMX_ETH", LEGACY),
    ],
)
def test_topics_find_their_profile(topic, profile):
    assert BITMART.topic_profile(topic) is profile


@pytest.mark.parametrize(
    "topic", ["", "spot", "spot/ticker", "spot/ticker:BTCUSDT", "legacy/order:A_B", "x/y:A_B@1"]
)
def test_topics_that_no_profile_has(topic):
    with pytest.raises(UsageError):
        BITMART.topic_profile(topic)


@each_profile
def test_every_channel_is_found(profile):
    for name in channels(profile):
        assert BITMART.topic_profile(f"{name}:{SYMBOLS[profile.market]}") is profile
