"""README's example is run, and README names the files there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_first_example_prints_what_it_says(capsys):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    exec(compile(code, "README.md", "exec"), {})
    promised = re.findall(r"# prints (.*)", code)
    assert capsys.readouterr().out.splitlines() == promised
    assert len(promised) >= 3


def test_the_map_names_files_that_exist():
    where = README.partition("## Where things are")[2]
    paths = re.findall(r"^\| `([^`]+)` \|", where, re.MULTILINE)
    assert len(paths) > 10
    for path in paths:
        assert (ROOT / path).exists(), path


def test_the_commands_are_targets():
    makefile = (ROOT / "Makefile").read_text()
    commands = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert commands[:2] == ["demo", "test"]
    for command in commands:
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command
