"""Links of the pages that people read: each leads to a file, and a heading, of this repository.

Nothing is fetched. README is shown on a package index too, where only whole addresses resolve: it
has them below the project's one address. All other pages are read in the repository.
"""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HOME = PROJECT["urls"]["Homepage"]


def links(text):
    """Where the links and pictures of a page lead, those in code left out."""
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    inline = re.findall(r"\]\(\s*<?([^)\s>]+)", text)
    references = re.findall(r"^\[[^\]]+\]:\s*<?(\S+?)>?$", text, re.MULTILINE)
    return inline + references


def anchors(text):
    """The names that a repository's host gives to the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    names = []
    for heading in re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        names.append(f"{name}-{names.count(name)}" if name in names else name)
    return names


def problem(page, link):
    """What is wrong with a link of a page, or None."""
    address, _, anchor = link.partition("#")
    if address.startswith(HOME):
        path = re.fullmatch(r"/(?:blob|raw)/main/(.+)", address.removeprefix(HOME))
        if path is None:
            return "it leads to no file of the repository"
        target = ROOT / path[1]
    elif re.match(r"[a-z]+:", address):
        return None
    elif page.name == "README.md":
        return "a package index cannot resolve it"
    else:
        target = (page.parent / address).resolve() if address else page
    if not target.exists():
        return f"there is no {target}"
    if anchor and anchor not in anchors(target.read_text()):
        return f"{target.name} has no heading for #{anchor}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    found = {link: problem(page, link) for link in links(page.read_text())}
    assert not {link: wrong for link, wrong in found.items() if wrong}


def test_readme_leads_to_every_page_that_a_stranger_needs():
    text = (ROOT / "README.md").read_text()
    led = {link.rpartition("/")[2] for link in links(text)}
    assert led >= {"guide.md", "reconnect.md", "architecture.md", "performance.md", "faults.md"}


def test_references_are_used_and_used_ones_are_there():
    text = (ROOT / "README.md").read_text()
    defined = re.findall(r"^\[([^\]]+)\]: ", text, re.MULTILINE)
    used = re.findall(r"\]\[([^\]]+)\]", text)
    assert sorted(set(used)) == sorted(defined)


def test_the_address_of_the_project_is_said_once():
    """Its owner sets it in pyproject.toml and at the end of README."""
    assert all(url.startswith(HOME) for url in PROJECT["urls"].values())
    files = [
        *PAGES,
        *ROOT.glob("*.toml"),
        *ROOT.glob("*.py"),
        *(ROOT / "bitmart_book").rglob("*.py"),
    ]
    saying = {path.name for path in files if HOME in path.read_text()}
    assert saying == {"pyproject.toml", "README.md"}


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        (f"{HOME}/blob/main/docs/guide.md#keys", None),
        (f"{HOME}/blob/main/docs/guide.md#no-such-heading", "no heading"),
        (f"{HOME}/blob/main/docs/no-such-page.md", "there is no"),
        (f"{HOME}/tree/docs", "no file of the repository"),
        ("docs/guide.md", "package index"),
        ("https://www.bitmart.com", None),
    ],
)
def test_a_wrong_link_is_seen(link, wrong):
    found = problem(ROOT / "README.md", link)
    assert found is None if wrong is None else wrong in found
