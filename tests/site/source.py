"""What the site is built from: the pages of docs/, and what else becomes a page of it.

Pages are written to be read in the repository. Here what stands outside of docs/ becomes a page of
the site or a link to the repository, the tutorial a page, and each command a table of its options.
It knows nothing of the program that makes HTML of it.
"""

import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click

from bitmart_book.cli import commands

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
HOME = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Homepage"]
# Pages at the top of the repository that are pages of the site.
TOP = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
INDEX = "reference/index.md"
NAME = re.compile(r"`([\w.]+)`")
CODE = re.compile(r"(^```.*?^```$|`[^`\n]*`)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")


def assemble(folder: Path) -> None:
    """Write the sources of the site into a folder, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.md", "*.ipynb")
    shutil.copytree(DOCS, folder, ignore=ignored)
    for name, text in pages():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def pages() -> Iterator[tuple[str, str]]:
    """Each page of the site: its place there, and its Markdown."""
    for path in sorted(DOCS.rglob("*.md")):
        name = path.relative_to(DOCS).as_posix()
        text = led(path.read_text(), path.parent, name)
        yield name, named(text) if name == INDEX else text
    for path, name in TOP.items():
        yield name, led((ROOT / path).read_text(), ROOT, name)
    yield "tutorial.md", led(tutorial(), DOCS, "tutorial.md")
    yield "reference/commands.md", "".join(described())


def led(text: str, start: Path, name: str) -> str:
    """A page with its links as they are on the site. start: the folder that they begin at."""
    up = "../" * name.count("/")

    def address(match: re.Match[str]) -> str:
        place = placed(start, match[1])
        return place if place.startswith(HOME) else up + place

    # Not in code, where brackets mean something else.
    parts = CODE.split(text)
    return "".join(one if k % 2 else LINK.sub(address, one) for k, one in enumerate(parts))


def named(text: str) -> str:
    """The table of all names, with each name as a link to what is said of it."""
    rows = re.compile(r"(?<=\) \| )`.*`(?= \|$)", re.MULTILINE)
    return rows.sub(lambda row: NAME.sub(r"[`\1`][bitmart_book.\1]", row[0]), text)


def placed(start: Path, path: str) -> str:
    """Where a link of the repository leads: a place on the site, or the repository's address."""
    target = (start / path).resolve().relative_to(ROOT)
    if target.as_posix() in TOP:
        return TOP[target.as_posix()]
    if target.parts[0] != "docs":
        return f"{HOME}/blob/main/{target.as_posix()}"
    place = target.relative_to("docs")
    return place.with_suffix(".md" if place.suffix == ".ipynb" else place.suffix).as_posix()


def tutorial() -> str:
    """The notebook as a page: its words, and its code."""
    cells = json.loads((DOCS / "tutorial.ipynb").read_text())["cells"]
    shown = []
    for cell in cells:
        text = "".join(cell["source"])
        shown.append(text if cell["cell_type"] == "markdown" else f"```py\n{text}\n```")
    return "\n\n".join(shown) + "\n"


def described() -> Iterator[str]:
    """The page about the commands, of what each says of itself."""
    yield "# Commands\n\nWhat each command takes, as `--help` says it. What they are for stands in "
    yield "[the guide](../guide.md#the-command-line); what of their output holds, in "
    yield "[Until 1.0](../stability.md#command-lines).\n"
    for name, command in sorted(commands.commands.items()):
        context = click.Context(command, info_name=f"bitmart-book {name}")
        usage = " ".join(command.collect_usage_pieces(context))
        yield f"\n## {name}\n\n```\nbitmart-book {name} {usage}\n```\n\n"
        help_text = re.sub(r"\s*\n\s*\n\s*", "\n\n", (command.help or "").replace("\b", ""))
        yield "\n\n".join(" ".join(part.split()) for part in help_text.split("\n\n"))
        yield "\n\n| option | what it does |\n|---|---|\n"
        for parameter in command.get_params(context):
            record = parameter.get_help_record(context)
            if record is not None and isinstance(parameter, click.Option):
                option, meaning = (" ".join(words.split()) for words in record)
                yield f"| `{option}` | {meaning} |\n"
