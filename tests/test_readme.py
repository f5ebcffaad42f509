"""README and the pages of docs: their examples are run, and what they promise is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
MAKEFILES = (ROOT / "Makefile").read_text() + (ROOT / "proofs.mk").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def examples(page):
    """The Python code of a page, as a reader would copy it."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


EXAMPLES = [
    pytest.param(page, code, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, code in enumerate(examples(page), 1)
]


@pytest.mark.parametrize(("page", "code"), EXAMPLES)
def test_the_examples_run(page, code, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, f"an example of {page.name}", "exec"), {"__name__": "__main__"})
    shown = capsys.readouterr().out.splitlines()
    assert shown, "an example shows something"
    promised = re.findall(r"# prints (.*)", code)
    assert not promised or shown == promised


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_shown_and_not_run_is_python(page):
    for code in re.findall(r"^```py\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        compile(code, page.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_readme_is_short_and_has_three_uses():
    assert len(README.splitlines()) <= 130
    for word, code in zip(("bb.connect", "bb.Feed", "bb.Engine"), examples(PAGES[0]), strict=True):
        assert word in code


def test_the_guide_shows_each_of_these():
    """What users asked for and did not find."""
    guide = "".join(examples(ROOT / "docs" / "guide.md"))
    for word in (
        "apply_snapshot", "guard", "on_quote", "on_change", "events()", "tickers", "kline",
        "record=", "faults=", "own_size", "net_depth", "base_size", "sweep", "out=",
    ):  # fmt: skip
        assert word in guide, word


def test_the_example_of_own_orders_is_a_file_too():
    """`make account` runs it."""
    program = (ROOT / "examples" / "own_orders.py").read_text()
    code = program.partition('"""\n\n')[2]
    assert code in examples(ROOT / "docs" / "guide.md")
    assert "examples/own_orders.py" in MAKEFILES


def test_the_picture_is_there_and_is_of_the_program():
    picture = (ROOT / "docs" / re.search(r"docs/(\w+\.svg)", README)[1]).read_text()
    assert "BTC_USDT" in picture
    assert "LIVE" in picture


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_are_targets(page):
    text = page.read_text()
    for command in re.findall(r"^make (\w[\w-]*)|`make (\w[\w-]*)", text, re.MULTILINE):
        name = "".join(command)
        assert re.search(rf"^{name}:", MAKEFILES, re.MULTILINE), name


def test_readme_begins_with_these_two_commands():
    assert re.findall(r"^make (\w+)", README, re.MULTILINE) == ["demo", "test"]


def test_readme_says_how_many_aims_are_missed():
    table = (ROOT / "docs" / "performance.md").read_text().rpartition("\nfigure  ")[2]
    verdicts = re.findall(r"  (yes|NO)$", table, re.MULTILINE)
    said = re.search(r"of (\d+) aims it misses (\d+)", " ".join(README.split()))
    assert [int(said[1]), int(said[2])] == [len(verdicts), verdicts.count("NO")]


def test_every_command_is_described_once():
    """`make help` lists what has a description; nothing else is meant to be typed."""
    described = re.findall(r"^([a-z-]+):.*?## \w", MAKEFILES, re.MULTILINE)
    assert len(set(described)) == len(described)
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILES, re.MULTILINE))
    assert targets - set(described) == {"help", "sanitized"}
