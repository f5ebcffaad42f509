"""One run of tests against a bug: whether they notice it, and which did."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["EVERYTHING", "LIMITS", "SUITE_LIMITS", "Result", "run"]

# Seconds for one test and, as a loop in compiled code hears no signal, for one run.
LIMITS = (30, 90)
SUITE_LIMITS = (300, 1800)
# Half of the time of a run is for finding and loading plugins; these are all that are needed.
PLUGINS = ("pytest_timeout", "_hypothesis_pytestplugin")
# Some tests read the source, which is another one in a copy with a bug in it.
EVERYTHING = ["--ignore=tests/test_seeded_bugs.py", "--ignore=tests/test_structure.py"]


class Result(NamedTuple):
    outcome: str
    """killed, hung, SURVIVED or ERROR."""
    by: str
    seconds: float
    output: str = ""

    @property
    def good(self) -> bool:
        return self.outcome in ("killed", "hung")


def run(
    folder: Path, environment: dict[str, str], arguments: list[str], limits: tuple[int, int]
) -> Result:
    """Tests of a copy of the project, until the first failure."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=short"]
    for plugin in PLUGINS:
        command += ["-p", plugin]
    command += ["-rfE", "--timeout", str(limits[0]), "--timeout-method=signal", *arguments]
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limits[1])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return Result("hung", " ".join(arguments), time.monotonic() - start, output)
    seconds = time.monotonic() - start
    if process.returncode == 0:
        return Result("SURVIVED", "", seconds, output)
    failed = re.search(r"^(?:FAILED|ERROR) (tests/[^\s\[]+)", output, re.MULTILINE)
    if process.returncode != 1 or failed is None:
        return Result("ERROR", f"pytest ended with {process.returncode}", seconds, output)
    outcome = "hung" if f"Timeout (>{limits[0]}" in output else "killed"
    return Result(outcome, failed[1], seconds, output)
