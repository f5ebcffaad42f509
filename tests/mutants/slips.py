"""Small mistakes in Python code, made by a machine: what a tired developer may do to a line.

Nobody chose them with the tests in mind, so that the share that the tests notice is a measure of
the tests, and not of the list of seeded bugs. Knows text only: nothing here runs anything.
"""

import ast
import copy
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

__all__ = ["Slip", "draw", "slips"]


class Slip(NamedTuple):
    """One mistake: the bytes from `start` to `end` of a file become `after`."""

    kind: str
    line: int
    start: int
    end: int
    before: str
    after: str

    def made_in(self, text: str) -> str:
        """The text with the mistake in it."""
        content = text.encode()
        return (content[: self.start] + self.after.encode() + content[self.end :]).decode()


BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
OPPOSITE = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult}
EXTREME = {"min": "max", "max": "min", "any": "all", "all": "any"}

Change = tuple[str, ast.expr]


def of_comparison(node: ast.Compare) -> Iterator[Change]:
    for kind, others in (("boundary", BOUNDARY), ("opposite", OPPOSITE)):
        for i, operator in enumerate(node.ops):
            if type(operator) in others:
                changed = copy.deepcopy(node)
                changed.ops[i] = others[type(operator)]()
                yield kind, changed


def of_condition(node: ast.BoolOp) -> Iterator[Change]:
    """And for or; and one of two conditions forgotten."""
    changed = copy.deepcopy(node)
    changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "and-or", changed
    for i in range(len(node.values)):
        values = [value for j, value in enumerate(node.values) if j != i]
        yield "forgotten", values[0] if len(values) == 1 else ast.BoolOp(node.op, values)


def of_choice(node: ast.IfExp) -> Iterator[Change]:
    yield "turned", ast.IfExp(node.test, node.orelse, node.body)


def of_negation(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, ast.Not):
        yield "turned", node.operand


def of_constant(node: ast.Constant) -> Iterator[Change]:
    if isinstance(node.value, bool):
        yield "constant", ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        yield "constant", ast.Constant(node.value + 1)


def of_sum(node: ast.BinOp) -> Iterator[Change]:
    if type(node.op) in ARITHMETIC and not isinstance(node.left, ast.Constant):
        yield "arithmetic", ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)


def of_call(node: ast.Call) -> Iterator[Change]:
    if isinstance(node.func, ast.Name) and node.func.id in EXTREME:
        changed = copy.deepcopy(node)
        changed.func = ast.Name(EXTREME[node.func.id], ast.Load())
        yield "extreme", changed


OF_EXPRESSION: dict[type[ast.expr], Callable[..., Iterator[Change]]] = {
    ast.Compare: of_comparison,
    ast.BoolOp: of_condition,
    ast.IfExp: of_choice,
    ast.UnaryOp: of_negation,
    ast.Constant: of_constant,
    ast.BinOp: of_sum,
    ast.Call: of_call,
}


def is_forgettable(node: ast.stmt) -> bool:
    """Whether a statement can be left out, and the rest still runs: a call, a reset, a way out."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call | ast.Await)
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets)
    if isinstance(node, ast.AnnAssign):
        return False
    if isinstance(node, ast.Return):
        return node.value is None
    return isinstance(node, ast.AugAssign | ast.Delete | ast.Continue | ast.Break)


def deciding(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a piece of code that decide something: no annotation, no sentence, no name."""
    if isinstance(node, ast.JoinedStr | ast.Raise | ast.Import | ast.ImportFrom | ast.Assert):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.FunctionDef) and node.name in ("__repr__", "__str__"):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from deciding(child)


def slips(text: str) -> list[Slip]:
    """Every mistake that can be made in a file, in the order of the text."""
    content = text.encode()
    starts = [0]
    for line in content.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []

    def note(kind: str, node: ast.expr | ast.stmt, after: str) -> None:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = content[start:end].decode()
        found.append(Slip(kind, node.lineno, start, end, before, after))

    for node in deciding(ast.parse(text)):
        if isinstance(node, ast.If | ast.While) and not isinstance(node.test, ast.Constant):
            note("turned", node.test, f"(not ({ast.unparse(node.test)}))")
        if isinstance(node, ast.stmt) and is_forgettable(node):
            note("left-out", node, "pass")
        if isinstance(node, ast.expr) and type(node) in OF_EXPRESSION:
            for kind, changed in OF_EXPRESSION[type(node)](node):
                note(kind, node, f"({ast.unparse(ast.fix_missing_locations(changed))})")
    return sorted(found, key=lambda slip: (slip.start, slip.end, slip.after))


def draw(texts: dict[str, str], count: int, seed: int) -> list[tuple[str, Slip]]:
    """So many mistakes of these files, each file and then each kind as likely as the others.

    The same seed and texts draw the same; none is drawn twice.
    """
    chance = random.Random(seed)
    kinds: dict[str, dict[str, list[Slip]]] = {}
    for file in sorted(texts):
        for slip in slips(texts[file]):
            kinds.setdefault(file, {}).setdefault(slip.kind, []).append(slip)
    drawn: list[tuple[str, Slip]] = []
    while len(drawn) < count and kinds:
        for file in chance.sample(sorted(kinds), len(kinds)):
            kind = chance.choice(sorted(kinds[file]))
            rest = kinds[file][kind]
            drawn.append((file, rest.pop(chance.randrange(len(rest)))))
            if not rest:
                del kinds[file][kind]
            if not kinds[file]:
                del kinds[file]
            if len(drawn) == count:
                break
    return drawn
