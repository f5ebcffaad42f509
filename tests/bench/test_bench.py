"""The benchmark: its books are compared, its frames are what its docstring says, it names what is
missing. How fast anything is is not tested here."""

import json
import os
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path
from statistics import mean, median
from xml.etree import ElementTree

import pytest

import bitmart_book as bb
from benchmarks.record import BEGIN, END, recorded
from bitmart_book.bench import callgrind, contenders, peers, race, real, report, sender, stages
from bitmart_book.bench.figure import svg
from bitmart_book.bench.frames import (
    Market,
    capture,
    depth50_frame,
    futures_frame,
    spot_frame,
)
from bitmart_book.bench.targets import TARGETS, Figure, figures
from bitmart_book.cli import main
from tests.helpers.command import run

ROOT = Path(__file__).parents[2]
PLAN = stages.Plan(stages.QUICK, 1, (), None)


@pytest.fixture(scope="module")
def quick():
    # Whoever runs these may have recorded streams at hand, which are a stage more.
    there = {name: value for name, value in os.environ.items() if name != "BITMART_BOOK_DATA"}
    result = run("bench", "--json", "--quick", env=there)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def command(monkeypatch, *arguments):
    """The command in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["bitmart-book", "bench", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


# --- the command ---


def test_a_quick_run_goes_through_every_stage(quick):
    assert {one["stage"] for one in quick["stages"]} == set(stages.STAGES) - {"real"}
    assert set(quick["not_run"]) == {"real"}
    for stage in quick["stages"]:
        assert stage["times"] or stage["values"]
        assert all(0 < one["min"] <= one["median"] for one in stage["times"])
    assert quick["machine"]["python"]
    assert quick["versions"]["bitmart_book"] == bb.__version__


def test_a_quick_run_claims_nothing(quick):
    assert quick["quick"]
    assert len(quick["figures"]) == len(TARGETS) - 1
    assert {one["passed"] for one in quick["figures"]} == {None}
    unmeasured = [one["figure"] for one in quick["figures"] if one["measured"] is None]
    assert all("order-book" in name or "ccxt" in name for name in unmeasured)


def test_the_report_as_text_has_every_number(quick):
    text = "\n".join(report.lines(quick))
    for stage in quick["stages"]:
        assert stage["title"] in text
        for one in (*stage["times"], *stage["values"]):
            assert (one if isinstance(one, str) else one["name"]) in text
    for one in quick["figures"]:
        assert one["figure"] in text
    assert "no measurement" in text


def test_the_picture_is_well_formed_and_names_who_ran(quick):
    picture = ElementTree.fromstring(svg(quick))
    texts = "".join(picture.itertext())
    assert "bitmart_book" in texts
    assert "typed msgspec + sortedcontainers" in texts


def test_missing_peers_are_named_with_the_way_to_get_them(monkeypatch, capsys):
    monkeypatch.setattr(peers, "PINNED", {"no-such-book": ("1.2.3", "no_such_book")})
    assert command(monkeypatch, "--peers", "--quick", "--only", "frames") == 0
    assert "pip install 'no-such-book==1.2.3'" in capsys.readouterr().out


def test_what_is_misused(monkeypatch, capsys, tmp_path):
    assert command(monkeypatch, "--only", "speed") == 2
    assert "frames" in capsys.readouterr().err
    assert command(monkeypatch, "--real", str(tmp_path / "none")) == 2
    assert command(monkeypatch, "--passes", "0") == 2


def test_the_pinned_peers_are_those_of_the_dependency_group():
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    pinned = dict(re.match(r"([\w-]+)==([\d.]+)", one).groups() for one in group["bench-peers"])
    for name, (version, _) in peers.PINNED.items():
        assert pinned[name] == version


# --- books are compared ---


class Forgetful(contenders.Plain):
    """Never removes a bid."""

    def frames(self, frames):
        for frame in frames:
            super().frames([frame.replace(b'"0"]', b'"1"]')])


class ForgetsTheDeep(contenders.Plain):
    """Is right about the best prices, and wrong about a level that nobody looks at."""

    def sides(self):
        return {symbol: (bids[:-1], asks) for symbol, (bids, asks) in super().sides().items()}


def contest(contender, checked=50):
    frames = list(capture(("BTC_USDT",), 100, seed=3))
    case = race.Case(frames[:1], frames[1:], contenders.Plain, contenders.Plain.frames)
    entry = race.Entry("the contender", contender, contender.frames, case)
    return race.race([entry], passes=1, checked=checked)


def test_a_contender_that_is_right_is_timed():
    (timing,) = contest(contenders.Sorted)
    assert timing.name == "the contender"
    assert timing.min > 0


@pytest.mark.parametrize("wrong", [Forgetful, ForgetsTheDeep])
def test_a_contender_that_is_wrong_has_no_time(wrong):
    with pytest.raises(race.Disagreement, match="the contender is wrong about BTC_USDT: bid"):
        contest(wrong, checked=0)


def test_a_wrong_best_price_is_noticed_at_its_frame():
    class Late(contenders.Plain):
        seen = 0

        def frames(self, frames):
            for frame in frames:
                super().frames([frame])
                self.seen += 1
                if self.seen == 8:
                    self.top = (1.0, 2.0)

    with pytest.raises(race.Disagreement, match=r"wrong after frame 6: .*were \(1.0, 2.0\)"):
        contest(Late)


def test_another_set_of_symbols_is_noticed():
    with pytest.raises(race.Disagreement, match="other books"):
        race.compare("it", {"A": ([], [])}, {"B": ([], [])})


@pytest.mark.parametrize("stage", ["frames", "rows", "websocket"])
def test_no_number_is_printed_where_the_engine_is_wrong(monkeypatch, capsys, stage):
    real_sides = contenders.Engine.sides
    monkeypatch.setattr(
        contenders.Engine,
        "sides",
        lambda self: {k: (bids[1:], asks) for k, (bids, asks) in real_sides(self).items()},
    )
    assert command(monkeypatch, "--quick", "--only", stage) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "bitmart_book" in output.err.splitlines()[-1]


def test_a_wrong_depth_is_noticed(monkeypatch):
    fine = contenders.Sorted.frames

    def short(self, frames):
        fine(self, frames)
        self.books["BTC_USDT"][0].popitem(0)

    monkeypatch.setattr(contenders.Sorted, "frames", short)
    with pytest.raises(race.Disagreement, match=r"sortedcontainers: .* reads other levels"):
        stages.STAGES["depth"](PLAN)


# --- the frames ---


def test_the_same_seed_gives_the_same_bytes():
    first, again, other = (list(capture(("ETH_USDT",), 20, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.fixture(scope="module")
def facts():
    """What a dictionary sees of 3,000 generated updates."""
    market = Market("BTC_USDT", 11)
    books = [dict(side) for side in (market.snapshot().bids, market.snapshot().asks)]
    found = {"levels": [], "bytes": [], "ranks": [], "kinds": [], "sizes": [], "tops": 0}
    for _ in range(3_000):
        update = market.update()
        found["levels"].append(len(update.bids) + len(update.asks))
        found["bytes"].append(len(spot_frame(update)))
        before = [best(book, side) for side, book in enumerate(books)]
        for side, rows in enumerate((update.bids, update.asks)):
            order = sorted(books[side], key=float, reverse=side == 0)
            for price, size in rows:
                if float(size) == 0:
                    # A level may be made and eaten in one frame.
                    found["kinds"].append("removal")
                    books[side].pop(price, None)
                else:
                    found["kinds"].append("size" if price in books[side] else "new")
                    books[side][price] = size
                if price in order:
                    found["ranks"].append(order.index(price))
            found["sizes"].append(len(books[side]))
        assert best(books[0], 0)[0] < best(books[1], 1)[0]
        found["tops"] += before != [best(book, side) for side, book in enumerate(books)]
    return found


def best(book, side):
    return (max if side == 0 else min)((float(price), size) for price, size in book.items())


def test_a_frame_changes_13_levels_and_is_uneven(facts):
    assert mean(facts["levels"]) == pytest.approx(13, abs=0.7)
    assert mean(facts["bytes"]) == pytest.approx(426, abs=17)
    assert median(facts["levels"]) <= 10
    assert sorted(facts["levels"])[-150] >= 30
    assert 0.03 < facts["levels"].count(0) / 3_000 < 0.07


def test_changes_are_spread_over_the_view(facts):
    assert 38 <= median(facts["ranks"]) <= 48
    assert max(facts["ranks"]) > 90
    assert 0.35 < facts["tops"] / 3_000 < 0.65


def test_changes_are_of_the_kinds_that_were_seen(facts):
    share = {kind: n / len(facts["kinds"]) for kind, n in Counter(facts["kinds"]).items()}
    assert share == pytest.approx({"size": 0.42, "new": 0.29, "removal": 0.29}, abs=0.03)
    assert 90 < min(facts["sizes"]) <= max(facts["sizes"]) < 130


@pytest.mark.parametrize(
    ("write", "symbol", "channel", "levels"),
    [
        (spot_frame, "BTC_USDT", None, 100),
        (spot_frame, "BABYDOGE_USDT", None, 100),
        (depth50_frame, "BTC_USDT", "depth50", 50),
        (futures_frame, "BTCUSDT", None, 100),
    ],
)
def test_the_engine_scans_every_generated_frame(write, symbol, channel, levels):
    market = Market(symbol, 4)
    engine = bb.Engine()
    book = engine.book(symbol, channel=channel)
    messages = [market.snapshot(levels), *(market.update() for _ in range(50))]
    if channel is not None:
        messages = [market.snapshot(levels) for _ in messages]
    for message in messages:
        engine.apply(write(message))
    assert engine.stats["scanned"] == len(messages)
    book.check()
    assert (levels * 0.8) < len(book.bids) < (levels * 1.2)


def test_changes_of_the_best_levels_of_a_recorded_stream():
    def item(kind, bids, asks):
        return {"type": kind, "ms_t": 5, "symbol": "X_Y", "bids": bids, "asks": asks}

    items = [
        item("snapshot", [["9", "1"], ["8", "1"], ["7", "1"]], [["10", "1"], ["12", "1"]]),
        item("update", [["9", "0"], ["6", "1"]], [["12", "1"]]),
        item("update", [["7.5", "2"]], [["11", "3"], ["10", "0.0"]]),
    ]
    first, second, third = real.top_changes(items, 100, levels=2)
    assert (first.kind, first.version) == ("snapshot", 100)
    assert first.bids == [("9", "1"), ("8", "1")]
    assert first.asks == [("10", "1"), ("12", "1")]
    assert (second.time_ms, third.time_ms) == (first.time_ms + 100, first.time_ms + 200)
    assert next(real.top_changes(items, 103)).time_ms == third.time_ms + 100, (
        "streams can be joined"
    )
    # The third best comes into view, and what is out of view is not told.
    assert (second.kind, second.version) == ("update", 101)
    assert (sorted(second.bids), second.asks) == ([("7", "1"), ("9", "0")], [])
    assert sorted(third.bids) == [("7", "0"), ("7.5", "2")]
    assert sorted(third.asks) == [("10", "0"), ("11", "3")]


def test_recorded_streams_run_where_they_are(tmp_path):
    import gzip

    for name, symbols in (("one", ("BTC_USDT",)), ("several", ("BTC_USDT", "ETH_USDT"))):
        lines = b"\n".join(capture(symbols, 1_100, seed=2))
        (tmp_path / f"{name}.frames.jsonl.gz").write_bytes(gzip.compress(lines))
    found = real.streams(tmp_path, 1_050)
    assert {name: len(frames) for name, frames in found.items()} == {"one": 1_051}
    stage = stages.STAGES["real"](PLAN._replace(real=str(tmp_path)))
    assert stage.facts["streams"] == {"one": stages.QUICK.frames + 1}


def test_what_the_sender_is_told():
    frames = [b"", b"a", b"x" * 70_000]
    assert sender.read_frames(sender.written(frames)) == frames


# --- figures, counts, pages ---


def test_every_target_has_its_stage():
    assert {target.stage for target in TARGETS} <= set(stages.STAGES)


def test_a_figure_is_reached_missed_or_unknown():
    at_least, at_most = TARGETS[0], TARGETS[6]
    assert (str(at_least), str(at_most)) == (">= 16x", "<= 1.5x")
    assert Figure(at_least, 16).passed
    assert Figure(at_least, 15.9).passed is False
    assert Figure(at_most, 1.5).passed
    assert Figure(at_most, 1.51).passed is False
    assert Figure(at_most, None).passed is None


def test_figures_come_from_the_least_times():
    def stage(**times):
        timings = [race.Timing(name, time, time + 1) for name, time in times.items()]
        return stages.Stage("frames", "", "frame", timings, {}, {})

    ours = {stages.OURS: 1.0, f"{stages.OURS}, with a deadline": 0.5}
    alone = [one.measured for one in figures([stage(**ours)])]
    assert alone == [None, None, None]
    others = {stages.ORJSON_BOOK: 17.0, stages.TYPED_BOOK: 13.0, stages.CCXT_HANDLER: 40.0}
    found = list(figures([stage(**ours, **others)]))
    assert [one.measured for one in found] == [17, 13, 40]
    assert [one.passed for one in found] == [True, True, False]


def test_instructions_are_those_of_the_function_itself():
    costs = callgrind.parse(
        """events: Ir
fn=(1) outer
16 100
cfn=(2) inner
calls=3 20
16 900
+1 5
fn=(2)
20 800
* 100
fn=(1)
-2 7
""".splitlines(keepends=True)
    )
    assert costs == {"outer": 112, "inner": 900}


def test_a_measurement_replaces_the_last_one():
    page = f"above\n{BEGIN}\nold\n{END}\nbelow\n"
    once = recorded(page, "new")
    assert "new" in once
    assert "old" not in once
    assert once.startswith("above")
    assert once.endswith("below\n")
    assert recorded(once, "new") == once
    with pytest.raises(SystemExit):
        recorded("no marks", "new")


def test_the_page_has_its_marks():
    page = (ROOT / "docs" / "performance.md").read_text()
    assert page.index(BEGIN) < page.index(END)
