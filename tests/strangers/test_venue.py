"""The venue keeps what the protocol page says (§ numbers are of that page)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.strangers.channels import rfc3339
from tests.strangers.rules import EPOCH_MS
from tests.strangers.units import SECOND, seconds
from tests.strangers.venue import NEVER, Habits, Venue


class Line:
    """One connection to a venue, by hand."""

    def __init__(self, venue: Venue, endpoint: str) -> None:
        self.venue = venue
        status, connection = venue.opens(endpoint, venue_now(venue))
        assert status == 101
        assert connection is not None
        self.connection = connection
        self.code: int | None = -1
        self.frames: list[str | bytes] = []

    def send(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.venue.hears(self.connection.number, text, venue_now(self.venue))

    def pass_time(self, length: float) -> None:
        end = venue_now(self.venue) + seconds(length)
        while True:
            now = min(max(self.venue.due(), venue_now(self.venue)), end)
            CLOCK[id(self.venue)] = now
            self.venue.advance(now)
            for delivery in self.venue.takes():
                if delivery.connection != self.connection.number:
                    continue
                if delivery.payload is None:
                    self.code = delivery.code
                else:
                    self.frames.append(delivery.payload)
            if now >= end:
                return

    def values(self) -> Iterator[Any]:
        for frame in self.frames:
            text = frame if isinstance(frame, str) else zlib.decompress(frame, -15).decode()
            yield json.loads(text) if text[:1] in "{[" else text


CLOCK: dict[int, int] = {}


def venue_now(venue: Venue) -> int:
    return CLOCK.get(id(venue), 0)


@pytest.fixture
def venue() -> Iterator[Venue]:
    made = Venue(1, habits=Habits())
    yield made
    CLOCK.pop(id(made), None)


def test_snapshot_and_updates_are_the_window(venue: Venue) -> None:
    topic = "spot/depth/increase100:BTC_USDT"
    line = Line(venue, "spot_public")
    line.send({"op": "subscribe", "args": [topic]})
    line.pass_time(60)
    ack, snapshot, *updates = line.values()
    assert (ack["event"], ack["topic"]) == ("subscribe", topic)
    item = snapshot["data"][0]
    assert (item["type"], len(item["bids"]), len(item["asks"])) == ("snapshot", 100, 100)
    book = {side: {Decimal(p): Decimal(s) for p, s in item[side]} for side in ("bids", "asks")}
    version = item["version"]
    assert len(updates) > 100
    for update in updates:
        item = update["data"][0]
        version += 1
        assert item["version"] == version
        for side in ("bids", "asks"):
            for price, size in item[side]:
                book[side][Decimal(price)] = Decimal(size)
    # What was told is so; only levels that were never told may be missing (§2.8, rule 7).
    market = venue.markets["spot", "BTC_USDT"]
    for side, rows in (("bids", market.now.bids), ("asks", market.now.asks)):
        truth = {market.form.price(p): market.form.size(s) for p, s in rows}
        assert {p: s for p, s in book[side].items() if s} == {
            p: s for p, s in truth.items() if p in book[side]
        }
    assert market.form.price(market.now.bids[0][0]) in book["bids"]


def test_futures_windows_are_kept_exactly_and_empties_advance(venue: Venue) -> None:
    topic = "futures/depthIncrease5:ETHUSDT@200ms"
    line = Line(venue, "futures_public")
    line.send({"action": "subscribe", "args": [topic]})
    line.pass_time(120)
    ack, snapshot, *updates = line.values()
    assert (ack["group"], ack["success"]) == (topic, True)
    data = snapshot["data"]
    book = {s: {Decimal(r["price"]): r["vol"] for r in data[s]} for s in ("bids", "asks")}
    version = data["version"]
    empty = 0
    for update in updates:
        data = update["data"]
        version += 1
        assert data["version"] == version
        empty += not data["bids"] and not data["asks"]
        for side in ("bids", "asks"):
            for row in data[side]:
                if row["vol"] == "0":
                    del book[side][Decimal(row["price"])]
                else:
                    book[side][Decimal(row["price"])] = row["vol"]
        assert len(book["bids"]) == len(book["asks"]) == 5
    state = venue.markets["futures", "ETHUSDT"].now
    form = venue.markets["futures", "ETHUSDT"].form
    assert sorted(book["bids"], reverse=True) == [form.price(p) for p, _ in state.bids[:5]]
    assert len(updates) > 20


def test_a_quiet_spot_topic_beats_with_its_version(venue: Venue) -> None:
    line = Line(venue, "spot_public")
    line.send({"op": "subscribe", "args": ["spot/depth/increase100:QUIET_USDT"]})
    line.pass_time(19)
    _, first, *rest = line.values()
    beats = [m["data"][0] for m in rest if not m["data"][0]["bids"] and not m["data"][0]["asks"]]
    assert beats
    assert beats[0]["version"] >= first["data"][0]["version"]


def test_a_request_is_answered_with_the_current_version(venue: Venue) -> None:
    topic = "spot/depth/increase100:BTC_USDT"
    line = Line(venue, "spot_public")
    line.send({"op": "subscribe", "args": [topic]})
    line.pass_time(10)
    line.send({"op": "request", "args": [topic]})
    line.pass_time(1)
    items = [m["data"][0] for m in line.values() if "data" in m]
    reply = next(n for n, item in enumerate(items) if n and item["type"] == "snapshot")
    assert items[reply]["version"] == items[reply - 1]["version"]


def test_pings(venue: Venue) -> None:
    spot, futures, legacy = (
        Line(venue, name) for name in ("spot_public", "futures_public", "legacy")
    )
    spot.send("ping")
    futures.send({"action": "ping"})
    futures.send("ping")
    legacy.send({"subscribe": "ping"})
    for line in (spot, futures, legacy):
        line.send("")
    spot.pass_time(0.2)
    assert next(spot.values()) == "pong"  # §2.2
    # §4.3: the JSON ping is answered, the bare text refused, and the socket stays open.
    futures = Line(venue, "futures_public")
    futures.send({"action": "ping"})
    futures.send("ping")
    futures.pass_time(0.2)
    pong, error = futures.values()
    assert pong["group"] == "System"
    assert pong["data"].startswith("pong+")
    assert error == {"success": False, "error": "Invalid message: message must be JSON: ping"}
    assert futures.code == -1


@pytest.mark.parametrize(
    ("endpoint", "wait", "ends"),
    [
        ("spot_public", 19.9, False),  # §2.2, 20 s
        ("spot_public", 20.1, True),
        ("futures_public", 4.9, False),  # §4.3, 5 s without a subscription
        ("futures_public", 5.1, True),
        ("legacy", 5.1, True),  # §1.1
    ],
)
def test_idle_and_lifeless_connections_end(
    venue: Venue, endpoint: str, wait: float, ends: bool
) -> None:
    line = Line(venue, endpoint)
    line.pass_time(wait)
    assert (line.code != -1) is ends


def test_a_connection_that_only_pings_is_lifeless_after_five_minutes(venue: Venue) -> None:
    line = Line(venue, "spot_public")
    for _ in range(29):
        line.send("ping")
        line.pass_time(10)
    assert line.code == -1
    line.send("ping")
    line.pass_time(11)
    assert line.code == 1000


def test_limits_of_a_message_and_a_connection(venue: Venue) -> None:
    line = Line(venue, "spot_public")
    line.send({"op": "subscribe", "args": [f"spot/trade:X{n}_USDT" for n in range(21)]})
    line.pass_time(0.2)
    assert next(line.values())["errorCode"] == "90005"
    assert line.code == 1008
    line = Line(venue, "futures_public")
    line.send({"action": "subscribe", "args": ["x" * 2100]})
    line.pass_time(0.2)
    assert line.code == 1009  # §4.3
    line = Line(venue, "spot_public")
    for _ in range(101):
        line.send("ping")
    line.pass_time(0.2)
    assert line.code == 1008
    assert set(venue.broken) == {
        "spot_public args",
        "futures_public frame",
        "spot_public messages",
    }


def test_connections_are_counted(venue: Venue) -> None:
    for _ in range(20):
        assert venue.opens("spot_public", 0)[0] == 101
    assert venue.opens("spot_public", 0)[0] == 403  # §2.3, 20 at once
    for number in list(venue.connections):
        venue.lost(number, 0)
    for _ in range(9):
        assert venue.opens("spot_public", SECOND)[0] == 101
    assert venue.opens("spot_public", SECOND)[0] == 429  # §2.3, 30 a minute
    assert venue.opens("spot_public", 62 * SECOND)[0] == 101
    assert venue.opens("legacy", 0)[0] == 101
    assert venue.opens("legacy", 3 * SECOND)[0] == 429  # §1.1, one in 4 s


def test_errors_name_what_they_name(venue: Venue) -> None:
    line = Line(venue, "spot_public")
    line.send({"op": "subscribe", "args": ["spot/depth5:NO_USDT", "spot/what:BTC_USDT"]})
    line.send({"op": "dance", "args": []})
    line.send("no JSON")
    line.pass_time(0.2)
    assert [value["errorCode"] for value in line.values()] == ["92001", "90004", "90002", "90001"]
    line = Line(venue, "futures_public")
    line.send({"action": "subscribe", "args": ["futures/depthIncrease30:BTCUSDT"]})
    line.pass_time(0.2)
    assert next(line.values())["error"].startswith("Invalid channel: not found")  # §4.2


def test_a_private_topic_wants_a_login(venue: Venue) -> None:
    line = Line(venue, "spot_private")
    line.send({"op": "subscribe", "args": ["spot/user/orders:ALL_SYMBOLS"]})
    line.send({"op": "login", "args": ["nobody", "1", "x"]})
    line.pass_time(0.2)
    first, second = line.values()
    assert first["errorCode"] == "91006"
    assert second == {
        "event": "login",
        "errorCode": "91002",
        "errorMessage": "API KEY not found",
    }
    assert line.code == 1000  # §3.1, "then the server closes"


def test_one_sided_pictures_come_in_pairs(venue: Venue) -> None:
    line = Line(venue, "futures_public")
    line.send({"action": "subscribe", "args": ["futures/depth20:BTCUSDT"]})
    line.pass_time(5)
    ways = [(v["data"]["way"], v["data"]["ms_t"]) for v in line.values() if "data" in v]
    assert [way for way, _ in ways[:6]] == [1, 2, 1, 2, 1, 2]
    assert ways[0][1] == ways[1][1]


def test_legacy_totals_run(venue: Venue) -> None:
    line = Line(venue, "legacy")
    line.send({"subscribe": "order", "symbol": "BMX_ETH", "precision": 6})
    line.pass_time(0.2)
    (picture,) = line.values()
    assert (picture["subscribe"], picture["precision"]) == ("depth", 6)
    total = Decimal(0)
    assert len(picture["data"]["buys"]) == 20
    for row in picture["data"]["buys"]:
        total += Decimal(row["amount"])
        assert Decimal(row["total"]) == total


def test_compressed_pushes_inflate_one_by_one() -> None:
    venue = Venue(1, habits=Habits(binary=1.0))
    line = Line(venue, "spot_public")
    line.send({"op": "subscribe", "args": ["spot/depth5:BTC_USDT"]})
    line.pass_time(3)
    kinds = [type(frame) for frame in line.frames]
    assert kinds[0] is str  # acknowledgements are text (§2.1)
    assert set(kinds[1:]) == {bytes}
    assert all("data" in value for value in list(line.values())[1:])
    CLOCK.pop(id(venue), None)


def test_trades_are_written_as_each_market_does(venue: Venue) -> None:
    spot, futures = Line(venue, "spot_public"), Line(venue, "futures_public")
    futures.send({"action": "subscribe", "args": ["futures/trade:BTCUSDT"]})
    futures.pass_time(60)
    rows = [v["data"] for v in futures.values() if "data" in v and isinstance(v["data"], list)]
    assert rows
    for frame in rows:
        ids = [row["trade_id"] for row in frame]
        assert ids == sorted(ids, reverse=True)  # §4.6, newest first
    spot = Line(venue, "spot_public")
    spot.send({"op": "subscribe", "args": ["spot/trade:BTC_USDT"]})
    spot.pass_time(60)
    frames = [v["data"] for v in spot.values() if "data" in v]
    assert frames
    assert all(f == sorted(f, key=lambda row: row["ms_t"]) for f in frames)  # §2.8, oldest first


def test_times_are_written_by_hand() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000000000Z"
    assert rfc3339(951_782_399_999) == "2000-02-28T23:59:59.999000000Z"
    assert rfc3339(951_782_400_000) == "2000-02-29T00:00:00.000000000Z"
    assert rfc3339(EPOCH_MS) == "2026-09-21T14:13:20.000000000Z"


def test_there_is_always_something_to_do(venue: Venue) -> None:
    assert venue.due() < NEVER
