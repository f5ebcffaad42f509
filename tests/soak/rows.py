"""Figures with their targets, and what of this process can leak."""

import asyncio
import gc
import os
import sys
import threading
from typing import NamedTuple


class Row(NamedTuple):
    """One figure: what was wanted, what was measured, and whether that is good enough."""

    figure: str
    target: str
    measured: str
    passed: bool


def noted(figure, measured):
    """A row that says under which circumstances the others were measured."""
    return Row(
        figure, "-", f"{measured:.4g}" if isinstance(measured, float) else str(measured), True
    )


def exactly(figure, target, measured):
    """A row of a figure that has to be a certain one."""
    return Row(figure, str(target), str(measured), measured == target)


def at_most(figure, target, measured, unit=""):
    """A row of a figure with an upper bound."""
    return Row(figure, f"<= {target}{unit}", f"{measured:.3g}{unit}", measured <= target)


def at_least(figure, target, measured, unit=""):
    """A row of a figure with a lower bound."""
    return Row(figure, f">= {target}{unit}", f"{measured:.7g}{unit}", measured >= target)


def show(rows):
    """Print them; the exit status."""
    rows = list(rows)
    width = max(len(row.figure) for row in rows)
    for row in rows:
        mark = "ok    " if row.passed else "FAILED"
        line = f"{mark} {row.figure:<{width}}  {row.measured}  (target {row.target})\n"
        sys.stdout.write(line)
    return 0 if all(row.passed for row in rows) else 1


def main(measure):
    """Run a program that measures; end with its exit status."""
    sys.exit(show(measure))


def rss_mib():
    """Resident memory of this process, in MiB."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def other_tasks():
    """Tasks of this loop beside the present one."""
    return len(asyncio.all_tasks()) - 1


def threads():
    return len(threading.enumerate())


def collect():
    """Let go of what only waits for the garbage collector."""
    for _ in range(3):
        gc.collect()
