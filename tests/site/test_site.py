"""The documentation as a site, as far as it needs nothing that builds it: `make docs`."""

import re

import click
import pytest

import bitmart_book as bb
from bitmart_book.cli import commands
from tests.site.built import problems
from tests.site.source import DOCS, HOME, ROOT, assemble, described, led, named, pages, tutorial

NAVIGATION = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2].partition("\ntheme:")[0]
REFERENCE = [path.read_text() for path in sorted((DOCS / "reference").glob("*.md"))]


def test_every_page_is_in_the_navigation_once():
    named = re.findall(r": (\S+\.md)$", NAVIGATION, re.MULTILINE)
    assert sorted(named) == sorted(name for name, _ in pages())
    parts = re.findall(r"^  - ([\w ]+):$", NAVIGATION, re.MULTILINE)
    assert parts == ["Tutorial", "How to", "Reference", "Explanation"]


def test_every_public_name_is_in_the_reference_once():
    public = {name for name in bb.__all__ if name != "sync"}
    blocking = (name for name in bb.sync.__all__ if name != "connect")  # which is `bb.connect`
    public |= {f"sync.{name}" for name in blocking}
    described = re.findall(r"^::: bitmart_book\.(\S+)$", "\n".join(REFERENCE), re.MULTILINE)
    assert sorted(described) == sorted(public)
    index = (DOCS / "reference" / "index.md").read_text()
    rows = re.findall(r"^\| \[.*\]\((\w+\.md)\) \| (.*) \|$", index, re.MULTILINE)
    for page, names in rows:
        text = (DOCS / "reference" / page).read_text()
        assert re.findall(r"`(\S+)`", names) == re.findall(r"^::: bitmart_book\.(\S+)", text, re.M)
    assert len(rows) == len(REFERENCE) - 1


@pytest.mark.parametrize(
    ("text", "page", "shown"),
    [
        ("[a](guide.md#keys)", "x.md", "[a](guide.md#keys)"),
        ("[a](../guide.md)", "reference/x.md", "[a](../guide.md)"),
        ("[a](../SECURITY.md#b)", "x.md", "[a](security.md#b)"),
        ("[a](../../CHANGELOG.md)", "reference/x.md", "[a](../changelog.md)"),
        ("[a](tutorial.ipynb)", "x.md", "[a](tutorial.md)"),
        ("[a](../examples/widest.pyx)", "x.md", f"[a]({HOME}/blob/main/examples/widest.pyx)"),
        ("[a](#b) [c](https://d.example/e)", "x.md", "[a](#b) [c](https://d.example/e)"),
        (
            "`f[a](b.md)` and\n```\nx[a](../b)\n```",
            "x.md",
            "`f[a](b.md)` and\n```\nx[a](../b)\n```",
        ),
    ],
)
def test_links_of_the_repository_become_those_of_the_site(text, page, shown):
    assert led(text, (DOCS / page).parent, page) == shown


def test_all_names_are_links():
    shown = dict(pages())["reference/index.md"]
    for name in ("Book", "sync.Feed", "BookNotLive"):
        assert f"[`{name}`][bitmart_book.{name}]" in shown
    assert "`help(bb.Book)`" in shown
    assert named("| [a](b.md) | `A`, `c.D` |\n`A`") == (
        "| [a](b.md) | [`A`][bitmart_book.A], [`c.D`][bitmart_book.c.D] |\n`A`"
    )


def test_pages_of_the_top_lead_into_the_site():
    assert led("[a](docs/guide.md) [b](SECURITY.md) [c](LICENSE)", ROOT, "contributing.md") == (
        f"[a](guide.md) [b](security.md) [c]({HOME}/blob/main/LICENSE)"
    )


def test_the_commands_are_described_by_themselves():
    page = "".join(described())
    for name, command in commands.commands.items():
        assert f"\n## {name}\n" in page
        options = [
            one for one in command.params if isinstance(one, click.Option) and not one.hidden
        ]
        assert all(f"`{one.opts[0]}" in page for one in options)


def test_the_tutorial_is_a_page_and_not_run_as_one():
    page = tutorial()
    assert page.startswith("#")
    assert "```py\n" in page
    assert "```python" not in page


def test_sources_are_put_together_anew(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "old.md").write_text("gone")
    assemble(folder)
    assert not (folder / "old.md").exists()
    assert (folder / "reference" / "commands.md").exists()
    assert (folder / "watch.svg").exists()
    assert not list(folder.rglob("*.ipynb"))


def test_what_is_wrong_with_a_site_is_seen(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "index.html").write_text(
        '<link rel="canonical" href="https://e.example/"><a href="https://e.example/">ok</a>'
        '<a href="b/#there">ok</a><a href="b/#not">x</a><a href="c/">x</a>'
        '<a href="#a" id="a">ok</a>'
        '<script src="https://e.example/x.js"></script><img src="b/no.svg">'
    )
    (tmp_path / "b" / "index.html").write_text(
        '<h1 id="there"></h1>Initialize self. <a href="..">ok</a>'
    )
    assert sorted(problems(tmp_path)) == [
        "b/index.html: 'Initialize self.' stands in the reference",
        "index.html: b/#not: there is no such place on that page",
        "index.html: b/no.svg: there is no such page",
        "index.html: c/: there is no such page",
        "index.html: https://e.example/x.js is fetched from elsewhere",
    ]
