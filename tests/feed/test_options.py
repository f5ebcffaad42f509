"""What is wrong with what a user says is one sentence that tells what to write instead."""

import contextlib
import inspect
import socket
import subprocess
import sys
import time

import pytest

import bitmart_book as bb
from bitmart_book.feed import options
from tests.helpers.feeds import box, run

KEYWORDS = [
    ({"shadwo": True}, "a feed takes no keyword 'shadwo'; did you mean shadow?"),
    ({"xyzzy": 1}, "a feed takes no keyword 'xyzzy'; there is: source, credentials, "),
    (
        {"urls": "ws://127.0.0.1:18765"},
        'urls is a mapping of endpoint to address, as in urls={"spot_public": '
        "'ws://127.0.0.1:18765'}; was 'ws://127.0.0.1:18765'",
    ),
    ({"urls": ["ws://x"]}, 'as in urls={"spot_public": '),
    ({"urls": {"spot_public": 5}}, "an address begins with wss:// or ws://, was 5"),
    ({"urls": {"spot_public": "http://x"}}, "an address begins with wss:// or ws://"),
    ({"source": "smi"}, "there is no file 'smi' to read; did you mean source=\"sim\"?"),
    ({"source": "liv"}, "there is no file 'liv' to read; did you mean source=\"live\"?"),
    ({"source": 5}, 'source must be "live", "sim", a Simulator, a capture file, or a list of'),
    ({"source": ["a.jsonl", 5]}, "or a list of such files; was 5"),
    ({"wait": "al"}, 'wait must be "all" or "none", was \'al\''),
]


@pytest.mark.parametrize(("wrong", "problem"), KEYWORDS)
@pytest.mark.parametrize("face", [bb.Feed, bb.sync.Feed, bb.connect])
def test_a_wrong_keyword_is_told_before_anything_begins(face, wrong, problem):
    with pytest.raises(bb.UsageError) as caught:
        face(**wrong)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_keyword_is_a_type_error_as_everywhere():
    with pytest.raises(TypeError):
        bb.connect("BTC_USDT", source="sim", shadwo=True)


LISTS = [
    (["BTC_USDT", "ETH_USDT"], "('BTC_USDT', 'ETH_USDT'), or {call}(*names)"),
    (("BTC_USDT",), "takes names one by one, not in a tuple: {call}('BTC_USDT')"),
    ({"BTC_USDT"}, "takes names one by one, not in a set"),
    ([], 'takes names one by one, not in a list: {call}("BTC_USDT")'),
    (5, "takes symbols or topics, which are texts; was 5"),
    (None, "takes symbols or topics, which are texts; was None"),
]


@pytest.mark.parametrize(("given", "problem"), LISTS)
def test_a_list_where_names_are_wanted(given, problem):
    with bb.connect(source=box()) as feed:
        calls = {
            "connect": bb.connect,
            "subscribe": feed.subscribe,
            "unsubscribe": feed.unsubscribe,
            "explain": feed.explain,
        }
        for name, call in calls.items():
            with pytest.raises(bb.UsageError) as caught:
                call(given)
            assert problem.format(call=name) in str(caught.value)


def test_a_list_where_names_are_wanted_and_awaited():
    async def work():
        async with bb.Feed(source=box()) as feed:
            for call in (feed.subscribe, feed.unsubscribe):
                with pytest.raises(bb.UsageError, match="one by one, not in a list"):
                    await call(["BTC_USDT"])

    run(work())


def test_a_name_where_a_list_is_wanted():
    with bb.connect(source=box()) as feed:
        for wrong, problem in (
            ("BTC_USDT", r"plan\(\) takes a list of names: plan\(\['BTC_USDT'\]\)"),
            (5, r"plan\(\) takes a list of names, was 5"),
            ([5], "which are texts; was 5"),
        ):
            with pytest.raises(bb.UsageError, match=problem):
                feed.plan(wrong)
        assert feed.plan(symbol for symbol in ("BTC_USDT", "ETH_USDT")).topics == 2


def test_a_book_that_is_not_subscribed():
    with bb.connect("BTC_USDT", "spot/depth5:SOL_USDT", source=box()) as feed:
        for key, problem in (
            ("ETH_USDT", "ETH_USDT is not subscribed; subscribe it first: "
                         "feed.subscribe('ETH_USDT')"),
            ("SOL_USDT", "feed.subscribe('SOL_USDT'); there is spot/depth5:SOL_USDT"),
            ("btc_usdt", "there is no book of btc_usdt; did you mean BTC_USDT?"),
            (5, "a book is named by its symbol or topic, which is a text; was 5"),
        ):  # fmt: skip
            with pytest.raises(bb.NoSuchBook) as caught:
                feed[key]
            assert str(caught.value).endswith(problem)
            assert isinstance(caught.value, KeyError)
            assert isinstance(caught.value, bb.UsageError)
        assert "ETH_USDT" not in feed


def test_a_book_that_is_not_in_the_capture(tmp_path):
    path = tmp_path / "frames.jsonl"
    with bb.connect("BTC_USDT", source=box(), record=path) as feed:
        next(feed["BTC_USDT"].quotes(timeout=20))
    with bb.connect(source=path) as feed:
        assert feed["BTC_USDT"].state == "LIVE"
        with pytest.raises(bb.NoSuchBook, match="the capture holds no book of ETH_USDT; it holds"):
            feed["ETH_USDT"]
        with pytest.raises(bb.UsageError, match="a capture has no subscriptions"):
            feed.trades("BTC_USDT")
        with pytest.raises(bb.UsageError, match="the capture holds no book of spot/depth20:BTC"):
            feed.subscribe("BTC_USDT", channel="depth20")


@pytest.mark.usefixtures("refused_at_once")
def test_symbols_in_small_letters():
    with bb.connect(source=box(), timeout=20) as feed:
        with pytest.raises(bb.SubscriptionRejected) as caught:
            feed.subscribe("btc_usdt")
        assert str(caught.value).endswith("; did you mean BTC_USDT?")
        assert "did you mean" not in caught.value.message, "those are the venue's own words"
        with pytest.raises(bb.SubscriptionRejected, match=r"did you mean ETH_USDT\?"):
            feed.trades("eth_usdt")
        with pytest.raises(
            bb.SubscriptionRejected, match="most symbols stand in capitals"
        ) as caught:
            feed.subscribe("nope_usdt")
        assert "NOPE" not in str(caught.value), "named is only what exists"
        with pytest.raises(bb.SubscriptionRejected) as caught:
            feed.subscribe("NOPE_USDT")
        assert "did you mean" not in str(caught.value)


def test_every_keyword_is_shown_with_its_default():
    assert set(options.Options.__annotations__) == set(options.DEFAULTS)
    for call in (bb.Feed, bb.sync.Feed, bb.connect):
        parameters = inspect.signature(call).parameters
        assert parameters["timeout"].default == 10.0
        assert parameters["urls"].annotation == "Mapping[str, str] | None"
        assert set(options.DEFAULTS) <= set(parameters)


def test_a_file_with_a_strange_name_is_a_capture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smi").write_text("")
    with bb.connect(source="smi") as feed:
        assert len(feed) == 0


def test_a_feed_without_a_shadow_does_not_load_what_the_shadow_needs():
    code = (
        "import sys, bitmart_book as bb\n"
        "bb.Feed(source='sim'); print('sortedcontainers' in sys.modules)\n"
        "bb.Feed(source='sim', shadow=True); print('sortedcontainers' in sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert result.stdout.split() == ["False", "True"], result.stderr


def test_an_address_as_the_source_is_told_where_it_belongs():
    with pytest.raises(bb.UsageError, match=r'urls=\{"spot_public": .ws://127.0.0.1:1/.\}'):
        bb.Feed(source="ws://127.0.0.1:1/")


def test_a_venue_that_cannot_be_reached_is_told_in_three_seconds_with_what_works_without_it():
    with closed_port() as port:
        begun = time.monotonic()
        urls = {"spot_public": f"ws://127.0.0.1:{port}/"}
        with pytest.raises(bb.NotConnected, match='source="sim" runs the same') as caught:
            bb.connect("BTC_USDT", urls=urls)
    assert time.monotonic() - begun < 8
    assert f"127.0.0.1:{port}" in str(caught.value)


@contextlib.contextmanager
def closed_port():
    """A port of this machine that nobody listens on, and nobody else is given meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
