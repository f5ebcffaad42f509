"""What tables of captures show is what a replay shows, and what it does not show is a row."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest

import bitmart_book as bb
from bitmart_book.display.history import History, check_schema
from tests.display.conftest import START
from tests.helpers import frames
from tests.helpers.frames import spot
from tests.helpers.tables import rows

# A feed of the box in which things go wrong, with the events of its client.
RECORDING = Path(__file__).parents[1] / "wire" / "capture-0.2.0.jsonl.gz"


def moments(path):
    """What a replay shows behind each frame: its time, and the quote and the levels of each book.
    The last one of a time counts."""

    async def play():
        found = {}
        async with bb.Feed(source=path) as feed:
            async for moment in feed.play():
                found[moment.time_ns] = {
                    (book.channel, book.symbol): (
                        book.quote_in_any_state(),
                        [*book.depth()] if book.state is bb.BookState.LIVE else None,
                    )
                    for book in feed.books
                }
        return found

    return asyncio.run(play())


def key(row):
    return row["channel"], row["symbol"]


class Rebuilt:
    """Books made of rows and of nothing else."""

    def __init__(self):
        self.books = {}

    def take(self, row):
        if row["action"] == "R":
            self.books[key(row)] = {"B": {}, "A": {}} if row["state"] == "LIVE" else None
            return
        assert row["state"] == "LIVE"
        side = self.books[key(row)][row["side"]]
        assert (row["price"] in side) is (row["action"] != "A")
        if row["action"] == "C":
            assert row["size"] == 0
            del side[row["price"]]
        else:
            side[row["price"]] = row["size"]

    def levels(self, name):
        book = self.books[name]
        if book is None:
            return None
        return [
            [[price, book[side][price]] for price in sorted(book[side], reverse=side == "B")]
            for side in "BA"
        ]


@pytest.mark.parametrize("source", ["story", "recording"])
def test_rows_make_the_book_again_at_every_frame(source, story):
    path = story if source == "story" else RECORDING
    rebuilt, left = Rebuilt(), rows(path, "incremental")
    seen = compared = 0
    for time, books in moments(path).items():
        while left and left[0]["ts_recv"] <= time:
            rebuilt.take(left.pop(0))
        for name, (quote, levels) in books.items():
            expected = levels and [side.tolist() for side in levels]
            assert rebuilt.levels(name) == expected
            seen += quote.state is not bb.BookState.LIVE
            compared += levels is not None
    assert seen > 10
    assert compared > 100


def test_the_last_row_of_each_change_says_so(story):
    found = rows(story, "incremental")
    last = {}
    for place, row in enumerate(found):
        last[row["ts_recv"], key(row)] = place
    for place, row in enumerate(found):
        more = any(
            other["ts_recv"] == row["ts_recv"] and key(other) == key(row)
            for other in found[place + 1 : place + 3]
        )
        assert bool(row["flags"] & 128) or more


def test_every_book_begins_with_a_picture(story):
    begun, pictures = set(), 0
    for row in rows(story, "incremental"):
        if row["action"] == "R":
            begun.discard(key(row))
            if row["state"] == "LIVE":
                assert row["flags"] & 32
                begun.add(key(row))
                pictures += 1
        else:
            assert key(row) in begun
    assert pictures > 10


@pytest.mark.parametrize("source", ["story", "recording"])
def test_quotes_are_those_of_a_replay(source, story):
    path = story if source == "story" else RECORDING
    names = ("bid", "ask", "bid_size", "ask_size", "mid", "spread", "state", "epoch")
    left, shown = rows(path, "quotes"), {}
    count = len(left)
    for time, books in moments(path).items():
        while left and left[0]["ts_recv"] <= time:
            row = left.pop(0)
            shown[key(row)] = row
        for name, (quote, _) in books.items():
            said = quote.to_dict()
            assert {n: shown[name][n] for n in names} == {n: said[n] for n in names}
    assert not left
    assert count > 70


def test_pictures_are_the_best_levels(story):
    left, shown = rows(story, "mbp-10"), {}
    for time, books in moments(story).items():
        while left and left[0]["ts_recv"] <= time:
            row = left.pop(0)
            shown[key(row)] = row
        for name, (_, levels) in books.items():
            for place in range(10):
                for side, word in enumerate(("bid", "ask")):
                    there = levels is not None and place < len(levels[side])
                    expected = levels[side][place].tolist() if there else [None, None]
                    found = [shown[name][f"{word}_{what}_{place:02}"] for what in ("px", "sz")]
                    assert found == expected
    assert "bid_px_10" not in shown["spot/depth5", "ETH_USDT"]


def written(tmp_path, lines, name="capture.jsonl"):
    path = tmp_path / name
    path.write_text(
        "\n".join(
            line if line[:1] != "{" else json.dumps({"t": START + place, "frame": line})
            for place, line in enumerate(lines)
        )
    )
    return path


def test_a_gap_is_a_row(tmp_path):
    lines = [
        frames.SPOT_SNAPSHOT_4,
        spot("update", 9),
        spot("snapshot", 9, [("1", "1")], [("2", "1")]),
    ]
    for schema in ("quotes", "incremental", "mbp-1"):
        found = rows(written(tmp_path, lines), schema)
        gap = [row for row in found if row["state"] == "GAP"]
        assert [row["reason"] for row in gap] == ["version gap: expected 5, was 9"]
        assert gap[0]["flags"] == 128 + 4
        assert gap[0]["ts_recv"] == START + 1
        assert not {"bid", "price", "bid_px_00"} & {n for n in gap[0] if gap[0][n] is not None}
        assert found[-1]["state"] == "LIVE"
        assert found[-1]["epoch"] == 2


def test_a_run_that_is_replaced_within_one_frame_begins_anew(tmp_path):
    again = spot("snapshot", 8, [("1", "1")], [("2", "1")])
    found = rows(written(tmp_path, [frames.SPOT_SNAPSHOT_4, again]), "incremental")
    clear = [row for row in found if row["action"] == "R"]
    assert [(row["state"], row["reason"]) for row in clear] == [
        ("LIVE", None),
        ("LIVE", "a new run began"),
    ]


def test_another_file_is_another_connection(tmp_path):
    first = written(tmp_path, [frames.SPOT_SNAPSHOT_4, frames.SPOT_UPDATE_5], "first.jsonl")
    second = written(
        tmp_path, [spot("update", 6, [("1", "1")]), spot("snapshot", 7, [("1", "1")], [])]
    )
    states = [row["state"] for row in rows([first, second], "quotes")]
    assert states == ["LIVE", "LIVE", "SYNCING", "LIVE"]


def test_time_that_passes_is_a_row(tmp_path):
    """Nothing is heard for longer than the book holds, and then its next update comes."""
    topic = "spot/depth/increase100:BTC_USDT"
    lines = [
        {"bitmart_book": "0.2.0", "venue": "bitmart"},
        {"t": 1, "at": 0, "conn": "c", "event": "opened", "seconds": 60.0, "host": "h"},
        {"t": 1, "at": 0, "conn": "c", "event": "wanted", "topic": topic},
        {"t": 1, "at": 0, "conn": "c", "event": "subscribed", "topic": topic},
        {"t": 2, "at": 10**9, "conn": "c", "frame": frames.SPOT_SNAPSHOT_4},
        {"t": 3, "at": 30 * 10**9, "conn": "c", "frame": frames.SPOT_UPDATE_5},
        {"t": 4, "at": 31 * 10**9, "conn": "c", "event": "closed"},
        {"t": 5, "at": 32 * 10**9, "conn": "c", "event": "doubted", "topic": topic,
         "state": "CONNECTING", "reason": "the connection was lost"},
    ]  # fmt: skip
    path = tmp_path / "capture.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    found = [(row["ts_recv"], row["state"]) for row in rows(path, "quotes")]
    assert (3, "STALE") in found
    assert found[-2:] == [(3, "LIVE"), (5, "CONNECTING")]
    assert found.index((3, "STALE")) < found.index((3, "LIVE"))
    lost = [row for row in rows(path, "trades") if row["reason"]]
    assert [(row["ts_recv"], row["reason"]) for row in lost] == [(4, "the connection c was lost")]
    events = [row["event"] for row in rows(path, "frames")]
    assert events == ["opened", "wanted", "subscribed", None, None, "closed", "doubted"]


def test_a_line_that_cannot_be_read_is_a_row(tmp_path):
    lines = [frames.SPOT_SNAPSHOT_4, "garbage", frames.SPOT_UPDATE_5]
    path = written(tmp_path, lines)
    for schema in ("quotes", "incremental", "trades", "mbp-10", "frames"):
        history = History(path, schema)
        found = [c.listed() for c in next(history.columns())]
        names = [c.name for c in next(History(path, schema).columns())]
        reasons = [reason for reason in found[names.index("reason")] if reason]
        assert len(history.problems) == 1
        assert reasons == history.problems
        assert "capture.jsonl: line 2: not JSON" in reasons[0]
    hole = next(row for row in rows(path, "incremental") if row["reason"])
    assert (hole["symbol"], hole["state"], hole["action"], hole["flags"]) == (None, None, "R", 132)


def test_what_could_be_read_of_a_file_that_is_cut(tmp_path, story):
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress(story.read_bytes())[:-2000])
    whole, cut = rows(story, "quotes"), rows(path, "quotes")
    assert 10 < len(cut) < len(whole)
    assert cut[:-1] == whole[: len(cut) - 1]
    assert "the file ends or is damaged here" in cut[-1]["reason"]
    assert cut[-1]["flags"] & 4


def test_a_file_that_is_no_capture(tmp_path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(bytes(range(256)) * 100)
    for schema in ("quotes", "trades"):
        with pytest.raises(bb.UsageError, match=r"this is no capture: .*holiday.jpg: line 1"):
            list(History(path, schema).columns())


def test_what_a_later_version_wrote_is_passed_over(tmp_path):
    path = tmp_path / "later.jsonl"
    lines = gzip.decompress(RECORDING.read_bytes()).decode().splitlines()
    odd = json.dumps({"t": 1, "at": 1, "conn": None, "event": "novelty"})
    path.write_text("\n".join([json.dumps({"bitmart_book": "99.0"}), odd, *lines[1:]]))
    assert rows(path, "quotes") == rows(RECORDING, "quotes")


def test_trades(story):
    found = [row for row in rows(story, "trades") if row["price"]]
    assert len(found) == story.read_text().count("spot/trade")
    expected = {
        "ts_event": 1542337219120 * 10**6, "symbol": "ETH_USDT", "side": "buy", "price": 162.12,
        "size": 11.085, "flags": 128,
    }  # fmt: skip
    assert {name: found[0][name] for name in expected} == expected


def test_frames_are_what_arrived(story):
    lines = [json.loads(line) for line in story.read_text().splitlines()]
    found = rows(story, "frames")
    assert [(row["ts_recv"], row["connection"], row["frame"]) for row in found] == [
        (line["t"], "a", line["frame"]) for line in lines
    ]


def test_pieces_are_bounded(story):
    whole = rows(story, "incremental")
    history = History(story, "incremental")
    history._taker.most = 500
    sizes = [len(columns[0].values) for columns in history.columns()]
    assert sum(sizes) == len(whole)
    assert len(sizes) > 5
    assert all(size < 800 for size in sizes)


def test_a_venue_that_is_named(tmp_path):
    path = tmp_path / "k.jsonl"
    path.write_text(
        '{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":1.0,'
        '"qty":2.0}],"asks":[{"price":2.0,"qty":1.0}],"checksum":0}]}\n'
    )
    assert {row["venue"] for row in rows(path, "quotes", venue="kraken")} == {"kraken"}
    assert rows(path, "quotes") == []


@pytest.mark.parametrize("schema", ["mbp-0", "mbp-201", "mbp-", "book", "", None])
def test_schemas_that_there_are_not(schema):
    with pytest.raises(bb.UsageError, match="schema must be one of quotes, trades, incremental"):
        check_schema(schema)
