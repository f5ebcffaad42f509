"""One collection of the tests, and a child of it for each bug: a plugin of pytest.

Finding the tests takes longer than most of them. A first child runs all of them without a bug, and
notes which come to the place of which bug, and how long each takes; so every bug is tried on those
alone that can notice it, the quickest first. `BITMART_BOOK_FORKS` names a file with a line for each
bug: its number, and the folders whose tests count. What is found is told as lines of JSON on the
standard output; one that nobody notices, and whose place is come to while the tests are collected,
may need a process of its own.
`BITMART_BOOK_MOST` says for how many seconds of tests a bug is tried.
"""

import contextlib
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mutants.build import VARIABLE
from tests.mutants.run import PLUGINS

JOBS = "BITMART_BOOK_FORKS"
MOST = "BITMART_BOOK_MOST"
# Seconds of processor time, and of any, that a child may take: a loop in compiled code hears no
# other signal than the last one.
MOST_BUSY = 200
LONGEST = 2400
MOST_OF_A_TEST = 600


class Told:
    """Who noticed, in a child."""

    by = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.by:
            self.by = report.nodeid


def say(**found: Any) -> None:
    os.write(1, f"\n{json.dumps(found)}\n".encode())


def wait(child: int, longest: float = LONGEST) -> str:
    """How the child ended, or an empty text where it has spoken for itself."""
    late = threading.Event()

    def kill() -> None:
        late.set()
        os.kill(child, signal.SIGKILL)

    # A child that has ended keeps its number until it is waited for, so that no other is killed.
    timer = threading.Timer(longest, kill)
    timer.start()
    try:
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    finally:
        timer.cancel()
        timer.join()
    _, status = os.waitpid(child, 0)
    if late.is_set():
        return "no end"
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else ""


def choose(number: int) -> None:
    """From here on this process has that bug: in what is compiled, and in Python."""
    os.environ[VARIABLE] = str(number)
    with contextlib.suppress(ImportError):
        importlib.import_module("bitmart_book._mutants").number = number  # type: ignore[attr-defined]


def reached() -> list[int]:
    """The bugs whose places were come to since this was asked last."""
    try:
        switch = importlib.import_module("bitmart_book._mutants")
    except ImportError:
        found: list[int] = importlib.import_module("bitmart_book._book")._mutants_reached()
        return found
    numbers = sorted(switch.reached)
    switch.reached.clear()
    return numbers


def run_each(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, float]]:
    """After each item the seconds that it took."""
    with contextlib.suppress(pytest.exit.Exception):
        for place, item in enumerate(items):
            after = items[place + 1] if place + 1 < len(items) else None
            start = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            yield item, time.process_time() - start


def without_a_bug(items: list[pytest.Item], told: Told, notes: str) -> str:
    """Note who comes by where. A test that fails without a bug says nothing of one: which did."""
    found: dict[str, Any] = {"always": reached(), "items": {}}
    failed = []
    for item, seconds in run_each(items):
        numbers = reached()
        if told.by:
            failed.append(told.by)
            told.by = ""
        else:
            found["items"][item.nodeid] = (seconds, numbers)
    Path(notes).write_text(json.dumps(found))
    return ", ".join(failed)


def until_noticed(items: list[pytest.Item], told: Told) -> str:
    for _ in run_each(items):
        if told.by:
            break
    return told.by


def run_here(
    session: pytest.Session, number: int, items: list[pytest.Item], notes: str, unseen: str | None
) -> None:
    """Let one bug loose in this process, which ends with it; `unseen` is told where nobody
    notices."""
    choose(number)
    told = Told()
    session.config.pluginmanager.register(told)
    start = time.process_time()
    if number:
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_BUSY, MOST_BUSY))
        by = until_noticed(items, told) or unseen
    else:
        by = without_a_bug(items, told, notes)
    say(number=number, by=by, seconds=time.process_time() - start, tests=len(items))
    os._exit(0)


def fork(
    session: pytest.Session,
    number: int,
    items: list[pytest.Item],
    notes: str = "",
    unseen: str | None = "",
) -> None:
    child = os.fork()
    if child == 0:
        run_here(session, number, items, notes, unseen)
    if end := wait(child):
        say(number=number, by=end, seconds=0.0, tests=len(items))


def lies_in(name: str, folders: list[str]) -> bool:
    return any(name.startswith(folder) for folder in folders)


def within(tests: list[tuple[float, str]], most: float) -> list[tuple[float, str]]:
    """As many of them as take no longer together."""
    total = 0.0
    for place, (seconds, _) in enumerate(tests):
        total += seconds
        if total > most:
            return tests[:place]
    return tests


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    jobs = [line.split() for line in Path(os.environ[JOBS]).read_text().splitlines()]
    with tempfile.NamedTemporaryFile("r") as notes:
        fork(session, 0, session.items, notes.name)
        found = json.load(notes)
    by_name = {item.nodeid: item for item in session.items}
    for word, *folders in jobs:
        number = int(word)
        those = sorted(
            (seconds, name)
            for name, (seconds, numbers) in found["items"].items()
            if number in numbers and name in by_name and lies_in(name, folders)
        )
        names = [name for _, name in within(those, float(os.environ[MOST]))]
        unseen = None if number in found["always"] else ""
        fork(session, number, [by_name[name] for name in names], unseen=unseen)
    return True


# --- whoever starts it ---


def let_loose(
    copy: Path,
    environment: dict[str, str],
    arguments: list[str],
    jobs: dict[int, list[str]],
    most: float,
) -> Iterator[dict[str, Any]]:
    """Who noticed each bug, by its number (with the folders whose tests count): `by` is empty where
    nobody did, and None where it needs a process of its own. First, as number 0, what fails without
    any, which then says nothing."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no"]
    for plugin in (*PLUGINS, "tests.mutants.forked"):
        command += ["-p", plugin]
    command += ["--timeout", str(MOST_OF_A_TEST), "--timeout-method=signal", *arguments]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write("".join(f"{number} {' '.join(rooms)}\n" for number, rooms in jobs.items()))
        wanted.flush()
        more = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", JOBS: wanted.name, MOST: str(most)}
        process = subprocess.Popen(
            command, cwd=copy, env={**environment, **more}, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            # Beside the points that stand for tests.
            if line.startswith('{"number"'):
                yield json.loads(line)
        process.wait()
