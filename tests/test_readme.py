"""README's example is run, and README names the files there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_run(number, capsys):
    code = EXAMPLES[number]
    exec(compile(code, f"README.md, example {number + 1}", "exec"), {"__name__": "__main__"})
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) >= 2
    promised = re.findall(r"# prints (.*)", code)
    assert not promised or shown == promised


def test_there_is_an_example_for_each_reader():
    assert [
        word in code
        for word, code in zip(
            ("bb.connect", "bb.Feed", "guard", "# prints", "place"), EXAMPLES, strict=True
        )
    ] == [True] * 5


def test_the_example_of_own_orders_is_a_file_too():
    """`make account` runs it."""
    program = (ROOT / "examples" / "own_orders.py").read_text()
    assert program.endswith(EXAMPLES[4])
    assert "examples/own_orders.py" in (ROOT / "Makefile").read_text()


def test_the_picture_is_there_and_is_of_the_program():
    picture = (ROOT / re.search(r"!\[.*\]\((.*)\)", README)[1]).read_text()
    assert "BTC_USDT" in picture
    assert "LIVE" in picture


def test_the_map_names_files_that_exist():
    where = README.partition("## Where things are")[2]
    paths = re.findall(r"^\| `([^`]+)` \|", where, re.MULTILINE)
    assert len(paths) > 10
    for path in paths:
        assert (ROOT / path).exists(), path


def test_the_commands_are_targets():
    makefile = (ROOT / "Makefile").read_text()
    commands = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert commands[:3] == ["demo", "account", "test"]
    for command in commands:
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command
