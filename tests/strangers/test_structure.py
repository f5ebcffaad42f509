"""This world shares nothing with the client and the other world but the protocol."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bitmart_book as bb

HERE = Path(__file__).parent
SIM = Path(bb.__file__).parent / "sim"
RUN = 6
"""So many equal statements in a row are no chance any more."""


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


DOOR = ("bitmart_book.client.intake.", "bitmart_book.client.client.", "bitmart_book.client.outbox.")
"""Where a client is driven without sockets: what goes in, and the words of what comes out."""


def foreign(name: str) -> bool:
    """Whether a name is of the package's inside, or of another test."""
    if name == "bitmart_book" or name.startswith(DOOR):
        return False
    if name.startswith("bitmart_book."):
        return name.removeprefix("bitmart_book.").partition(".")[0] not in bb.__all__
    return name.startswith("tests.") and not name.startswith("tests.strangers")


def runs_of(path: Path) -> Iterator[tuple[str, ...]]:
    """Every sequence of `RUN` statements in one body of a file, without names of places."""
    for node in ast.walk(ast.parse(path.read_text())):
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if isinstance(body, list):
                shapes = [ast.dump(statement) for statement in body]
                for start in range(len(shapes) - RUN + 1):
                    yield tuple(shapes[start : start + RUN])


def test_only_public_names_are_imported() -> None:
    used = {
        (path.name, name)
        for path in HERE.glob("*.py")
        for name in imports(ast.parse(path.read_text()))
    }
    assert len(used) > 20
    assert not sorted(one for one in used if foreign(one[1]))


@pytest.mark.parametrize(
    ("name", "is_foreign"),
    [
        ("bitmart_book", False),
        ("bitmart_book.Feed", False),
        ("bitmart_book.client.intake.Intake", False),
        ("bitmart_book.client.session.Session", True),
        ("bitmart_book.sim.exchange", True),
        ("tests.simulation.world.World", True),
        ("tests.strangers.venue.Venue", False),
    ],
)
def test_what_is_foreign(name: str, is_foreign: bool) -> None:
    assert foreign(name) is is_foreign


def test_no_six_statements_stand_in_the_simulator_too() -> None:
    theirs = {run for path in SIM.rglob("*.py") for run in runs_of(path)}
    ours = {run for path in HERE.glob("*.py") for run in runs_of(path)}
    assert len(theirs) > 50
    assert len(ours) > 50
    assert not theirs & ours


def test_six_equal_statements_would_be_seen(tmp_path: Path) -> None:
    source = HERE / "venue.py"
    moved = tmp_path / "moved.py"
    moved.write_text("# further down\n\n" + source.read_text())
    assert set(runs_of(moved)) & set(runs_of(source))


def test_every_number_of_the_rules_cites_the_protocol() -> None:
    lines = (HERE / "rules.py").read_text().splitlines()
    start = next(number for number, text in enumerate(lines) if text.startswith("SPOT_PUBLIC"))
    for number, text in enumerate(lines[start:], start):
        digits = any(sign.isdigit() for sign in text.partition("#")[0])
        around = " ".join(lines[number : number + 2])
        assert not digits or "§" in around or text.startswith("EPOCH_MS"), text


def test_every_lie_says_what_an_honest_client_must_show() -> None:
    from tests.strangers.lies import LIES

    assert len(LIES) >= 60
    for name, lie in LIES.items():
        text = lie.__doc__ or ""
        assert "Must show" in text, name
