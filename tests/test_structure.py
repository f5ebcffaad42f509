"""The rules of the house: who imports whom, who prints, what importing costs, what is exported."""

import ast
import functools
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
    "": {"_book", "client.account", "client.bounds", "credentials", "display",
         "display.metrics", "display.plots", "display.tables", "entry", "errors",
         "feed.asynchronous", "log.journal", "model", "share.attaching", "sim", "sync", "venues"},
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
    "cli": {"", "cli.bench", "cli.doctor", "cli.export", "cli.publish", "cli.record", "cli.replay",
            "cli.sim", "cli.top", "cli.watch", "click"},
    "cli._attached": {""},
    "cli._keys": {"", "cli._live", "cli._rows", "cli.terminal.app",
                  "cli.terminal.picture", "cli.terminal.tape", "rich"},
    "cli._live": {"", "cli._attached", "click", "system.signals", "threading", "time"},
    "cli._metrics": {"", "cli._attached", "click", "display.libraries"},
    "cli._out": {""},
    "cli._page": {"", "cli._live", "time"},
    "cli._progress": {"rich"},
    "cli._rows": {"", "display"},
    "cli.bench": {"", "bench", "bench.figure", "bench.stages", "click"},
    "cli.doctor": {"", "_book", "cli._attached", "cli._live", "cli._page", "click", "time"},
    "cli.export": {"", "cli._live", "cli._out", "cli._progress", "click", "display.files",
                   "display.history"},
    "cli.publish": {"", "cli._attached", "cli._live", "cli._metrics", "cli._rows", "click"},
    "cli.record": {"", "cli._attached", "cli._live", "cli._metrics", "cli._out", "click", "rich"},
    "cli.replay": {"", "cli._live", "cli._progress", "cli._rows", "click", "display", "rich"},
    "cli.sim": {"click", "sim"},
    "cli.terminal": set(),
    "cli.terminal.app": {"cli.terminal.lines", "cli.terminal.picture", "display.libraries", "time"},
    "cli.terminal.choice": {"cli.terminal.rows"},
    "cli.terminal.focus": {"", "cli.terminal.lines", "cli.terminal.rows", "cli.terminal.spark",
                           "display", "rich"},
    "cli.terminal.lines": {"", "display", "rich"},
    "cli.terminal.picture": {"", "cli.terminal.choice", "cli.terminal.focus",
                             "cli.terminal.lines", "cli.terminal.rows", "cli.terminal.table",
                             "display", "rich"},
    "cli.terminal.rows": {""},
    "cli.terminal.screen": {"", "cli.terminal.lines", "display", "rich"},
    "cli.terminal.spark": set(),
    "cli.terminal.table": {"cli.terminal.lines", "cli.terminal.rows", "cli.terminal.spark",
                           "display", "rich"},
    "cli.terminal.tape": {""},
    "cli.top": {"", "cli._live", "cli._rows", "click", "display"},
    "cli.watch": {"", "cli._keys", "cli._live", "cli._metrics", "cli._rows",
                  "cli.terminal.screen", "click", "display", "rich", "time"},
    "client": set(),
    "client.account": {"_book", "client.inventory", "client.known", "client.lenses",
                       "client.outcomes", "client.shown", "client.stamps", "errors", "model",
                       "msgspec"},
    "client.accused": {"client.times", "venues.profile"},
    "client.answers": {"_book", "client.connections", "client.outbox", "client.recovery",
                       "client.session", "client.subscriptions", "model", "venues.profile"},
    "client.beside": {"_book", "client.connections", "client.subscriptions", "client.times",
                      "errors", "model", "venues.profile"},
    "client.bounds": {"client.times", "venues.profile"},
    "client.client": {"_book", "client.account", "client.answers", "client.connections",
                      "client.limits", "client.logins", "client.outbox", "client.pushes",
                      "client.recovery", "client.session", "client.subscriptions",
                      "client.times", "client.unreadable", "client.wanted", "credentials",
                      "errors", "model", "random", "venues.profile"},
    "client.connections": {"_book", "client.lateness", "client.limits", "client.outbox",
                           "client.subscriptions", "client.times", "errors", "model", "random",
                           "venues.profile"},
    "client.doubts": {"errors", "msgspec", "venues.profile"},
    "client.facts": {"model"},
    "client.inflate": {"errors"},
    "client.intake": {"_book", "client.client", "client.inflate", "client.times", "errors",
                      "model"},
    "client.inventory": {"client.known", "client.shown", "model", "msgspec"},
    "client.known": {"model", "msgspec"},
    "client.lateness": {"_book", "client.session", "client.subscriptions", "client.times",
                        "errors"},
    "client.lenses": {"_book", "client.known", "client.outcomes", "errors", "model"},
    "client.liveness": {"client.pings", "client.times", "venues.profile"},
    "client.limits": {"client.times", "random", "venues.profile"},
    "client.logins": {"_book", "client.answers", "client.connections", "client.outbox",
                      "client.session", "client.subscriptions", "client.times", "credentials",
                      "errors", "model", "venues.profile"},
    "client.outbox": {"errors", "model"},
    "client.pings": {"client.times"},
    "client.outcomes": {"errors", "model"},
    "client.plan": {"client.requests", "errors", "venues.profile"},
    "client.pushes": {"client.account", "client.answers", "client.logins", "client.outbox",
                      "client.subscriptions", "client.wanted", "credentials", "errors", "model",
                      "msgspec", "venues.profile", "venues.values"},
    "client.recovery": {"_book", "client.beside", "client.connections", "client.outbox",
                        "client.silence", "client.subscriptions", "client.times", "model",
                        "random"},
    "client.requests": {"client.limits", "venues.profile"},
    "client.session": {"client.accused", "client.liveness", "client.requests", "client.times",
                       "errors", "venues.profile"},
    "client.shown": {"model"},
    "client.silence": {"_book", "client.beside", "client.subscriptions", "client.times", "model"},
    "client.stamps": {"client.times"},
    "client.subscriptions": {"_book", "client.bounds", "client.facts", "client.limits",
                             "client.session", "venues.profile"},
    "client.times": set(),
    "client.unreadable": {"_book", "client.account", "client.connections", "client.doubts",
                          "client.outbox", "client.recovery", "client.subscriptions",
                          "client.times", "client.wanted", "credentials", "errors", "model",
                          "venues.profile"},
    "client.wanted": {"_book", "client.session", "client.subscriptions", "errors", "model",
                      "venues.profile"},
    "credentials": {"errors", "system.files"},
    "display": {"_book", "display.markup", "model"},
    "display.cell": {"_book", "client.times", "display", "display.libraries", "errors", "model"},
    "display.columns": {"_book", "errors", "msgspec", "numpy"},
    "display.files": {"display.columns", "display.history", "display.libraries", "display.tables",
                      "errors", "wire.capture"},
    "display.history": {"_book", "display.columns", "errors", "model", "numpy", "venues",
                        "wire.capture", "wire.playback"},
    "display.libraries": {"errors"},
    "display.markup": {"model"},
    "display.metrics": {"_book", "display.libraries", "errors", "model"},
    "display.plots": {"_book", "display.libraries", "display.markup", "display.track", "errors",
                      "model", "numpy"},
    "display.tables": {"display.columns", "display.history", "display.libraries", "errors",
                       "numpy"},
    "display.track": {"display.columns", "display.tables", "errors", "numpy"},
    "display.values": {"_book", "client.account", "client.inventory", "display",
                       "display.markup", "errors", "model", "msgspec"},
    "entry": {"_book", "asyncio", "client.account", "client.known", "errors", "exact", "model"},
    "errors": set(),
    "exact": {"errors", "msgspec"},
    "feed": {"feed.asynchronous"},
    "feed.answers": {"client.session", "client.wanted", "errors", "venues.profile"},
    "feed.asynchronous": {"_book", "asyncio", "errors", "feed.core", "feed.face", "feed.fills",
                          "feed.life", "feed.live", "feed.options", "feed.subscriber",
                          "listeners.merged", "listeners.streams", "listeners.waiting", "model",
                          "venues.topics"},
    "feed.blocking": {"_book", "errors", "feed.core", "feed.face", "feed.fills", "feed.life",
                      "feed.live", "feed.options", "feed.subscriber", "feed.thread", "feed.waiting",
                      "listeners.merged", "listeners.streams", "listeners.waiting", "model",
                      "threading", "venues.topics"},
    "feed.core": {"_book", "check.shadow", "client.client", "client.outbox", "errors",
                  "feed.answers", "feed.live", "feed.options", "feed.words", "system.fork",
                  "listeners.audience", "log.journal", "model", "share.publishing", "venues",
                  "venues.profile", "wire.driver", "wire.playback"},
    "feed.fills": {"listeners.streams", "model"},
    "feed.face": {"client.account", "client.plan", "display", "errors", "feed.core", "feed.live",
                  "feed.opening", "feed.options", "feed.reader", "feed.report", "model",
                  "system.fork"},
    "feed.life": {"asyncio", "client.times", "credentials", "errors", "feed.core", "feed.held",
                  "feed.live", "feed.opening", "feed.options", "feed.pace", "feed.reader",
                  "feed.subscriber", "listeners.merged", "model", "sim", "wire.capture",
                  "wire.driver", "wire.playback", "wire.recorder", "wire.transports"},
    "feed.live": {"_book", "client.account", "display.cell", "display.plots", "display.values",
                  "errors", "listeners.hub", "listeners.streams", "listeners.waiting", "model",
                  "system.fork"},
    "feed.held": {"feed.core", "listeners.audience"},
    "feed.opening": {"client.client", "client.limits", "credentials", "errors", "feed.core",
                     "random", "share.publishing", "time", "wire.recorder"},
    "feed.pace": {"asyncio", "threading"},
    "feed.reader": {"client.account", "errors", "feed.core", "feed.live", "feed.report"},
    "feed.report": set(),
    "feed.options": {"client.limits", "client.times", "credentials", "errors",
                     "log.journal", "model", "sim", "venues.profile", "wire.transports"},
    "feed.subscriber": {"client.outbox", "errors", "feed.answers", "feed.core", "feed.fills",
                        "feed.live", "feed.options", "listeners.merged", "model", "venues.profile"},
    "feed.thread": {"asyncio", "client.times", "errors", "feed.life", "feed.waiting", "threading"},
    "feed.waiting": {"client.times", "system.signals", "time"},
    "feed.words": {"errors", "venues.profile"},
    "listeners": set(),
    "listeners.audience": {"_book", "client.outbox", "errors", "listeners.hub", "listeners.merged",
                           "listeners.streams", "log.journal", "model"},
    "listeners.hub": {"_book", "errors", "system.fork", "model", "threading"},
    "listeners.merged": {"_book", "system.fork", "listeners.hub", "listeners.streams", "threading"},
    "listeners.streams": {"errors", "system.fork", "threading"},
    "listeners.waiting": {"_book", "errors", "listeners.hub", "listeners.streams", "model"},
    "log": set(),
    "log.journal": {"credentials", "errors", "log.throttle", "model"},
    "log.throttle": set(),
    "model": {"exact", "msgspec"},
    "native": set(),
    "share": set(),
    "share.attaching": {"_book", "asyncio", "client.times", "errors", "model", "share",
                        "share.places", "time"},
    "share.header": {"_book", "errors"},
    "share.places": {"_book", "errors"},
    "share.publishing": {"_book", "client.times", "errors", "system.fork", "share", "share.places"},
    "sim": {"sim.exchange", "sim.faults.faults", "sim.faults.kinds", "sim.faults.network",
            "sim.market.market", "sim.server"},
    "sim.account": set(),
    "sim.account.accounts": {"errors", "sim.market.contracts", "sim.market.market",
                             "sim.market.matching"},
    "sim.account.bybit_private": {"random", "sim.account", "sim.account.accounts",
                                  "sim.account.private", "sim.account.trading",
                                  "sim.market.contracts", "sim.market.market", "sim.venue.clock",
                                  "sim.venue.lines", "sim.venue.public"},
    "sim.account.bybit_wire": set(),
    "sim.account.entry": {"errors", "exact", "model", "sim.exchange"},
    "sim.account.private": {"random", "sim.account", "sim.account.accounts", "sim.account.trading",
                            "sim.market.market", "sim.venue", "sim.venue.framing",
                            "sim.venue.futures", "sim.venue.futures_desk", "sim.venue.knobs",
                            "sim.venue.lines"},
    "sim.account.private_wire": {"sim.venue.wire"},
    "sim.account.trader": {"errors", "sim.account.accounts", "sim.account.trading",
                           "sim.venue.lines"},
    "sim.account.trading": {"errors", "sim.account.accounts", "sim.market.matching",
                            "sim.venue.lines", "sim.venue.publisher"},
    "sim.control": {"errors", "sim.exchange"},
    "sim.exchange": {"errors", "model", "random", "sim.account", "sim.account.accounts",
                     "sim.account.private", "sim.account.trader", "sim.account.trading",
                     "sim.market.contracts", "sim.market.market", "sim.venue.clock",
                     "sim.venue.futures", "sim.venue.knobs", "sim.venue.legacy", "sim.venue.lines",
                     "sim.venue.markets", "sim.venue.public", "sim.venue.spot", "sim.venue.venues"},
    "sim.faults": set(),
    "sim.faults.acts": set(),
    "sim.faults.clocks": {"sim.faults.grammar", "sim.faults.network"},
    "sim.faults.connections": {"sim.exchange", "sim.faults.grammar", "sim.faults.network",
                               "sim.faults.wires"},
    "sim.faults.damage": {"random", "sim.faults.shapes"},
    "sim.faults.damaged": {"sim.faults", "sim.faults.filters", "sim.faults.frames",
                           "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.elsewhere": {"sim.faults", "sim.faults.filters", "sim.faults.frames",
                             "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.faults": {"random", "sim.exchange", "sim.faults.kinds", "sim.faults.network"},
    "sim.faults.filters": {"sim.faults.frames", "sim.faults.grammar", "sim.faults.log",
                           "sim.faults.schedule", "sim.faults.shapes"},
    "sim.faults.frames": {"random", "sim.faults.shapes", "sim.venue", "sim.venue.wire"},
    "sim.faults.grammar": {"errors"},
    "sim.faults.kinds": {"sim.faults", "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.lateness": {"sim.exchange", "sim.faults.filters", "sim.faults.frames",
                            "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.log": {"sim.faults.acts", "sim.faults.schedule"},
    "sim.faults.markets": {"sim.faults.frames", "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.network": {"random", "sim.exchange", "sim.faults.filters", "sim.faults.grammar",
                           "sim.faults.log", "sim.faults.schedule", "sim.faults.standstill",
                           "sim.faults.wires"},
    "sim.faults.nobody": {"sim.exchange", "sim.faults.filters", "sim.faults.frames",
                          "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.order": {"sim.exchange", "sim.faults.filters", "sim.faults.frames",
                         "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.private": {"sim.faults.frames", "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.refusals": {"sim.exchange", "sim.faults.frames", "sim.faults.grammar",
                            "sim.faults.network"},
    "sim.faults.replies": {"sim.faults", "sim.faults.filters", "sim.faults.frames",
                           "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.requests": {"sim.exchange", "sim.faults.filters", "sim.faults.frames",
                            "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.schedule": set(),
    "sim.faults.shapes": {"random"},
    "sim.faults.sides": {"sim.faults.frames", "sim.faults.grammar", "sim.faults.network"},
    "sim.faults.snapshots": {"sim.exchange", "sim.faults.frames", "sim.faults.grammar",
                             "sim.faults.network", "sim.faults.order"},
    "sim.faults.standstill": {"random", "sim.exchange", "sim.faults.grammar",
                              "sim.faults.schedule"},
    "sim.faults.symbols": {"sim.exchange", "sim.faults.frames", "sim.faults.grammar",
                           "sim.faults.network"},
    "sim.faults.wires": {"random", "sim.exchange", "sim.faults.schedule", "sim.faults.shapes"},
    "sim.market": set(),
    "sim.market.contracts": {"sim.market.market"},
    "sim.market.market": {"errors", "random", "wire.capture"},
    "sim.market.matching": {"sim.market.market"},
    "sim.server": {"asyncio", "errors", "random", "sim.account.entry", "sim.account.trading",
                   "sim.control", "sim.exchange", "sim.faults.faults", "sim.faults.network",
                   "sim.faults.wires", "sim.market.market", "system.signals", "time", "websockets"},
    "sim.venue": set(),
    "sim.venue.bybit": {"random", "sim.market.market", "sim.venue.lines", "sim.venue.public",
                        "sim.venue.windows", "sim.venue.wire"},
    "sim.venue.clock": set(),
    "sim.venue.feeds": {"sim.venue.lines"},
    "sim.venue.framing": {"sim.venue", "sim.venue.knobs", "sim.venue.lines"},
    "sim.venue.futures": {"errors", "random", "sim.market.contracts", "sim.venue",
                          "sim.venue.clock", "sim.venue.futures_desk", "sim.venue.knobs",
                          "sim.venue.lines", "sim.venue.publisher", "sim.venue.windows"},
    "sim.venue.futures_desk": {"random", "sim.market.contracts", "sim.market.market", "sim.venue",
                               "sim.venue.clock", "sim.venue.knobs", "sim.venue.publisher",
                               "sim.venue.tape", "sim.venue.wire"},
    "sim.venue.futures_wire": set(),
    "sim.venue.glimpses": {"sim.market.market"},
    "sim.venue.knobs": {"sim.venue.lines", "sim.venue.wire"},
    "sim.venue.kraken": {"random", "sim.market.market", "sim.venue.lines", "sim.venue.public",
                         "sim.venue.windows", "sim.venue.wire"},
    "sim.venue.legacy": {"errors", "sim.market.market", "sim.venue", "sim.venue.feeds",
                         "sim.venue.knobs", "sim.venue.lines", "sim.venue.publisher"},
    "sim.venue.lines": {"random"},
    "sim.venue.markets": {"errors", "sim.market.market", "sim.venue.futures", "sim.venue.glimpses",
                          "sim.venue.public", "sim.venue.publisher", "sim.venue.spot"},
    "sim.venue.okx": {"random", "sim.market.market", "sim.venue.lines", "sim.venue.public",
                      "sim.venue.windows", "sim.venue.wire"},
    "sim.venue.public": {"errors", "model", "random", "sim.market.market", "sim.venue.clock",
                         "sim.venue.feeds", "sim.venue.lines", "sim.venue.publisher",
                         "sim.venue.windows"},
    "sim.venue.publisher": {"random", "sim.market.market", "sim.market.matching", "sim.venue.clock",
                            "sim.venue.glimpses", "sim.venue.tape", "sim.venue.wire"},
    "sim.venue.spot": {"errors", "sim.market.market", "sim.venue", "sim.venue.clock",
                       "sim.venue.feeds", "sim.venue.framing", "sim.venue.knobs", "sim.venue.lines",
                       "sim.venue.publisher"},
    "sim.venue.tape": {"random", "sim.market.market", "sim.venue.clock", "sim.venue.wire"},
    "sim.venue.venues": {"errors", "sim.venue", "sim.venue.public"},
    "sim.venue.windows": set(),
    "sim.venue.wire": set(),
    "sync": {"entry", "feed.blocking"},
    "system": set(),
    "system.files": set(),
    "system.fork": {"errors"},
    "system.signals": set(),
    "venues": {"venues.futures", "venues.futures_private", "venues.kraken",
               "venues.legacy", "venues.okx", "venues.profile", "venues.registry", "venues.spot",
               "venues.spot_private"},
    "venues.bitget": {"model", "msgspec", "venues.events", "venues.instruments",
                      "venues.profile", "venues.values"},
    "venues.bybit": {"model", "msgspec", "venues.events", "venues.instruments", "venues.profile",
                     "venues.values"},
    "venues.bybit_private": {"credentials", "model", "venues.bybit", "venues.profile",
                             "venues.values"},
    "venues.channels": {"msgspec", "venues.values"},
    "venues.events": {"model", "venues.channels", "venues.values"},
    "venues.framing": {"msgspec", "venues.channels"},
    "venues.futures": {"model", "venues.profile", "venues.values"},
    "venues.futures_private": {"credentials", "model", "venues.futures", "venues.profile",
                               "venues.values"},
    "venues.instruments": {"errors", "model", "msgspec", "venues.values"},
    "venues.kraken": {"model", "venues.events", "venues.instruments", "venues.profile",
                      "venues.values"},
    "venues.legacy": {"model", "venues.profile", "venues.values"},
    "venues.okx": {"model", "msgspec", "venues.events", "venues.instruments", "venues.profile",
                   "venues.values"},
    "venues.profile": {"credentials", "errors", "model", "msgspec", "venues.channels",
                       "venues.framing", "venues.instruments", "venues.replies", "venues.speech"},
    "venues.registry": {"errors", "venues.bitget", "venues.bybit", "venues.bybit_private",
                        "venues.futures", "venues.futures_private",
                        "venues.instruments", "venues.kraken",
                        "venues.legacy", "venues.okx", "venues.profile", "venues.spot",
                        "venues.spot_private"},
    "venues.replies": {"errors", "msgspec"},
    "venues.speech": {"msgspec", "venues.channels"},
    "venues.spot": {"model", "venues.profile", "venues.values"},
    "venues.spot_private": {"credentials", "model", "venues.profile", "venues.spot",
                            "venues.values"},
    "venues.topics": set(),
    "venues.values": {"errors", "model"},
    "wire": set(),
    "wire.capture": {"compression", "errors", "msgspec", "system.files", "zstandard"},
    "wire.driver": {"_book", "asyncio", "client.client", "client.intake", "client.outbox",
                    "client.times", "system.fork", "log.journal", "model", "time", "wire.link",
                    "wire.recorder", "wire.refusal", "wire.stalls", "wire.transports"},
    "wire.fast": {"aiofastnet", "asyncio", "client.times", "picows", "websockets", "wire._fast",
                  "wire.link"},
    "wire.link": {"_book", "asyncio", "client.times", "credentials", "websockets"},
    "wire.playback": {"_book", "asyncio", "errors", "time", "wire.capture", "wire.told"},
    "wire.recorder": {"_book", "time", "wire.capture", "wire.told"},
    "wire.refusal": {"websockets"},
    "wire.stalls": {"_book", "client.times"},
    "wire.told": {"_book", "errors", "model", "venues.profile", "wire.capture"},
    "wire.transports": {"aiofastnet", "errors", "picows", "wire", "wire.fast", "wire.link"},
}  # fmt: skip


@functools.cache
def tree_of(path):
    """The syntax tree of a file of the package; several tests look at each."""
    return ast.parse(path.read_text())


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


def imports(path, name):
    """What a file imports: top-level names, ours without the package's name."""
    for node in ast.walk(tree_of(path)):
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


# Which room may look into which, downwards only: cli, bench → feed → listeners, wire → client →
# venues → _book → model, errors. Rooms that look into nothing of ours are not listed.
ROOMS = {
    "": {"_book", "client", "credentials", "display", "entry", "errors", "feed", "log", "model",
         "share", "sim", "sync", "venues"},
    "__main__": {"cli"},
    "bench": {""},
    "check": {"_book", "errors", "model"},
    "cli": {"", "_book", "bench", "display", "sim", "system"},
    "client": {"_book", "credentials", "errors", "model", "venues"},
    "credentials": {"errors", "system"},
    "display": {"_book", "client", "errors", "model", "venues", "wire"},
    "entry": {"_book", "client", "errors", "exact", "model"},
    "exact": {"errors"},
    "feed": {"_book", "check", "client", "credentials", "display", "errors", "listeners", "log",
             "model", "share", "sim", "system", "venues", "wire"},
    "listeners": {"_book", "client", "errors", "log", "model", "system"},
    "log": {"credentials", "errors", "model"},
    "model": {"exact"},
    "share": {"_book", "client", "errors", "model", "system"},
    "sim": {"errors", "exact", "model", "system", "wire"},
    "sync": {"entry", "feed"},
    "system": {"errors"},
    "venues": {"credentials", "errors", "model"},
    "wire": {"_book", "client", "credentials", "errors", "log", "model", "system", "venues"},
}  # fmt: skip
# Who is above whom, lowest first; what stands together does not see each other.
FLOORS = [
    {"errors", "native"},
    {"exact", "system"},
    {"model"},
    {"_book", "credentials"},
    {"venues", "check", "log"},
    {"client"},
    {"entry", "listeners", "share", "wire"},
    {"display", "sim"},
    {"feed"},
    {"sync"},
    {""},
    {"bench"},
    {"cli"},
    {"__main__"},
]


def ours(name, path):
    """The modules of this package that a file imports, by their full names."""
    known = {module for module, _ in modules()} | {"_book"}
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = []
            for alias in node.names:
                part = f"{node.module}.{alias.name}".removeprefix("bitmart_book.")
                found.append(f"bitmart_book.{part}" if part in known else node.module)
        else:
            continue
        for module in found:
            if module.partition(".")[0] == "bitmart_book":
                yield module.removeprefix("bitmart_book").lstrip(".")


def room(name):
    return name.partition(".")[0]


def arrows():
    return {name: set(ours(name, path)) - {name} for name, path in modules()}


def rooms_seen():
    seen = {}
    for name, targets in arrows().items():
        seen.setdefault(room(name), set()).update(map(room, targets))
    return {name: targets - {name} for name, targets in seen.items()}


def test_rooms_look_only_into_rooms_that_they_may():
    seen = {name: targets for name, targets in rooms_seen().items() if targets}
    assert seen == ROOMS


def test_no_arrow_goes_up_or_sideways():
    floor = {name: number for number, rooms in enumerate(FLOORS) for name in rooms}
    assert set(floor) == {room(name) for name, _ in modules()} | {"_book"}
    wrong = {
        (name, target)
        for name, targets in rooms_seen().items()
        for target in targets
        if floor[target] >= floor[name]
    }
    assert not wrong


def test_the_simulator_knows_no_client():
    targets = {
        target for name, found in arrows().items() if room(name) == "sim" for target in found
    }
    known = {
        target for target in targets if room(target) in ("client", "feed", "listeners", "wire")
    }
    assert known == {"wire.capture"}


def circles(graph):
    """What is in a circle of that graph, or leads into one: what is left when everything has been
    taken away that leads nowhere, again and again."""
    left = {name: set(targets) for name, targets in graph.items()}
    while True:
        ends = [name for name, targets in left.items() if not targets & set(left)]
        if not ends:
            return set(left)
        for name in ends:
            del left[name]


def test_no_circles_between_files_and_between_folders():
    assert circles({"a": {"b"}, "b": {"a"}, "c": {"a"}}) >= {"a", "b"}
    files = arrows()
    assert circles(files) == set()
    folders = {}
    names = {name for name, path in modules() if path.name == "__init__.py"}
    for name, targets in files.items():
        here = name if name in names else name.rpartition(".")[0]
        if name in names or here == "":
            # The face of a folder may look into all of it; a file at the top is a room itself.
            continue
        there = {t if t in names or "." not in t else t.rpartition(".")[0] for t in targets}
        folders.setdefault(here, set()).update(there - {here, "sim"})
    assert circles(folders) == set()


# --- sizes ---

LONGEST_FILE = 600
# Longer than that, and why.
LONG_FILES = {
    "check/reference.py": "a second book that shares no code with the first is as long as a book",
}
MOST_NAMES = 25
# More public names than that, and why. What they are stands in groups in their docstrings.
MANY_NAMES = {
    "Book": "the reads of a book",
    "BookChannel": "what can differ between the books of two venues",
    "Engine": "what a client tells it of its connections and books, beside frames: promised names",
    "Knobs": "one for each thing that BitMart does in more than one way",
    "ReferenceBook": "the reads of a book, once more",
}


def test_the_top_level_is_seen_at_one_glance():
    entries = {path.name for path in PACKAGE.iterdir()} - {"__pycache__"}
    fixed = {"__init__.py", "__main__.py", "py.typed"}
    assert len({e for e in entries - fixed if not e.startswith("_book.")}) <= 20


def test_files_can_be_read_in_one_sitting():
    lengths = {
        str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for _, path in modules()
    }
    assert {name for name, length in lengths.items() if length > LONGEST_FILE} == set(LONG_FILES)


def names_set(node):
    """What a class is seen to have: methods, properties, fields, and what its methods set."""
    for inner in ast.walk(node):
        if (
            isinstance(inner, ast.Attribute)
            and isinstance(inner.ctx, ast.Store)
            and getattr(inner.value, "id", "") == "self"
        ):
            yield inner.attr
    for item in node.body:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            yield item.name
        elif isinstance(item, ast.Assign | ast.AnnAssign):
            targets = item.targets if isinstance(item, ast.Assign) else [item.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


@functools.cache
def classes_of(path):
    """The classes of a file by name, and where the names come from that it imports of ours."""
    classes, found = {}, {}
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ClassDef):
            classes[node.name] = node
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("bitmart_book."):
            place = ROOT.joinpath(*node.module.split(".")).with_suffix(".py")
            found.update({alias.asname or alias.name: place for alias in node.names})
    return classes, found


@functools.cache
def public_names(path, name):
    """The public names of a class, those of its bases in this package among them."""
    classes, imported = classes_of(path)
    if name not in classes:
        there = imported.get(name)
        return public_names(there, name) if there is not None and there.is_file() else set()
    found = {one for one in names_set(classes[name]) if one[0] != "_"}
    for base in classes[name].bases:
        found |= public_names(path, ast.unparse(base).partition("[")[0])
    return found


def test_a_class_has_no_more_names_than_one_can_remember():
    counts = {
        name: len(public_names(path, name)) for _, path in modules() for name in classes_of(path)[0]
    }
    for name, kind in vars(bb._book).items():
        if isinstance(kind, type) and kind.__module__ == "bitmart_book._book" and name[0] != "_":
            counts[name] = len([n for n in vars(kind) if n[0] != "_"])
    many = {name for name, count in counts.items() if count > MOST_NAMES}
    assert many == set(MANY_NAMES)


def test_the_compiled_module_imports_only_errors_and_model():
    text = "".join(
        path.read_text()
        for path in PACKAGE.rglob("*.p*")
        if path.suffix in COMPILED and path.name != "_fast.pyx"
    )
    found = set(re.findall(r"^\s*(?:import|from) (\S+)(?= import|$)", text, re.MULTILINE))
    assert found == {
        "inspect", "os", "re", "sys", "decimal", "fractions", "msgspec", "numpy", "pandas",
        "polars", "bitmart_book.errors", "bitmart_book.model",
    }  # fmt: skip
    ours = set(re.findall(r"^from (bitmart_book\S*) cimport", text, re.MULTILINE))
    names = {"checksum", "clock", "digits", "double", "json", "ladder", "number", "questions"}
    names |= {"scan", "sides", "stamp", "window"}
    assert ours == {f"bitmart_book.native.{name}" for name in names}


def test_the_fast_wire_knows_the_book_as_its_door_alone():
    text = (PACKAGE / "wire" / "_fast.pyx").read_text()
    found = re.findall(r"^(?:import|from) (\S+)(?: c?import (.+)|$)", text, re.MULTILINE)
    assert dict(found) == {
        "asyncio": "", "os": "", "websockets.frames": "Close",
        "cpython.bytes": "PyBytes_FromStringAndSize", "libc.stdint": "int64_t",
        "picows.picows": "WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport",
        "bitmart_book._book": "AS_BYTES, QUIET, Door",
        "bitmart_book.native.clock": "monotonic_ns",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "path"), [pytest.param(n, p, id=n or "package") for n, p in modules()]
)
def test_only_the_command_line_prints(name, path):
    prints = [
        node
        for node in ast.walk(tree_of(path))
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
            tree = tree_of(path)
            said = [
                node
                for node in tree.body
                if isinstance(node, ast.Assign | ast.AnnAssign) and exported(node) == "__all__"
            ]
            assert len(said) == 1, f"{name} says {len(said)} times what it exports"


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
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
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


# --- the tests themselves ---

TESTS = ROOT / "tests"
# Folders of tests that are no room of the package, and what they are for.
OTHER_ROOMS = {
    "book": "the compiled book, which is one module",
    "fuzz": "random input",
    "helpers": "what several tests share",
    "mutants": "the seeded bugs",
    "peers": "clients that others wrote",
    "simulation": "faults in virtual time",
    "site": "the documentation as a site",
    "soak": "long runs",
    "strangers": "a second world, written from the protocol alone",
    "typing": "what type checkers see",
}


@pytest.mark.parametrize(
    "path", [pytest.param(p, id=str(p.relative_to(TESTS))) for p in sorted(TESTS.rglob("*.py"))]
)
def test_nothing_is_imported_from_a_test(path):
    """What two of them need is in tests/helpers."""
    named = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            named.update(f"{node.module}.{alias.name}" for alias in node.names)
    parts = {name: name.split(".") for name in named if name.startswith("tests.")}
    # `tests.pythons` is a program; of `tests.a.test_b.c` the file is what matters.
    wrong = {
        name
        for name, words in parts.items()
        if any(
            (TESTS.joinpath(*words[1:n]) / f"{words[n]}.py").is_file()
            and words[n].startswith("test_")
            for n in range(1, len(words))
        )
    }
    assert not wrong


def test_the_folders_of_tests_are_the_rooms_of_the_package():
    def folders(place):
        return {path.parent.relative_to(place).parts[0] for path in place.glob("*/*.*")}

    found = folders(TESTS) - {"__pycache__"}
    assert found <= folders(PACKAGE) | set(OTHER_ROOMS)
    assert set(OTHER_ROOMS) <= found, "an exception that nothing needs"
    assert not set(OTHER_ROOMS) & folders(PACKAGE)
