"""What docstrings of public names show is so, and all that do something show an example.

Records and enumerations say what is in them field by field, and need none.
"""

import ast
import asyncio
import enum
import inspect
from pathlib import Path

import msgspec
import pytest

import bitmart_book as bb
from tests.helpers.examples import examples, problems
from tests.helpers.surface import SHARED

ROOT = Path(__file__).parent.parent

BOOK = "the examples of a book by itself"
# Whose members are looked at too, and what their examples speak of.
WITH_MEMBERS = {bb.Book: BOOK, bb.Quote: BOOK, bb.Engine: BOOK}
FACES = {bb.sync.Feed, bb.sync.LiveBook, bb.sync.Stream, bb.sync.LiveTrigger, bb.connect}
AWAITED = {bb.Feed, bb.LiveBook, bb.LiveTrigger}


def members(kind):
    for name, member in vars(kind).items():
        if name[0] != "_" and (callable(member) or isinstance(member, property)):
            yield pytest.param(member, id=f"{kind.__name__}.{name}")


def public():
    for module in (bb, bb.sync):
        for name in module.__all__:
            yield getattr(module, name), f"{module.__name__}.{name}"


def needs_an_example(thing):
    if inspect.isclass(thing):
        record = issubclass(thing, (msgspec.Struct, enum.Enum)) and thing is not bb.Venue
        return not record and thing is not bb.Change
    return callable(thing)


def documented_in_stub():
    """Members of compiled classes that are described where their types are: `Class.name`."""
    tree = ast.parse((ROOT / "bitmart_book" / "_book.pyi").read_text())
    return {
        f"{kind.name}.{member.name}"
        for kind in tree.body
        if isinstance(kind, ast.ClassDef)
        for member in kind.body
        if isinstance(member, ast.FunctionDef) and ast.get_docstring(member)
    }


def members_of_ours(kind):
    """What is public of a class, fields of records and members of enumerations left out: these
    are described by their class."""
    named = set(getattr(kind, "__struct_fields__", ())) | set(getattr(kind, "__members__", ()))
    for base in kind.__mro__:
        if base.__module__.startswith("bitmart_book"):
            for name, member in vars(base).items():
                function = getattr(member, "__func__", member)
                if name[0] != "_" and name not in named | SHARED and not isinstance(function, int):
                    yield f"{base.__name__}.{name}", function


def test_every_member_of_what_is_public_is_described():
    kinds = [thing for thing, _ in public() if inspect.isclass(thing)]
    found = {name: inspect.getdoc(one) for kind in kinds for name, one in members_of_ours(kind)}
    assert len(found) > 250
    assert {name for name, words in found.items() if not words} - documented_in_stub() == set()


def test_what_the_stub_describes_is_there_and_said_once():
    for name in documented_in_stub():
        kind, _, member = name.partition(".")
        assert not inspect.getattr_static(getattr(bb._book, kind), member).__doc__, name


ALL = [pytest.param(thing, id=name) for thing, name in public() if needs_an_example(thing)]
BY_ITSELF = [
    *(p for p in ALL if p.values[0] not in FACES | AWAITED),
    *(one for kind in WITH_MEMBERS for one in members(kind)),
]
BLOCKING = [
    *(p for p in ALL if p.values[0] in FACES),
    *(one for kind in (bb.sync.Feed, bb.sync.LiveBook) for one in members(kind)),
    *(
        one
        for kind in (bb.sync.Feed.__mro__[1], bb.sync.LiveBook.__mro__[1])
        for one in members(kind)
    ),
]
ASYNCHRONOUS = [
    *(p for p in ALL if p.values[0] in AWAITED),
    *(one for kind in (bb.Feed, bb.LiveBook) for one in members(kind)),
]


@pytest.mark.parametrize("thing", ALL)
def test_what_is_public_shows_an_example(thing):
    assert inspect.getdoc(thing)
    assert examples(thing)


@pytest.mark.parametrize("thing", BY_ITSELF)
def test_examples_of_a_book_by_itself(thing):
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("100.5", 2), (100, 5)], [(101, "1.25"), (102, 4)], sequence=7)
    assert list(problems(thing, {"bb": bb, "book": book})) == []


@pytest.fixture(scope="module")
def feed():
    with bb.connect("BTC_USDT", source="sim") as feed:
        yield feed


@pytest.mark.parametrize("thing", BLOCKING)
def test_examples_without_await(thing, feed):
    names = {"bb": bb, "feed": feed, "book": feed["BTC_USDT"]}
    assert list(problems(thing, names)) == []


@pytest.fixture(scope="module")
def awaited():
    """A loop with a feed that is open on it."""
    with asyncio.Runner() as runner:
        feed = bb.Feed(source="sim")
        runner.run(feed.__aenter__())
        yield runner, feed, runner.run(feed.subscribe("BTC_USDT"))
        runner.run(feed.close())


@pytest.mark.parametrize("thing", ASYNCHRONOUS)
def test_examples_with_await(thing, awaited):
    runner, feed, book = awaited
    assert list(problems(thing, {"bb": bb, "feed": feed, "book": book}, runner)) == []


def test_an_example_that_shows_something_else_is_found():
    def wrong():
        """
        >>> 1 + 1
        3
        """

    assert list(problems(wrong, {})) == ["1 + 1\nshows '2\\n' and not '3\\n'"]
