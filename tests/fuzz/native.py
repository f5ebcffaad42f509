"""The fuzzer: cases of `grammar` into the engine, judged by `oracle`, in several processes.

    python -m tests.fuzz.native --inputs 10_000_000 --seed 1 --out build/fuzz
    python -m tests.fuzz.native --replay build/fuzz/FINDING.jsonl

It has no feedback from the code it runs: its strength is what it knows of frames, and speed. A
worker process says in a file where it is, so that the input that killed it can be made again.
Under sanitizers (`make fuzz`) one share in ten runs with every Python object in memory of its own,
which sees errors in objects too and costs three times as much.
"""

from __future__ import annotations

import argparse
import importlib
import json
import mmap
import os
import re
import struct
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

from bitmart_book import Change, Engine
from bitmart_book.check.shadow import ShadowEngine
from tests.fuzz.grammar import LIVE_CHANNELS, STEPS, Case, case, dump, load, real_streams
from tests.fuzz.oracle import ALL_BITS, Watch, play
from tests.soak.rows import Row, at_least, exactly, noted, show

__all__ = ["fuzz", "run_cases", "shrink"]

ENGINE = "bitmart_book:Engine"
SHADOW = "bitmart_book.check.shadow:ShadowEngine"
SHARE = 500_000
MOST_FINDINGS = 20
PLACE = struct.Struct("qq")
ROOT = Path(__file__).parents[2]


# --- in one process ---


def run_cases(seed, numbers, *, kind=Engine, streams=(), steps=STEPS, at=None, found=None):
    """Play the cases of these numbers; returns counts. `found(case, step, error)` is told of
    findings, or they are raised; `at(number, step)` is told of every step beforehand."""
    counts = {"inputs": 0, "refused": 0, "live": 0, "bits": 0, "channels": set()}
    for number in numbers:
        made = case(seed, number, streams, steps)
        if issubclass(kind, ShadowEngine):
            made = comparable(made)
        watch = Watch(made.options, kind)
        place = 0
        try:
            for place, step in enumerate(made.steps):
                if at is not None:
                    at(number, place)
                watch.step(step)
        except Exception as error:
            if found is None:
                raise
            found(Case(made.options, made.steps[: place + 1]), number, error)
        counts["inputs"] += place + 1
        counts["refused"] += watch.refused
        counts["live"] += watch.live
        counts["bits"] |= watch.bits
        counts["channels"] |= watch.live_channels
    return counts


def comparable(made):
    """The case without what the reference does not know: a clock, calls of a book itself, and half
    a character in a value that a second one of its key replaces."""
    options = {**made.options, "clocked": False, "only_known": False}
    unknown = {"by_hand", "clear", "finish", "tick", "confirm", "hold", "release", "open_line"}
    steps = [step for step in made.steps if step.kind not in unknown and b"\\ud" not in step.data]
    return Case(options, steps)


def signature(error):
    """What makes two findings the same: the kind of error and its words without the facts."""
    words = re.sub(r"<.*?>|\S*[\d:]\S*", "", str(error))
    return f"{type(error).__name__}: {' '.join(words.split())[:90]}"


def shrink(made, kind=Engine):
    """The shortest case found by leaving out steps that still ends in the same finding."""
    wanted = _outcome(made, kind)
    steps = list(made.steps)
    size = max(1, len(steps) // 2)
    while size:
        place = 0
        while place < len(steps):
            shorter = steps[:place] + steps[place + size :]
            if shorter and _outcome(Case(made.options, shorter), kind) == wanted:
                steps = shorter
            else:
                place += size
        size //= 2
    return Case(made.options, steps)


def _outcome(made, kind):
    try:
        play(made, kind)
    except Exception as error:
        return signature(error)
    return None


def named(kind):
    """The class of that name: "module:Class"."""
    module, _, name = kind.partition(":")
    return getattr(importlib.import_module(module), name)


def work(options):
    """One share of the cases; prints its counts as JSON."""
    kind = named(options.kind)
    seen = {}
    with open(options.place, "r+b") as file, mmap.mmap(file.fileno(), PLACE.size) as place:

        def at(number, step):
            PLACE.pack_into(place, 0, number, step)

        def found(made, number, error):
            name = signature(error)
            if name in seen or len(seen) >= MOST_FINDINGS:
                return
            path = Path(options.out) / f"finding-{options.seed}-{number}.jsonl"
            path.write_text(dump(shrink(made, kind)))
            words = " ".join(f"{type(error).__name__}: {error}".split())
            seen[name] = f"{path.name}: {words[:300]}"

        first, last = options.cases
        counts = run_cases(
            options.seed, range(first, last), kind=kind, streams=real_streams(), at=at, found=found
        )
    counts["channels"] = sorted(counts["channels"])
    say(json.dumps({**counts, "findings": list(seen.values()), "cpu": time.process_time()}))


# --- over several processes ---


def fuzz(inputs, seed, processes, out, *, kind=ENGINE):
    """Run so many inputs; returns rows of figures. Findings are written to the folder `out`.

    kind: "module:Class" of the engine; of `SHADOW` only what the reference understands is run.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    # The steps that `comparable` leaves out are made up for.
    cases = -(-inputs * (12 if kind == SHADOW else 10) // (STEPS * 10))
    share = max(1, min(SHARE // STEPS, -(-cases // processes)))
    shares = deque(
        (start, min(start + share, cases), number)
        for number, start in enumerate(range(0, cases, share))
    )
    running, results, findings = [], [], []
    began = time.monotonic()
    while shares or running:
        while shares and len(running) < processes:
            running.append(_Worker(*shares.popleft(), seed, out, kind))
        ended = running.pop(0)
        results.append(ended.result(findings))
    return _rows(inputs, results, findings, time.monotonic() - began, kind)


class _Worker:
    """A process with one share of the cases."""

    def __init__(self, first, last, number, seed, out, kind):
        self.seed, self.out = seed, out
        self.place = out / f"place-{number}"
        self.place.write_bytes(bytes(PLACE.size))
        environment = dict(os.environ)
        if "LD_PRELOAD" in environment:
            environment["PYTHONMALLOC"] = "malloc" if number % 10 == 0 else "pymalloc"
        command = [sys.executable, "-m", "tests.fuzz.native", "--seed", str(seed)]
        command += ["--cases", str(first), str(last), "--place", str(self.place), "--out", str(out)]
        self.process = subprocess.Popen(
            [*command, "--kind", kind],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def result(self, findings):
        """Wait for its end; its counts. Of one that died, the case that killed it is a finding."""
        output, errors = self.process.communicate()
        number, step = PLACE.unpack(self.place.read_bytes())
        self.place.unlink()
        if self.process.returncode == 0:
            counts = json.loads(output)
            findings += counts.pop("findings")
            return counts
        made = case(self.seed, number, real_streams())
        path = self.out / f"death-{self.seed}-{number}.jsonl"
        path.write_text(dump(Case(made.options, made.steps[: step + 1])))
        path.with_suffix(".log").write_text(errors)
        what = next((line for line in errors.splitlines() if "rror" in line), "no word")
        findings.append(f"{path.name}: exit {self.process.returncode}: {what.strip()[:300]}")
        return {"inputs": 0, "refused": 0, "live": 0, "bits": 0, "channels": [], "cpu": 0.0}


def _rows(wanted, results, findings, seconds, kind):
    inputs, refused, live = (
        sum(result[name] for result in results) for name in ("inputs", "refused", "live")
    )
    cpu = sum(result["cpu"] for result in results)
    channels = {channel for result in results for channel in result["channels"]}
    bits = 0
    for result in results:
        bits |= result["bits"]
    name = "fuzz beside the reference" if kind == SHADOW else "fuzz"
    share = refused / max(inputs, 1)
    return [
        at_least(f"{name}: inputs", wanted, inputs),
        noted(f"{name}: seconds, and CPU seconds", f"{seconds:.0f}, {cpu:.0f}"),
        exactly(f"{name}: findings", 0, len(findings)),
        *(Row(f"{name}: finding", "none", finding, False) for finding in findings),
        exactly(f"{name}: book channels that were LIVE", len(LIVE_CHANNELS), len(channels)),
        exactly(f"{name}: kinds of change", Change.names(ALL_BITS), Change.names(bits)),
        Row(f"{name}: refused", "10 % to 90 %", f"{share:.0%}", 0.1 < share < 0.9),
        at_least(f"{name}: looks at LIVE books", inputs // 10, live),
    ]


def replay(path, kind):
    """Play a case of a file, telling of each step; True when nothing was found."""
    made = load(Path(path).read_text())

    def before(number):
        step = made.steps[number]
        say(f"{number}: {step.kind} {step.generation} {step.data!r}")

    say(made.options)
    try:
        watch = play(made, kind, before_step=before)
    except Exception as error:
        say(f"{type(error).__name__}: {error}")
        return False
    for book in watch.engine.books:
        say(repr(book))
    return True


def say(text):
    # At once, because the next step may end the process.
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=10_000_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", default="build/fuzz")
    parser.add_argument("--kind", default=ENGINE, help=f"{SHADOW}: beside the reference book")
    parser.add_argument("--replay", metavar="FILE")
    parser.add_argument("--cases", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--place", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out = Path(options.out).absolute()
    if options.cases:
        work(options)
        return
    if options.replay:
        sys.exit(not replay(options.replay, named(options.kind)))
    rows = fuzz(options.inputs, options.seed, options.processes, options.out, kind=options.kind)
    status = show(rows)
    for row in rows:
        if row.figure.endswith(": finding"):
            say(f"again: make replay FILE={options.out / row.measured.partition(':')[0]}")
    sys.exit(status)


if __name__ == "__main__":
    main()
