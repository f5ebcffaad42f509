"""Every example of README and docs as a type checker sees it: `python -m tests.typing.shown`.

Each expression of each example is wrapped in `reveal_type`; mypy and pyright say what it is, and
an expression that is `Any` is an error: whoever copies the example would be checked no further.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
# What the types of others say and we cannot: any coroutine has two more, any array a shape.
OF_OTHERS = (
    "Coroutine[Any, Any, ",
    "CoroutineType[Any, Any, ",
    "ndarray[tuple[Any, ...], ",
    "FrameType | None) -> Any",
)
# Their types are known where pandas or polars are installed, and these may not be.
OF_THE_UNINSTALLED = ("to_pandas()", "to_polars()")
VAGUE = re.compile(r"\b(Any|Unknown)\b")


class Example(NamedTuple):
    """One block of Python in a page, and the lines in which it stands there."""

    page: str
    number: int
    code: str

    @property
    def file(self) -> str:
        name = re.sub(r"\W", "_", self.page.removesuffix(".md")).lower()
        return f"{name}_{self.number}.py"


class Found(NamedTuple):
    """What a checker says of one expression of an example."""

    file: str
    line: int
    column: int
    says: str


def examples(root: Path = ROOT) -> list[Example]:
    """All of README and docs, in their order."""
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    return [
        Example(str(page.relative_to(root)), number, code)
        for page in pages
        for number, code in enumerate(BLOCK.findall(page.read_text()), 1)
    ]


class Revealing(ast.NodeTransformer):
    """Wraps each expression that is a call, an attribute, an item, or awaited; shows what loops
    and `with` bind."""

    def wrap(self, node: ast.expr) -> ast.expr:
        self.generic_visit(node)
        return ast.Call(ast.Name("reveal_type", ast.Load()), [node], [])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        # A method is no value of its own: only what it is called on is looked at.
        if isinstance(node.func, ast.Attribute):
            node.func.value = self.visit(node.func.value)
        node.args = [self.visit(argument) for argument in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        return ast.Call(ast.Name("reveal_type", ast.Load()), [node], [])

    def visit_Await(self, node: ast.Await) -> ast.expr:
        node.value = self.visit(node.value)
        return ast.Call(ast.Name("reveal_type", ast.Load()), [node], [])

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if not isinstance(node.ctx, ast.Load):
            return node
        if isinstance(node.value, ast.Name) and node.value.id == "bb":
            return node  # a name of the module
        return self.wrap(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        return self.wrap(node) if isinstance(node.ctx, ast.Load) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        values = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        return ast.Tuple([self.visit(value) for value in values], ast.Load())

    def _show(self, node: ast.stmt, targets: list[ast.expr]) -> ast.stmt:
        names = [n for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
        self.generic_visit(node)
        shown = [ast.parse(f"reveal_type({name.id})").body[0] for name in names]
        node.body = [*shown, *node.body]  # type: ignore[attr-defined]
        return node

    def visit_For(self, node: ast.For) -> ast.stmt:
        return self._show(node, [node.target])

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.stmt:
        return self._show(node, [node.target])

    def visit_With(self, node: ast.With) -> ast.stmt:
        return self._show(node, [i.optional_vars for i in node.items if i.optional_vars])

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.stmt:
        return self._show(node, [i.optional_vars for i in node.items if i.optional_vars])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return self._typed(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        return self._typed(node)

    def _typed(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        """What an example does not annotate is not checked; without arguments nothing is lost."""
        node.body = [self.visit(statement) for statement in node.body]
        if node.returns is None and not node.args.args:
            node.returns = ast.Constant(None)
        return node


def revealing(code: str) -> str:
    """The code with every expression wrapped."""
    tree = Revealing().visit(ast.parse(code))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def ask_mypy(folder: Path) -> list[Found]:
    """What mypy says of each expression; an error of it is one too."""
    command = [sys.executable, "-m", "mypy", "--strict", "--show-column-numbers", "--no-pretty"]
    command += ["--allow-untyped-defs", "--no-strict-optional", "--no-error-summary", str(folder)]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    pattern = re.compile(r'^(.*?):(\d+):(\d+): (?:note: Revealed type is "(.*)"|(error: .*))$')
    return [
        Found(Path(match[1]).name, int(match[2]), int(match[3]), match[4] or match[5])
        for match in map(pattern.match, text.splitlines())
        if match
    ]


def ask_pyright(folder: Path) -> list[Found]:
    """The same of pyright, without those of its rules that are about style."""
    settings = {
        "include": [str(folder)],
        "extraPaths": [str(ROOT)],
        "typeCheckingMode": "standard",
        # An example leaves out what a side may be when it is empty.
        "reportOptionalMemberAccess": "none",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "-p", str(folder), "--outputjson"]
    command += ["--pythonpath", sys.executable]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = []
    for one in json.loads(run.stdout)["generalDiagnostics"]:
        match = re.match(r'Type of ".*" is "(.*)"$', one["message"], re.DOTALL)
        if match or one["severity"] == "error":
            start = one["range"]["start"]
            says = match[1] if match else f"error: {one['message']}"
            name = Path(one["file"]).name
            found.append(Found(name, start["line"] + 1, start["character"] + 1, says))
    return found


def is_vague(found: Found, code: str) -> bool:
    """Whether what was said leaves a user unchecked."""
    says = found.says
    for words in OF_OTHERS:
        says = says.replace(words, "")
    if any(call in code.splitlines()[found.line - 1] for call in OF_THE_UNINSTALLED):
        return says.startswith("error")
    return says.startswith("error") or bool(VAGUE.search(says))


def check(shown: list[Example]) -> tuple[int, list[str]]:
    """How many expressions were looked at, and what is wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        codes = {example.file: revealing(example.code) for example in shown}
        for file, code in codes.items():
            (folder / file).write_text(code)
        found = {"mypy": ask_mypy(folder), "pyright": ask_pyright(folder)}
    lines = {
        (file, number)
        for file, code in codes.items()
        for number, line in enumerate(code.splitlines(), 1)
        if "reveal_type(" in line
    }
    # Of equal answers to one line a checker may show one.
    wrong = [
        f"{file}:{line}: {checker} said nothing"
        for checker, answers in found.items()
        for file, line in sorted(lines - {(one.file, one.line) for one in answers})
    ]
    for checker, answers in found.items():
        for one in answers:
            code = codes[one.file]
            if is_vague(one, code):
                line = code.splitlines()[one.line - 1].strip()
                wrong.append(f"{one.file}: {checker}: {one.says}\n    {line}")
    return sum(code.count("reveal_type(") for code in codes.values()), wrong


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    looked_at, wrong = check(examples())
    for line in wrong:
        print(line)  # noqa: T201
    print(f"{looked_at} expressions of README and docs, {len(wrong)} of them Any")  # noqa: T201
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
