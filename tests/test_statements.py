"""docs/coming-from.md: what its table says is counted, and ours is as short as the shortest."""

import pytest

from tests.statements import OTHERS, PAGE, count, counted, problems, rows, sections

TEXT = PAGE.read_text()


def test_the_table_is_what_is_counted():
    assert problems(TEXT) == []


def test_there_are_ten_tasks_and_everybody_has_some():
    found = sections(TEXT)
    assert len(found) == 10
    names = [name for programs in found.values() for name in programs]
    assert names.count("ours") == 10
    assert all(names.count(name) >= 6 for name in OTHERS)


@pytest.mark.parametrize(("code", "statements"), [
    ("import a\nfrom b import c\n", 0), ("a = 1\nb = 2\n", 2),
    ("with a() as b:  # opening\n    c()\n", 1),
    ("for a in b:\n    c(a)\n", 2), ("x = await y()\nprint(x)\n", 2),
    ("async def f(x):\n    await x\n", 2), ("a()  # opening\nawait b()\n", 1),
])  # fmt: skip
def test_what_counts(code, statements):
    assert count(code) == statements


def test_a_longer_program_of_ours_is_told():
    longer = TEXT.replace('print(feed["BTC_USDT"].quote)\n', "a = 1\n    b = 2\n    c = 3\n", 1)
    told = problems(longer)
    assert told[0] == "the page does not say: | 1 best bid and ask | 3 | 2 | 2 | 1 | 1 |"
    assert told[1] == "1 best bid and ask: ours takes 3, the shortest other 1"
    assert rows(counted(longer))[0] in told[0]
