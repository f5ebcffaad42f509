"""What the reference shows of the package: examples of docstrings as code, public names in them as
links, and compiled classes with the parameters that their stub has."""

import re
from collections.abc import Iterator
from typing import Any

import griffe

EXAMPLES = re.compile(r"((?:^>>> .*\n?(?:.+\n?)*))", re.MULTILINE)
NAME = re.compile(r"(?<![\w`\[])`(?:bb\.)?([A-Za-z]\w+)`(?!`)")


class Docstrings(griffe.Extension):
    """Looks at each docstring once, when all of the package is known."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        construct_as_typed(pkg)
        public = {str(name) for name in pkg.exports or ()}
        for thing in members(pkg):
            if thing.docstring is not None:
                thing.docstring.value = rendered(thing.docstring.value, public)


def construct_as_typed(package: griffe.Module) -> None:
    """Compiled classes are constructed with what the stub says: Python itself knows but `*args`."""
    compiled = package["_book"]
    path = compiled.filepath.with_name("_book.pyi")
    stub = griffe.visit(compiled.path, filepath=path, code=path.read_text(), parent=package)
    for name, kind in stub.classes.items():
        if name in compiled.members and "__init__" in kind.members:
            compiled[name].set_member("__init__", kind["__init__"])


def members(thing: griffe.Object) -> Iterator[griffe.Object]:
    """A module or class, and all that is in it; what it only names is somewhere else."""
    yield thing
    for member in thing.members.values():
        if not isinstance(member, griffe.Alias):
            yield from members(member)


def rendered(text: str, public: set[str]) -> str:
    """The Markdown of a docstring."""

    def linked(match: re.Match[str]) -> str:
        return f"[`{match[1]}`][bitmart_book.{match[1]}]" if match[1] in public else match[0]

    return "".join(
        f"```pycon\n{part.rstrip()}\n```\n" if number % 2 else NAME.sub(linked, part)
        for number, part in enumerate(EXAMPLES.split(text))
    )
