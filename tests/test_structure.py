"""The rules of the house: who imports whom, who prints, what importing costs, what is exported."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bitmart_book as bb

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bitmart_book"
STANDARD = set(sys.stdlib_module_names)
# Only the shells that have an event loop, a clock or a socket may name one.
COMPILED = {".pyx", ".pxd", ".pxi"}
GUARDED = {"asyncio", "socket", "time", "random", "threading", "websockets"}

# Of ours and of others, beside the unguarded standard library.
MAY_IMPORT = {
    "errors": set(),
    "model": {"msgspec"},
    "reference": {"sortedcontainers", "errors", "model"},
    "shadow": {"_book", "reference", "errors", "model"},
    "credentials": {"errors"},
    "account": {"_book", "errors", "model", "msgspec"},
    "venues.profile": {"msgspec", "errors", "credentials", "venues.values"},
    "venues.values": {"model"},
    "venues.spot": {"model", "venues.profile", "venues.values"},
    "venues.spot_private": {"model", "credentials", "venues.profile", "venues.spot",
                            "venues.values"},
    "venues.futures": {"model", "venues.profile", "venues.values"},
    "venues.futures_private": {"model", "credentials", "venues.futures", "venues.profile",
                               "venues.values"},
    "venues.instruments": {"msgspec", "errors", "model", "venues.values"},
    "venues.legacy": {"model", "venues.profile", "venues.values"},
    "venues": {"venues.futures", "venues.futures_private", "venues.instruments", "venues.legacy",
               "venues.profile", "venues.spot", "venues.spot_private"},
    # The class `random.Random`: its instance, and so the seed, is an argument.
    "limits": {"venues.profile", "random"},
    "session": {"limits", "venues.profile", "errors"},
    "places": {"session", "limits", "venues.profile", "_book", "model"},
    "recovery": {"places", "_book", "model", "random"},
    "client": {"account", "credentials", "session", "limits", "places", "recovery",
               "venues.profile", "_book", "model",
               "errors", "msgspec", "random"},
    "fork": {"errors"},
    "throttle": set(),
    "journal": {"credentials", "errors", "throttle", "model"},
    "streams": {"fork", "errors", "threading"},
    "capture": {"msgspec", "errors", "zstandard", "compression"},
    "hub": {"fork", "streams", "_book", "model", "errors", "threading"},
    "live": {"fork", "hub", "streams", "_book", "model", "asyncio"},
    "audience": {"client", "hub", "journal", "streams", "_book", "errors", "model"},
    "playback": {"_book", "capture", "errors", "asyncio", "time"},
    "link": {"credentials", "asyncio", "websockets"},
    "shell": {"client", "session", "link", "journal", "fork", "capture", "_book", "model",
              "errors", "asyncio", "time", "websockets"},
    "feed": {"account", "credentials", "client", "shell", "session", "limits", "audience", "live",
             "streams", "fork", "journal", "playback", "capture", "shadow", "venues",
             "venues.profile", "_book", "model", "errors", "sim", "asyncio", "random", "time"},
    "sync": {"account", "feed", "fork", "hub", "client", "streams", "_book", "model", "errors",
             "asyncio",
             "threading"},
    "display": {"_book", "model"},
    "sim.market": {"errors", "capture", "random"},
    "sim.wire": set(),
    "sim.matching": {"sim.market"},
    "sim.publisher": {"sim.market", "sim.matching", "sim.wire", "random"},
    "sim.lines": {"random"},
    "sim.knobs": {"sim.lines", "sim.wire"},
    "sim.feeds": {"sim.lines"},
    "sim.framing": {"sim", "sim.knobs", "sim.lines"},
    "sim.spot": {"sim", "sim.feeds", "sim.framing", "sim.knobs", "sim.lines", "sim.market",
                 "sim.publisher", "errors"},
    "sim.legacy": {"sim", "sim.feeds", "sim.knobs", "sim.lines", "sim.market", "sim.publisher",
                   "errors"},
    "sim.contracts": {"sim.market"},
    "sim.windows": set(),
    "sim.futures_wire": set(),
    "sim.futures_desk": {"sim", "sim.contracts", "sim.knobs", "sim.market", "sim.publisher",
                         "sim.wire", "random"},
    "sim.futures": {"sim", "sim.contracts", "sim.futures_desk", "sim.knobs", "sim.lines",
                    "sim.publisher", "sim.windows", "errors", "random"},
    "sim.accounts": {"sim.contracts", "sim.market", "sim.matching", "errors"},
    "sim.trading": {"sim.accounts", "sim.lines", "sim.matching", "sim.publisher", "errors"},
    "sim.private_wire": {"sim.wire"},
    "sim.private": {"sim", "sim.accounts", "sim.framing", "sim.futures", "sim.futures_desk",
                    "sim.knobs", "sim.lines", "sim.market", "sim.trading", "random"},
    "sim.exchange": {"sim.accounts", "sim.contracts", "sim.futures", "sim.knobs", "sim.legacy",
                     "sim.lines", "sim.market", "sim.private", "sim.publisher", "sim.spot",
                     "sim.trading", "errors", "model", "random"},
    "sim.frames": {"sim.wire", "random"},
    "sim.damage": {"random"},
    "sim.kinds": {"sim", "errors"},
    "sim.network": {"sim.exchange", "sim.frames", "sim.kinds", "random"},
    "sim.faults": {"sim", "sim.exchange", "sim.frames", "sim.kinds", "sim.network"},
    "sim.control": {"sim.exchange", "errors"},
    "sim.server": {"sim.control", "sim.exchange", "sim.faults", "sim.market", "sim.network",
                   "sim.trading", "errors", "asyncio", "random", "time", "websockets"},
    "sim": {"sim.exchange", "sim.faults", "sim.kinds", "sim.market", "sim.server"},
    "": {"_book", "account", "credentials", "display", "errors", "feed", "journal", "model", "sim",
         "sync", "venues"},
    "__main__": {"cli"},
    # Measures with a clock of its own, what a user could; and knows other libraries' books.
    "bench": set(),
    "bench.race": {"", "time"},
    "bench.frames": {"random"},
    "bench.real": {"sortedcontainers", "bench.frames"},
    "bench.contenders": {"", "msgspec", "sortedcontainers", "bench.race"},
    "bench.peers": {"msgspec", "asyncio", "binance", "ccxt", "nautilus_trader", "order_book",
                    "orjson", "bench.contenders", "bench.race"},
    "bench.reads": {"", "numpy", "time", "bench.contenders", "bench.frames", "bench.peers",
                    "bench.race"},
    "bench.sender": {"socket", "time", "websockets"},
    "bench.wire": {"asyncio", "time", "websockets", "bench.contenders", "bench.race",
                   "bench.sender"},
    "bench.footprint": {""},
    "bench.stages": {"msgspec", "numpy", "random", "bench", "bench.contenders", "bench.frames",
                     "bench.race"},
    "bench.callgrind": {"", "numpy", "bench.contenders", "bench.frames"},
    "bench.targets": {"bench", "bench.reads", "bench.stages"},
    "bench.report": {"", "bench", "bench.callgrind", "bench.stages", "bench.targets"},
    "bench.figure": set(),
    "cli": {"", "click", "cli.bench", "cli.doctor", "cli.record", "cli.replay", "cli.sim",
            "cli.top", "cli.watch"},
    "cli._live": {"", "click", "threading", "time"},
    "cli._rows": {"", "display"},
    "cli._screen": {"", "rich", "display", "cli._rows"},
    "cli.bench": {"", "click", "bench", "bench.figure", "bench.stages"},
    "cli.doctor": {"", "click", "time", "cli._live"},
    "cli.record": {"", "click", "rich", "cli._live"},
    "cli.replay": {"", "click", "rich", "display", "cli._rows"},
    "cli.sim": {"click", "sim"},
    "cli.top": {"", "click", "display", "cli._live", "cli._rows"},
    "cli.watch": {"", "click", "rich", "time", "display", "cli._live", "cli._rows",
                  "cli._screen"},
}  # fmt: skip


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


def imports(path, name):
    """What a file imports: top-level names, ours without the package's name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "bitmart_book":
            found = [f"bitmart_book.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            found = [node.module]
        else:
            continue
        for module in found:
            if module == "bitmart_book":
                yield ""
            elif module.startswith("bitmart_book."):
                yield module.removeprefix("bitmart_book.")
            else:
                yield module.partition(".")[0]


@pytest.mark.parametrize(
    ("name", "path"), [pytest.param(n, p, id=n or "package") for n, p in modules()]
)
def test_who_imports_whom(name, path):
    assert name in MAY_IMPORT, f"{name} is new: say here what it may import"
    free = STANDARD - GUARDED
    wrong = {module for module in imports(path, name) if module not in free | MAY_IMPORT[name]}
    assert not wrong
    unused = MAY_IMPORT[name] - set(imports(path, name))
    assert not unused, "a permission that nobody uses is a wall that nobody checks"


def test_the_table_has_no_rows_for_files_that_are_gone():
    assert set(MAY_IMPORT) == {name for name, _ in modules()}


def test_the_compiled_module_imports_only_errors_and_model():
    text = "".join(path.read_text() for path in PACKAGE.glob("_*.p*") if path.suffix in COMPILED)
    found = set(re.findall(r"^\s*(?:import|from) (\S+)(?= import|$)", text, re.MULTILINE))
    assert found == {
        "os", "re", "sys", "decimal", "fractions", "msgspec", "numpy", "pandas", "polars",
        "bitmart_book.errors", "bitmart_book.model",
    }  # fmt: skip
    ours = set(re.findall(r"^from (bitmart_book\S*) cimport", text, re.MULTILINE))
    names = ("clock", "digits", "double", "json", "ladder", "number", "scan", "window")
    assert ours == {f"bitmart_book._{name}" for name in names}


@pytest.mark.parametrize(
    ("name", "path"), [pytest.param(n, p, id=n or "package") for n, p in modules()]
)
def test_only_the_command_line_prints(name, path):
    prints = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print"
    ]
    assert name.startswith("cli") or not prints


def test_exports():
    assert sorted(bb.__all__) == bb.__all__
    for name in bb.__all__:
        assert hasattr(bb, name)
    for name, path in modules():
        if name and not name.startswith(("cli", "__main__")):
            tree = ast.parse(path.read_text())
            assert any(
                isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
                for node in tree.body
            ), f"{name} does not say what it exports"


def test_every_error_is_in_the_tree():
    from bitmart_book import errors

    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, bb.BitmartBookError)
        assert getattr(bb, name) is kind
        assert re.search(rf"\b{name}\b", errors.__doc__)


def test_importing_costs_little():
    """No terminal library, no numpy and no test oracle before somebody needs them."""
    heavy = ["rich", "click", "numpy", "sortedcontainers", "websockets", "asyncio", "zstandard"]
    heavy += ["hmac", "logging"]
    code = (
        f"import sys; heavy = set({heavy!r}); before = heavy & set(sys.modules)\n"
        "import bitmart_book\n"
        "print(sorted(heavy & set(sys.modules) - before))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert result.stdout.strip() == "[]", result.stderr


def test_the_version_is_one_version():
    pyproject = (ROOT / "pyproject.toml").read_text()
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r'^version = "(.*)"', pyproject, re.MULTILINE)[1] == bb.__version__
    assert re.search(r"^## (\S+)", changelog, re.MULTILINE)[1] == bb.__version__


def test_errors_survive_pickling():
    import pickle

    for error in (
        bb.MessageError("x", symbol="A", side="bid", row=3),
        bb.BookNotLive("A", bb.BookState.GAP, "why", 5, 2),
        bb.SubscriptionRejected(("a",), "90004", "no"),
        bb.StreamGap(3, "overflow"),
        bb.CaptureError("f", 2, "bad"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)
