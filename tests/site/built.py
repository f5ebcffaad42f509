"""What is wrong with a site that was built: links that lead nowhere, what is fetched elsewhere.

It reads the HTML, so that it sees what was made of Markdown and of docstrings alike.
"""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches without being asked.
FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src")}
NAMES_AN_ADDRESS = {"canonical", "prev", "next", "alternate"}
# What Python says of a class that nobody described.
SAYS_NOTHING = ("Initialize self.", "*args, **kwargs)</")


class Page(HTMLParser):
    """The links of a page, what it fetches, and the places in it that can be led to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        for name in ("href", "src"):
            if name in values and values.get("rel") not in NAMES_AN_ADDRESS:
                self.links.add(values[name])
                if (tag, name) in FETCHED:
                    self.fetched.add(values[name])


def problems(folder: Path) -> Iterator[str]:
    """One sentence for each thing that is wrong."""
    texts = {path: path.read_text() for path in sorted(folder.rglob("*.html"))}
    pages = {path: Page(text) for path, text in texts.items()}
    for path, page in pages.items():
        name = path.relative_to(folder)
        for link in sorted(page.links):
            wrong = problem(folder, path, link, pages)
            if wrong:
                yield f"{name}: {link}: {wrong}"
        for address in sorted(page.fetched):
            if urlsplit(address).netloc:
                yield f"{name}: {address} is fetched from elsewhere"
        for words in SAYS_NOTHING:
            if words in texts[path]:
                yield f"{name}: {words!r} stands in the reference"


def problem(folder: Path, path: Path, link: str, pages: dict[Path, Page]) -> str | None:
    """What is wrong with a link of a page, or None."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    start = folder if parts.path.startswith("/") else path.parent
    target = (start / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return "there is no such page"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
        return "there is no such place on that page"
    return None
