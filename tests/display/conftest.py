"""What the tests of tables share: a capture in which much happens, and who is not at home.

Tests of what other libraries make are in files of their own, named after the library; where it is
not installed they are not collected. `make test` installs pyarrow and prometheus-client,
`make notebook` matplotlib, `make tables` the others.
"""

import json
import random
from importlib.util import find_spec

import pytest

from bitmart_book.bench.frames import capture
from tests.helpers import frames

LIBRARIES = ("duckdb", "matplotlib", "pandas", "polars", "prometheus_client", "pyarrow")
collect_ignore = [f"test_{name}.py" for name in LIBRARIES if find_spec(name) is None]

START = 1_787_000_000_000_000_000


def eventful():
    """Frames of two books with updates that are lost, repeated and late, and snapshots that heal;
    of a book of pictures; and trades."""
    chance = random.Random(7)
    sent = [frame.decode() for frame in capture(("BTC_USDT", "ETH_USDT"), 150, 3)]
    snapshot = {json.loads(frame)["data"][0]["symbol"]: frame for frame in sent[:2]}
    for number, frame in enumerate(sent):
        item = json.loads(frame)["data"][0]
        if number > 1 and chance.random() < 0.03:
            continue
        yield frame
        if chance.random() < 0.05:
            yield frame
        if number > 20 and chance.random() < 0.05:
            again = json.loads(snapshot[item["symbol"]])
            again["data"][0] |= {"version": item["version"], "ms_t": item["ms_t"]}
            yield json.dumps(again)
        if number % 20 == 0:
            yield frames.SPOT_DEPTH5.replace("161.94", f"161.{number % 90:02}").replace(
                "1542337219120", str(1542337219120 + number)
            )
        if number % 50 == 0:
            yield frames.SPOT_TRADES


@pytest.fixture(scope="session")
def story(tmp_path_factory):
    """A capture of these, each at a time of its own."""
    path = tmp_path_factory.mktemp("tables") / "story.jsonl"
    path.write_text(
        "".join(
            json.dumps({"t": START + number, "conn": "a", "frame": frame}) + "\n"
            for number, frame in enumerate(eventful())
        )
    )
    return path
