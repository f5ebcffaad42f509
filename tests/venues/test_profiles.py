"""What holds for every venue profile, and how a user's words find one."""

import copy
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitmart_book as bb
from bitmart_book.errors import UsageError
from bitmart_book.model import (
    Balance,
    BookTicker,
    FundingRate,
    FuturesTicker,
    Kline,
    MarkPriceKline,
    Order,
    Position,
    Ticker,
    Trade,
)
from bitmart_book.venues import (
    BITMART,
    BITMART_DEMO,
    FUTURES,
    FUTURES_PRIVATE,
    LEGACY,
    SPOT,
    SPOT_PRIVATE,
    ErrorKind,
    Reply,
    Topic,
)
from bitmart_book.venues.values import Fields
from tests.helpers.documented import futures, futures_private, legacy, spot, spot_private

pytestmark = pytest.mark.private

PRIVATE = (SPOT_PRIVATE, FUTURES_PRIVATE)
FILTERS = {
    "spot_public": ("BTC_USDT", "Yinbi_BTC", "A" * 20 + "_" + "b" * 20),
    "futures_public": ("BTCUSDT", "1000PEPEUSDT", "A" * 41),
    "legacy": ("BMX_ETH", "22", "A" * 41),
    "spot_private": ("BTC_USDT", "ALL_SYMBOLS", "BALANCE_UPDATE"),
    "futures_private": ("USDT", "ETH", ""),
}
OPTIONS = {"futures_public": ("", "@100ms", "@200ms"), "legacy": ("", "@1", "@6", "@12")}
PUSHES = {
    "spot_public": spot.STREAM_FRAMES,
    "futures_public": futures.STREAM_FRAMES,
    "legacy": legacy.STREAM_FRAMES,
    "spot_private": spot_private.STREAM_FRAMES,
    "futures_private": futures_private.STREAM_FRAMES,
}
KINDS = {
    "trade": {Trade},
    "ticker": {Ticker, FuturesTicker},
    "book ticker": {BookTicker},
    "kline": {Kline},
    "mark kline": {MarkPriceKline},
    "funding": {FundingRate},
    "order": {Order},
    "position": {Position},
    "balance": {Balance},
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
each_profile = pytest.mark.parametrize(
    "profile", [pytest.param(profile, id=profile.endpoint) for profile in BITMART.profiles]
)


def channels(profile):
    return [channel.name for channel in (*profile.books, *profile.streams)]


def topics(profile, channel):
    """Some topics of a channel that can exist."""
    wanted = [
        Topic.parse(f"{channel}:{word}{option}".removesuffix(":"))
        for word in FILTERS[profile.endpoint]
        for option in OPTIONS.get(profile.endpoint, ("",))
    ]
    return [
        f"{topic.channel}:{topic.symbol}".removesuffix(":") + (topic.option and f"@{topic.option}")
        for topic in wanted
        if profile.symbols.check_topic(topic) is None
    ]


def wire_channel(profile, message):
    """The full name of the channel of a push."""
    return profile.framing.channel_prefix + message[profile.framing.channel_key].partition(":")[0]


# --- the profiles as data ---


def test_names_are_unique():
    names = [name for profile in BITMART.profiles for name in channels(profile)]
    assert len(names) == len(set(names))
    public = [profile for profile in BITMART.profiles if not profile.private]
    for values in (
        [profile.market for profile in public],
        [profile.framing.channel_key for profile in public],
        [profile.endpoint for profile in BITMART.profiles],
        [profile.server.url for profile in BITMART.profiles],
    ):
        assert len(values) == len(set(values))
    assert {profile.market for profile in PRIVATE} == {"spot", "futures"}
    assert [profile for profile in BITMART.profiles if profile.private] == list(PRIVATE)


@each_profile
def test_a_profile_is_consistent(profile):
    assert profile.server.url.startswith("wss://")
    assert bool(profile.book(profile.default_book)) == (not profile.private)
    assert all(name.startswith(f"{profile.market}/") for name in channels(profile))
    assert all(book.window > 0 for book in profile.books)
    trades = [stream.name for stream in profile.streams if stream.trades]
    assert trades == ([] if profile.private else [f"{profile.market}/trade"])
    for stream in profile.streams:
        assert stream.kind in KINDS
        assert stream.trades == (stream.kind == "trade")
        assert stream.fields
        assert all(
            profile.symbols.check_topic(Topic.parse(topic)) is None for topic in stream.whole
        )
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
    assert len(profile.speech.ping) <= limits.message_bytes


@each_profile
def test_a_ping_is_no_push(profile):
    try:
        ping = json.loads(profile.speech.ping)
    except json.JSONDecodeError:
        assert profile.speech.ping == "ping"
    else:
        assert "data" not in ping
        named = profile.framing.channel_prefix + str(ping.get(profile.framing.channel_key))
        assert named not in channels(profile)


@each_profile
@given(data=st.data())
def test_encoded_messages_are_json_within_the_limits(profile, data):
    """As many topics as the limits allow, even with the longest symbols."""
    possible = [topic for name in channels(profile) for topic in topics(profile, name)]
    chosen = data.draw(
        st.lists(st.sampled_from(possible), min_size=1, max_size=profile.limits.topics_per_message)
    )
    while sum(map(len, chosen)) > profile.limits.topic_bytes_per_message:
        chosen.pop()
    assert chosen
    for operation in ("subscribe", "unsubscribe", *(["request"] if profile.can_request else [])):
        frame = profile.speech.encode(operation, chosen)
        assert len(frame.encode()) <= profile.limits.message_bytes
        request = json.loads(frame)
        assert json.dumps(request, separators=(",", ":")) == frame
        if profile is not LEGACY:
            assert [operation, chosen] == list(request.values())


# --- decoding ---


@each_profile
def test_every_documented_push_is_decoded(profile):
    for frame in PUSHES[profile.endpoint]:
        message = json.loads(frame)
        stream = profile.stream(wire_channel(profile, message))
        before = copy.deepcopy(message)
        values, unread = stream.read(message)
        assert values
        assert not unread
        assert message == before
        assert {type(value) for value in values} <= KINDS[stream.kind]
        assert profile.classify(message) is None
        for value in values:
            pushed = Topic.parse(
                profile.framing.channel_prefix + message[profile.framing.channel_key]
            )
            for topic in stream.topics_of(pushed, value):
                assert BITMART.topic_profile(topic) is profile


def test_no_profile_takes_the_push_of_another():
    for profile in BITMART.profiles:
        for frame in PUSHES[profile.endpoint]:
            message = json.loads(frame)
            speaks = [
                other
                for other in BITMART.profiles
                if other.framing.channel_key in message
                and other.stream(wire_channel(other, message))
            ]
            assert speaks == [profile]
            markets = {p.market for p in BITMART.profiles if p.framing.channel_key in message}
            assert markets == {profile.market}


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
def test_of_a_broken_push_is_read_what_can_be_read(profile, data):
    frame = json.loads(data.draw(st.sampled_from(PUSHES[profile.endpoint])))
    stream = profile.stream(wire_channel(profile, frame))
    message = mutate(data, frame)
    values, unread = stream.read(message)
    assert all(one.reason and (one.key is None or type(one.key) is str) for one in unread)
    for value in values:
        name = value.currency if isinstance(value, Balance) else value.symbol
        assert name
        assert type(name) is str
        for number in (getattr(value, name) for name in value.__struct_fields__):
            assert not hasattr(number, "is_finite") or number.is_finite()
            assert not isinstance(number, float) or math.isfinite(number)
    if stream.trades:
        assert all(value.side in ("buy", "sell", None) for value in values)
        times = [value.time_ms for value in values]
        assert None in times or times == sorted(times)


@each_profile
@given(data=st.data())
def test_classify_answers_to_anything(profile, data):
    frame = json.loads(data.draw(st.sampled_from((*REPLIES, *PUSHES[profile.endpoint]))))
    for message in (mutate(data, frame), data.draw(json_values)):
        reply = profile.classify(message)
        assert reply is None or (isinstance(reply, Reply) and isinstance(reply.message, str))
        for text in () if reply is None else (reply.operation, reply.topic, reply.code):
            assert text is None or (isinstance(text, str) and text)
        if reply is not None and reply.kind == "error":
            assert profile.errors.kind(reply) in (None, *ErrorKind)
            assert isinstance(profile.errors.exception(reply), bb.BitmartBookError)
        elif reply is not None:
            assert profile.errors.kind(reply) is None


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
        ("futures/ticker", FUTURES),
        ("futures/klineBin1H:BTCUSDT", FUTURES),
        # Private by their path.
        ("spot/user/order:BTC_USDT", SPOT_PRIVATE),
        ("spot/user/orders:ALL_SYMBOLS", SPOT_PRIVATE),
        ("spot/user/balance:BALANCE_UPDATE", SPOT_PRIVATE),
        ("futures/asset:USDT", FUTURES_PRIVATE),
        ("futures/position", FUTURES_PRIVATE),
        ("futures/order", FUTURES_PRIVATE),
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
        assert topics(profile, name)
        for topic in topics(profile, name):
            assert BITMART.topic_profile(topic) is profile


@pytest.mark.parametrize("symbol", ["BTC_USDT", "BTCUSDT"])
def test_private_profiles_have_no_books(symbol):
    for market in ("spot", "futures"):
        profile, _ = BITMART.book_channel(symbol, market=market)
        assert (profile.market, profile.private) == (market, False)


def test_streams_by_kind():
    assert {stream.name for _, stream in BITMART.streams("ticker")} == {
        "spot/ticker", "futures/ticker", "legacy/price",
    }  # fmt: skip
    ((profile, stream),) = BITMART.streams("kline", market="futures", step="1H")
    assert (profile, stream.name) == (FUTURES, "futures/klineBin1H")
    assert [stream.name for _, stream in BITMART.streams("order", market="futures")] == [
        "futures/order"
    ]
    everything = {
        topic
        for kind in ("order", "position", "balance")
        for _, stream in BITMART.streams(kind)
        for topic in stream.whole
    }
    assert everything == {
        "spot/user/orders:ALL_SYMBOLS", "spot/user/balance:BALANCE_UPDATE", "futures/order",
        "futures/position", "futures/asset:USDT", "futures/asset:BTC", "futures/asset:ETH",
    }  # fmt: skip
    assert list(BITMART.streams("weather")) == []


# --- the demo ---


def test_the_demo_moves_futures_and_nothing_else():
    for real, demo in zip(BITMART.profiles, BITMART_DEMO.profiles, strict=True):
        assert (demo.market, demo.endpoint) == (real.market, real.endpoint)
        if real.market == "futures":
            assert demo.server.url == real.server.url.replace("openapi-ws-v2", "openapi-wsdemo-v2")
            assert demo.server.url != real.server.url
        else:
            assert demo is real


# --- addresses ---


@each_profile
@pytest.mark.parametrize(
    "url",
    [
        "ws://127.0.0.1:8765/api",
        "ws://localhost:1/",
        "wss://localhost:1/",
        "ws://[::1]:8765/user",
        "ws://127.8.8.8/",
    ],
)
def test_this_machine_may_be_asked_anything(profile, url):
    assert profile.url_problem(url) is None


@each_profile
def test_the_venues_own_host_may_be_asked_over_tls_only(profile):
    assert profile.url_problem(profile.server.url) is None
    assert profile.url_problem(profile.server.url.replace(".com", ".com:443")) is None
    plain = profile.server.url.replace("wss://", "ws://")
    assert profile.url_problem(plain)
    assert (profile.url_problem(plain, other_hosts=True) is None) == (not profile.private)


@each_profile
@pytest.mark.parametrize(
    "url",
    [
        "wss://example.com/api",
        "ws://192.168.0.5/",
        "wss://localhost.example.com/",
        "wss://openapi-ws-v2.bitmart.com.example.com/",
        "wss://openapi-ws-v2.bitmart.com@example.com/",
        "wss://ws-manager-compress.bitmart.news/user?protocol=1.1",
    ],
)
def test_other_hosts_need_a_word_and_get_no_login(profile, url):
    assert profile.url_problem(url)
    assert (profile.url_problem(url, other_hosts=True) is None) == (not profile.private)


@each_profile
@pytest.mark.parametrize("url", ["", "bitmart", "https://127.0.0.1/", "wss://", "wss://[::1/x"])
def test_what_is_no_address(profile, url):
    assert "no address" in profile.url_problem(url, other_hosts=True)


def test_the_demo_and_the_real_host_are_not_interchangeable():
    for real, demo in zip(BITMART.profiles, BITMART_DEMO.profiles, strict=True):
        if real is not demo:
            assert demo.url_problem(real.server.url)
            assert real.url_problem(demo.server.url)


# --- counting fields ---


def test_counting_fields_is_bounded():
    fields = Fields("x", "a b")
    fields.see({"a": 1})
    assert not fields.unknown
    for number in range(500):
        fields.see({"a": 1, f"new{number}": 2, "long" * 100: 3})
    assert len(fields.unknown) <= 101
    assert sum(fields.unknown.values()) == 1000
    assert max(map(len, fields.unknown)) <= 64
