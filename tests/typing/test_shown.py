"""What `make types` does with the examples of README and docs, as far as no type checker is needed:
every example is found, every expression of it is asked about, and `Any` is never an answer."""

import ast

import pytest

from tests.typing.shown import ROOT, Example, Found, examples, is_vague, revealing


def test_every_example_is_found():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    written = sum(page.read_text().count("```python") for page in pages)
    found = examples()
    assert len(found) == written > 0
    assert len({example.file for example in found}) == written
    assert found[0].file == "readme_1.py"
    assert Example("docs/a-b.md", 2, "").file == "docs_a_b_2.py"


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.file)
def test_every_expression_of_an_example_is_asked_about(example):
    tree = ast.parse(revealing(example.code))
    asked = {
        id(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "reveal_type"
    }
    left = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Call, ast.Await)) and id(node) not in asked
        if getattr(getattr(node, "func", None), "id", "") != "reveal_type"
    ]
    awaited = {ast.unparse(n.value) for n in ast.walk(tree) if isinstance(n, ast.Await)}
    assert set(left) <= awaited


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("a.b", "reveal_type(a.b)"),
        ("bb.b", "bb.b"),
        ("a.b(c)", "reveal_type(a.b(c))"),
        ("a.b.c(d.e)", "reveal_type(reveal_type(a.b).c(reveal_type(d.e)))"),
        ("a[0][1:]", "reveal_type(reveal_type(a[0])[1:])"),
        ("a.b = c.d", "a.b = reveal_type(c.d)"),
        ("f'{a.b:.2f} x'", "(reveal_type(a.b),)"),
        ("for a in b: c", "for a in b:\n    reveal_type(a)\n    c"),
        ("with a() as b: c", "with reveal_type(a()) as b:\n    reveal_type(b)\n    c"),
        (
            "async def f():\n    async with a() as b: await b.c()",
            "async def f() -> None:\n    async with reveal_type(a()) as b:\n"
            "        reveal_type(b)\n        reveal_type(await reveal_type(b.c()))",
        ),
        (
            "async def f():\n    async for a in b: pass",
            "async def f() -> None:\n    async for a in b:\n        reveal_type(a)\n        pass",
        ),
    ],
)
def test_how_an_expression_is_asked_about(code, shown):
    assert revealing(code).strip() == shown


@pytest.mark.parametrize(
    ("says", "vague"),
    [
        ("Any", True),
        ("builtins.list[Any]", True),
        ("dict[str, Unknown]", True),
        ("error: Unexpected keyword argument", True),
        ("builtins.float", False),
        ("Coroutine[Any, Any, builtins.int]", False),
        ("Coroutine[Any, Any, Any]", True),
        ("numpy.ndarray[tuple[Any, ...], numpy.dtype[numpy.float64]]", False),
        ("bitmart_book.Anything", False),
    ],
)
def test_what_counts_as_unchecked(says, vague):
    assert is_vague(Found("readme_1.py", 1, 1, says), "x = reveal_type(y)") is vague


def test_what_comes_from_a_package_that_may_be_missing():
    code = "reveal_type(depth.to_pandas())"
    assert not is_vague(Found("readme_1.py", 1, 1, "Any"), code)
    assert is_vague(Found("readme_1.py", 1, 1, "error: no attribute"), code)
