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
    "": {"_book", "client.account", "credentials", "display", "errors", "feed.asynchronous",
         "feed.live", "log.journal", "model", "sim", "sync", "venues"},
    "__main__": {"cli"},
    "bench": set(),
    "bench.callgrind": {"", "bench.contenders", "bench.frames", "numpy"},
    "bench.contenders": {"", "bench.race", "msgspec", "sortedcontainers"},
    "bench.figure": set(),
    "bench.footprint": {""},
    "bench.frames": {"random"},
    "bench.peers": {"asyncio", "bench.contenders", "bench.race", "binance", "ccxt", "msgspec",
                    "nautilus_trader", "order_book", "orjson"},
    "bench.race": {"", "time"},
    "bench.reads": {"", "bench.contenders", "bench.frames", "bench.peers", "bench.race", "numpy",
                    "time"},
    "bench.real": {"bench.frames", "sortedcontainers"},
    "bench.report": {"", "bench", "bench.callgrind", "bench.stages", "bench.targets"},
    "bench.sender": {"socket", "time", "websockets"},
    "bench.stages": {"bench", "bench.contenders", "bench.frames", "bench.race", "msgspec", "numpy",
                     "random"},
    "bench.targets": {"bench", "bench.reads", "bench.stages"},
    "bench.wire": {"asyncio", "bench.contenders", "bench.race", "bench.sender", "time",
                   "websockets"},
    "check": set(),
    "check.reference": {"errors", "model", "sortedcontainers"},
    "check.shadow": {"_book", "check.reference", "errors", "model"},
    "cli": {"", "cli.bench", "cli.doctor", "cli.record", "cli.replay", "cli.sim", "cli.top",
            "cli.watch", "click"},
    "cli._live": {"", "click", "threading", "time"},
    "cli._rows": {"", "display"},
    "cli._screen": {"", "cli._rows", "display", "rich"},
    "cli.bench": {"", "bench", "bench.figure", "bench.stages", "click"},
    "cli.doctor": {"", "cli._live", "click", "time"},
    "cli.record": {"", "cli._live", "click", "rich"},
    "cli.replay": {"", "cli._rows", "click", "display", "rich"},
    "cli.sim": {"click", "sim"},
    "cli.top": {"", "cli._live", "cli._rows", "click", "display"},
    "cli.watch": {"", "cli._live", "cli._rows", "cli._screen", "click", "display", "rich", "time"},
    "client": set(),
    "client.account": {"_book", "errors", "model", "msgspec"},
    "client.answers": {"_book", "client.connections", "client.outbox", "client.recovery",
                       "client.session", "client.subscriptions", "model"},
    "client.client": {"_book", "client.account", "client.answers", "client.connections",
                      "client.limits", "client.logins", "client.outbox", "client.pushes",
                      "client.recovery", "client.session", "client.subscriptions", "client.times",
                      "credentials", "errors", "model", "random", "venues.profile"},
    "client.connections": {"_book", "client.limits", "client.outbox", "client.subscriptions",
                           "client.times", "model", "random", "venues.profile"},
    "client.inflate": {"errors"},
    "client.intake": {"_book", "client.client", "client.inflate", "client.times", "errors",
                      "model"},
    "client.limits": {"client.times", "random", "venues.profile"},
    "client.logins": {"_book", "client.answers", "client.connections", "client.outbox",
                      "client.session", "client.subscriptions", "client.times", "credentials",
                      "errors", "model", "venues.profile"},
    "client.outbox": {"model"},
    "client.pushes": {"client.account", "client.answers", "client.logins", "client.outbox",
                      "client.subscriptions", "credentials", "model", "msgspec", "venues.profile"},
    "client.recovery": {"_book", "client.connections", "client.outbox", "client.subscriptions",
                        "client.times", "model", "random"},
    "client.session": {"client.limits", "client.times", "errors", "venues.profile"},
    "client.subscriptions": {"_book", "client.limits", "client.session", "model", "venues.profile"},
    "client.times": set(),
    "credentials": {"errors"},
    "display": {"_book", "model"},
    "errors": set(),
    "feed": set(),
    "feed.asynchronous": {"_book", "asyncio", "check.shadow", "client.account", "client.client",
                          "client.limits", "client.outbox", "client.session", "credentials",
                          "errors", "feed.live", "fork", "listeners.audience", "listeners.streams",
                          "log.journal", "model", "random", "sim", "time", "venues",
                          "venues.profile", "wire.capture", "wire.driver", "wire.playback"},
    "feed.blocking": {"_book", "asyncio", "client.account", "client.client", "client.times",
                      "errors", "feed.asynchronous", "fork", "listeners.hub", "listeners.streams",
                      "model", "threading"},
    "feed.live": {"_book", "asyncio", "fork", "listeners.hub", "listeners.streams", "model"},
    "fork": {"errors"},
    "listeners": set(),
    "listeners.audience": {"_book", "client.outbox", "errors", "listeners.hub", "listeners.streams",
                           "log.journal", "model"},
    "listeners.hub": {"_book", "errors", "fork", "listeners.streams", "model", "threading"},
    "listeners.streams": {"errors", "fork", "threading"},
    "log": set(),
    "log.journal": {"credentials", "errors", "log.throttle", "model"},
    "log.throttle": set(),
    "model": {"msgspec"},
    "native": set(),
    "sim": {"sim.exchange", "sim.faults.faults", "sim.faults.kinds", "sim.faults.network",
            "sim.market.market", "sim.server"},
    "sim.account": set(),
    "sim.account.accounts": {"errors", "sim.market.contracts", "sim.market.market",
                             "sim.market.matching"},
    "sim.account.private": {"random", "sim.account", "sim.account.accounts", "sim.account.trading",
                            "sim.market.market", "sim.venue", "sim.venue.framing",
                            "sim.venue.futures", "sim.venue.futures_desk", "sim.venue.knobs",
                            "sim.venue.lines"},
    "sim.account.private_wire": {"sim.venue.wire"},
    "sim.account.trading": {"errors", "sim.account.accounts", "sim.market.matching",
                            "sim.venue.lines", "sim.venue.publisher"},
    "sim.control": {"errors", "sim.exchange"},
    "sim.exchange": {"errors", "model", "random", "sim.account.accounts", "sim.account.private",
                     "sim.account.trading", "sim.market.contracts", "sim.market.market",
                     "sim.venue.futures", "sim.venue.knobs", "sim.venue.legacy", "sim.venue.lines",
                     "sim.venue.publisher", "sim.venue.spot"},
    "sim.faults": set(),
    "sim.faults.connections": {"sim.exchange", "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.damage": {"random"},
    "sim.faults.damaged": {"sim.faults", "sim.faults.frames", "sim.faults.grammar",
                           "sim.faults.network"},
    "sim.faults.faults": {"random", "sim.exchange", "sim.faults.kinds", "sim.faults.network"},
    "sim.faults.frames": {"random", "sim.venue.wire"},
    "sim.faults.grammar": {"errors"},
    "sim.faults.kinds": {"sim.faults", "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.markets": {"sim.faults.grammar", "sim.faults.network"},
    "sim.faults.network": {"random", "sim.exchange", "sim.faults.frames", "sim.faults.grammar"},
    "sim.faults.order": {"sim.exchange", "sim.faults.frames", "sim.faults.grammar",
                         "sim.faults.network"},
    "sim.faults.requests": {"sim.exchange", "sim.faults.frames", "sim.faults.grammar",
                            "sim.faults.network"},
    "sim.faults.snapshots": {"sim.exchange", "sim.faults.frames", "sim.faults.grammar",
                             "sim.faults.network", "sim.faults.order"},
    "sim.faults.symbols": {"sim.exchange", "sim.faults.frames", "sim.faults.grammar",
                           "sim.faults.network"},
    "sim.market": set(),
    "sim.market.contracts": {"sim.market.market"},
    "sim.market.market": {"errors", "random", "wire.capture"},
    "sim.market.matching": {"sim.market.market"},
    "sim.server": {"asyncio", "errors", "random", "sim.account.trading", "sim.control",
                   "sim.exchange", "sim.faults.faults", "sim.faults.network", "sim.market.market",
                   "time", "websockets"},
    "sim.venue": set(),
    "sim.venue.feeds": {"sim.venue.lines"},
    "sim.venue.framing": {"sim.venue", "sim.venue.knobs", "sim.venue.lines"},
    "sim.venue.futures": {"errors", "random", "sim.market.contracts", "sim.venue",
                          "sim.venue.futures_desk", "sim.venue.knobs", "sim.venue.lines",
                          "sim.venue.publisher", "sim.venue.windows"},
    "sim.venue.futures_desk": {"random", "sim.market.contracts", "sim.market.market", "sim.venue",
                               "sim.venue.knobs", "sim.venue.publisher", "sim.venue.wire"},
    "sim.venue.futures_wire": set(),
    "sim.venue.knobs": {"sim.venue.lines", "sim.venue.wire"},
    "sim.venue.legacy": {"errors", "sim.market.market", "sim.venue", "sim.venue.feeds",
                         "sim.venue.knobs", "sim.venue.lines", "sim.venue.publisher"},
    "sim.venue.lines": {"random"},
    "sim.venue.publisher": {"random", "sim.market.market", "sim.market.matching", "sim.venue.wire"},
    "sim.venue.spot": {"errors", "sim.market.market", "sim.venue", "sim.venue.feeds",
                       "sim.venue.framing", "sim.venue.knobs", "sim.venue.lines",
                       "sim.venue.publisher"},
    "sim.venue.windows": set(),
    "sim.venue.wire": set(),
    "sync": {"feed.blocking"},
    "venues": {"venues.futures", "venues.futures_private", "venues.instruments", "venues.legacy",
               "venues.profile", "venues.spot", "venues.spot_private"},
    "venues.futures": {"model", "venues.profile", "venues.values"},
    "venues.futures_private": {"credentials", "model", "venues.futures", "venues.profile",
                               "venues.values"},
    "venues.instruments": {"errors", "model", "msgspec", "venues.values"},
    "venues.legacy": {"model", "venues.profile", "venues.values"},
    "venues.profile": {"credentials", "errors", "msgspec", "venues.values"},
    "venues.spot": {"model", "venues.profile", "venues.values"},
    "venues.spot_private": {"credentials", "model", "venues.profile", "venues.spot",
                            "venues.values"},
    "venues.values": {"model"},
    "wire": set(),
    "wire.capture": {"compression", "errors", "msgspec", "zstandard"},
    "wire.driver": {"_book", "asyncio", "client.client", "client.intake", "client.outbox",
                    "client.times", "fork", "log.journal", "model", "time", "websockets",
                    "wire.capture", "wire.link"},
    "wire.link": {"asyncio", "client.times", "credentials", "websockets"},
    "wire.playback": {"_book", "asyncio", "errors", "time", "wire.capture"},
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
    text = "".join(path.read_text() for path in PACKAGE.rglob("*.p*") if path.suffix in COMPILED)
    found = set(re.findall(r"^\s*(?:import|from) (\S+)(?= import|$)", text, re.MULTILINE))
    assert found == {
        "os", "re", "sys", "decimal", "fractions", "msgspec", "numpy", "pandas", "polars",
        "bitmart_book.errors", "bitmart_book.model",
    }  # fmt: skip
    ours = set(re.findall(r"^from (bitmart_book\S*) cimport", text, re.MULTILINE))
    names = ("clock", "digits", "double", "json", "ladder", "number", "scan", "window")
    assert ours == {f"bitmart_book.native.{name}" for name in names}


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


def exported(node):
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    return getattr(target, "id", "")


def test_exports():
    assert sorted(bb.__all__) == bb.__all__
    for name in bb.__all__:
        assert hasattr(bb, name)
    for name, path in modules():
        if name and not name.startswith(("cli", "__main__")):
            tree = ast.parse(path.read_text())
            assert any(
                isinstance(node, ast.Assign | ast.AnnAssign) and exported(node) == "__all__"
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


def test_modules_that_moved_are_where_the_changelog_says():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    moved = re.findall(r"^\| `(\S+)` \| `(\S+)` \|$", changelog, re.MULTILINE)
    assert len(moved) > 50
    there = {name for name, _ in modules()}
    there |= {f"native/{path.name}" for path in (PACKAGE / "native").iterdir()}
    assert {new for _, new in moved} <= there


def test_every_room_is_on_the_page_about_them():
    page = (ROOT / "docs" / "architecture.md").read_text()
    told = dict(re.findall(r"^\| `([a-z/]+)/` \| (.*) \|$", page, re.MULTILINE))
    rooms = {path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*/*.py")}
    assert set(told) == rooms


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
