"""What `inspect`, tab and `feed["` see: signatures of all that is public, and nothing internal."""

import inspect
import re
from pathlib import Path

import pytest

import bitmart_book as bb
from bitmart_book.client.account import Account
from tests.helpers.frames import spot
from tests.helpers.surface import SHARED

ROOT = Path(__file__).parent.parent
SOURCES = [
    path.read_text()
    for path in (ROOT / "bitmart_book").rglob("*.p*")
    if path.suffix in (".pyx", ".pxi")
]
COMPILED = [
    kind
    for name in bb.__all__
    if inspect.isclass(kind := getattr(bb, name)) and kind.__module__ == "bitmart_book._book"
]


def parameters_in_source(kind):
    """Of the `__init__` of a compiled class, as its source has them; None where it has none."""
    for text in SOURCES:
        body = re.search(
            rf"^cdef class {kind.__name__}\b.*?(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE
        )
        found = body and re.search(r"    def __init__\(\s*self,?(.*?)\):\n", body[0], re.DOTALL)
        if found:
            words = [
                re.sub(r"^Book (\w+)( not None)?", r"\1", one.strip())
                for one in found[1].split(",")
            ]
            return [word for word in words if word]
    return None


@pytest.mark.parametrize("kind", COMPILED, ids=lambda kind: kind.__name__)
def test_the_signature_of_a_compiled_class_is_that_of_its_source(kind):
    source = parameters_in_source(kind)
    if source is None:
        assert kind in (bb.NetBook, bb.Watcher)
        return
    said = inspect.signature(kind).parameters.values()
    names = [word.partition("=")[0] for word in source if word != "*"]
    assert [one.name for one in said] == names
    place = source.index("*") if "*" in source else len(source)
    assert [one.name for one in said if one.kind is one.KEYWORD_ONLY] == names[place:]
    assert [one.name for one in said if one.default is one.empty] == [
        word for word in source if word.isidentifier()
    ]
    for word in source:
        name, _, default = word.partition("=")
        if default in ("None", "True", "False", "0", "1", "9.5"):
            assert inspect.signature(kind).parameters[name].default == eval(default)


@pytest.mark.parametrize(
    "kind", [bb.Book, bb.Engine, bb.LiveBook, bb.sync.LiveBook, bb.Feed, bb.sync.Feed, bb.Lens]
)
def test_every_method_has_a_signature(kind):
    for name in dir(kind):
        if name[0] != "_" and callable(getattr(kind, name)):
            inspect.signature(getattr(kind, name))


def test_a_class_that_is_derived_has_its_own_signature():
    class Mine(bb.Book):
        def __init__(self, one, two=2):
            super().__init__(one)

    assert str(inspect.signature(Mine)) == "(one, two=2)"
    assert list(inspect.signature(bb.LiveTrigger).parameters) == ["book", "conditions"]


def test_tab_on_the_package_shows_all_that_is_public_and_nothing_else():
    shown = [name for name in dir(bb) if name[0] != "_"]
    assert shown == bb.__all__
    assert "__version__" in dir(bb)


def test_tab_shows_no_internals(tmp_path):
    path = tmp_path / "capture.jsonl"
    path.write_text(spot("snapshot", 4, [("1.5", "2")], [("3", "1")]) + "\n")
    with bb.connect(source=path) as feed:
        things = [feed, feed["BTC_USDT"], feed.events(), Account()]
        internal = SHARED | {"mailbox", "begun", "across", "given_out"}
        for thing in things:
            shown = set(dir(thing))
            assert not shown & internal
            assert len([name for name in shown if name[0] != "_"]) > 2
        assert repr(things[1].when(spread_bps=(">", 1))).startswith("<Trigger spread_bps > 1 of")
        assert "best_bid" in dir(things[1])
        assert "ladder" in dir(things[1])


def test_what_a_feed_and_an_engine_take_is_completed():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 4, [("1.5", "2")], [("3", "1")]))
    engine.book("BTC_USDT", channel="depth20")
    engine.book("BTCUSDT")
    found = engine._ipython_key_completions_()
    assert found[:2] == ["BTC_USDT", "BTCUSDT"]
    assert "spot/depth20:BTC_USDT" in found
    assert all(engine[key] in engine.books for key in found)


def test_what_is_held_is_said_without_an_address():
    assert repr(bb.Simulator()) == "<Simulator not running>"
    book = bb.Book("BTC_USDT")
    assert repr(book.guard(max_age=2, max_spread_bps=5)) == (
        "Guard(BTC_USDT, max_age=2, max_spread_bps=5)"
    )
    assert repr(book.guard(max_age=None, levels=3, unproven=True)) == (
        "Guard(BTC_USDT, levels=3, unproven=True)"
    )
