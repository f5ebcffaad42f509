"""Metrics: what a scrape says is what the feed says, on every face and while it is closed."""

import asyncio
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition
from prometheus_client.parser import text_string_to_metric_families

import bitmart_book as bb
from bitmart_book._book import Latency
from bitmart_book.cli._metrics import served
from bitmart_book.display.metrics import NAMES
from tests.helpers import frames
from tests.helpers.frames import spot

DOCS = Path(__file__).parents[2] / "docs"
BOOK = {
    "venue": "bitmart", "market": "spot", "channel": "spot/depth/increase100",
    "symbol": "BTC_USDT",
}  # fmt: skip


def scraped(feed):
    registry = CollectorRegistry()
    registry.register(bb.metrics(feed))
    return generate_latest(registry).decode()


def samples(text):
    """Values by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found, name, **labels):
    return found["bitmart_book_" + name, frozenset(labels.items())]


def test_a_book_with_a_past(tmp_path):
    path = tmp_path / "capture.jsonl"
    healed = spot("snapshot", 9, [("1", "1")], [("2", "1")])
    lost = [frames.SPOT_SNAPSHOT_4, spot("update", 9), healed, healed, spot("update", 12)]
    path.write_text("\n".join(lost))
    with bb.connect(source=path) as feed:
        found = samples(scraped(feed))
        stats = feed["BTC_USDT"].stats
        assert value(found, "gaps_total", **BOOK) == stats["gaps"] == 2
        assert value(found, "resyncs_total", **BOOK) == feed["BTC_USDT"].epoch - 1 > 0
        states = {dict(k[1])["state"]: found[k] for k in found if k[0] == "bitmart_book_state"}
        assert states == {"LIVE": 0, "GAP": 1}
        assert value(found, "frames_total") == 5
        assert value(found, "books") == value(found, "up") == 1
    assert samples(scraped(feed)) == {("bitmart_book_up", frozenset()): 0}


def test_a_live_feed_of_either_face():
    async def asynchronous(simulator):
        async with bb.Feed(source=simulator) as feed:
            await feed.subscribe("BTC_USDT", "ETH_USDT")
            # As prometheus-client does it: on a thread of its own.
            return await asyncio.to_thread(scraped, feed)

    async def both():
        async with bb.Simulator(seed=3) as simulator:
            return await asynchronous(simulator)

    text = asyncio.run(both())
    with bb.connect("BTC_USDT", "ETH_USDT", source="sim") as feed:
        for found in (samples(text), samples(scraped(feed))):
            assert value(found, "state", **BOOK, state="LIVE") == 1
            assert 0 <= value(found, "age_seconds", **BOOK) < 10
            assert value(found, "client_events_total", kind="connects") >= 1
            opened = [found[key] for key in found if key[0] == "bitmart_book_connection_open"]
            assert opened == [1]


class Reported:
    """A feed of which only its report is of interest."""

    closed, books = False, ()
    stats = {"books": 0, "frames": 0, "bad_frames": 0}

    def __init__(self, latency):
        loop = {"pauses": 0, "internal_errors": 0}
        self._report = {
            "loop": loop, "counters": {}, "connections": {}, "latency": latency.summary()
        }  # fmt: skip

    def report(self):
        return self._report


def test_stages_are_histograms_whose_buckets_are_cumulative():
    latency = Latency()
    for ns in (-5, 3, 1_000, 1_025, 2**36, 2**40):
        latency.venue_to_socket.add(ns)
    for ns in (1_500, 2_500, 1_000_000_000):
        latency.applied_to_callback.add(ns)
    found = samples(scraped(Reported(latency)))

    def within(stage, bound):
        return value(found, "latency_seconds_bucket", stage=stage, le=str(bound))

    bounds = [2**power / 1e9 for power in (10, 11, 12, 29, 30, 35, 36)]
    assert [within("applied_to_callback", le) for le in bounds] == [0, 1, 2, 2, 3, 3, 3]
    # What two clocks made negative took no longer than any bound.
    assert [within("venue_to_socket", le) for le in bounds] == [3, 4, 4, 4, 4, 4, 5]
    for stage, count in (("venue_to_socket", 6), ("applied_to_callback", 3)):
        assert within(stage, "+Inf") == count
    seconds = value(found, "latency_seconds_sum", stage="applied_to_callback")
    assert seconds == pytest.approx(1.000004)
    assert value(found, "latency_seconds_count", stage="applied_to_callback") == 3
    assert within("not_live_to_callback", "+Inf") == 0


def test_every_name_is_on_the_page_and_only_these():
    page = (DOCS / "metrics.md").read_text()
    assert set(re.findall(r"^\| `(bitmart_book_\w+)` \|", page, re.MULTILINE)) == set(NAMES)
    for file in ("metrics-dashboard.json", "metrics-alerts.yml"):
        used = set(re.findall(r"bitmart_book_\w+", (DOCS / file).read_text()))
        assert used
        assert used <= set(NAMES)
    assert len(json.loads((DOCS / "metrics-dashboard.json").read_text())["panels"]) >= 5
    assert (DOCS / "metrics-alerts.yml").read_text().count("- alert: ") == 3


def test_both_formats(tmp_path):
    path = tmp_path / "capture.jsonl"
    path.write_text(frames.SPOT_SNAPSHOT_4)
    with bb.connect(source=path) as feed:
        registry = CollectorRegistry()
        registry.register(bb.metrics(feed))
        assert exposition.generate_latest(registry).decode().endswith("# EOF\n")
        text = generate_latest(registry).decode()
    assert (
        text.count("# HELP") == text.count("# TYPE") == len(set(re.findall(r"# TYPE (\S+)", text)))
    )


@pytest.mark.parametrize("address", ["127.0.0.1:0", ":0", "0"])
def test_a_command_serves_them(address):
    words = [sys.executable, "-m", "bitmart_book", "watch", "BTC_USDT", "--source", "sim"]
    if address != "0":
        with bb.connect("BTC_USDT", source="sim") as feed, served(feed, address):
            return
    with subprocess.Popen(
        [*words, "--metrics", address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said = process.stderr.readline()
            url = re.fullmatch(r"metrics at (http://127.0.0.1:\d+/metrics)\n", said)
            with urlopen(url[1]) as answer:
                found = samples(answer.read().decode())
            assert value(found, "up") == 1
        finally:
            process.terminate()
        process.communicate()


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("here", "an address is HOST:PORT or a port, was 'here'"),
        ("127.0.0.1:99999", "an address is HOST:PORT"),
        ("1.2.3:x", "an address is HOST:PORT"),
    ],
)
def test_addresses_that_are_none(address, problem):
    with pytest.raises(bb.UsageError, match=problem), served(None, address):
        pass


def test_an_address_that_is_taken(tmp_path):
    path = tmp_path / "capture.jsonl"
    path.write_text(frames.SPOT_SNAPSHOT_4)
    with bb.connect(source=path) as feed:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            problem = r"cannot serve metrics at 127\.0\.0\.1"
            with pytest.raises(bb.UsageError, match=problem), served(feed, address):
                pass
