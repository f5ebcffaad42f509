"""`python -m tests.trust`: every figure that trust rests on, measured now, in one table.

Each program runs by itself too; this one only runs them in turn, in processes of their own, and
collects what they print. `--share 0.1` does a tenth of the long ones.
"""

import argparse
import os
import re
import subprocess
import sys
import time

HOURS = 500
STALLS = 10_000
TWICE = 100
INPUTS = 10_000_000
BOUNDARY = 1_000_000
MESSAGES = 17_300_000


def programs(share, jobs):
    """(what it shows, the arguments of Python) of each program."""

    def part(whole, least=1):
        return str(max(least, int(whole * share)))

    many = ["--jobs", str(jobs)]
    seeds = part(HOURS // 5)
    return [
        ("simulation", ["-m", "tests.simulation", "--seeds", seeds, "--hours", "5", *many]),
        ("stalls", ["-m", "tests.simulation", "--stalls", part(STALLS, 20), *many]),
        (
            "determinism",
            ["-m", "tests.simulation", "--twice", "--seeds", part(TWICE), "--hours", "0.02"],
        ),
        ("depth of recorded markets", ["-m", "tests.simulation.depth"]),
        ("seeded bugs", ["-m", "tests.mutants", *many]),
        ("fuzzing", ["-m", "tests.fuzz.native", "--inputs", part(INPUTS, 10_000)]),
        ("boundary", ["-m", "tests.fuzz.boundary", "--runs", part(BOUNDARY, 1_000)]),
        ("bombs", ["-m", "tests.soak.bombs"]),
        ("threads", ["-m", "tests.soak.threads"]),
        ("callbacks", ["-W", "error", "-m", "tests.soak.callbacks"]),
        ("consumers", ["-m", "tests.soak.consumers"]),
        ("leaks", ["-W", "error", "-m", "tests.soak.leaks"]),
        ("sockets", ["-m", "tests.soak.sockets"]),
        ("a thousand topics", ["-m", "tests.soak.topics"]),
        ("a day", ["-m", "tests.soak.day", "--messages", part(MESSAGES, 100_000)]),
    ]


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.trust", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the long ones; 1: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--only", default="", help="a regular expression of what to show")
    options = parser.parse_args()
    failed, figures = [], []
    began = time.perf_counter()
    for name, arguments in programs(options.share, options.jobs):
        if not re.search(options.only, name):
            continue
        print(f"== {name}: python {' '.join(arguments)}", flush=True)
        started = time.perf_counter()
        done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
        for line in done.stdout.splitlines():
            # Progress is for whoever watches the program itself.
            if not line.startswith("  "):
                print(f"   {line}")
            if line.startswith(("ok ", "FAILED ")) and not line.endswith("(target -)"):
                figures.append(line)
        verdict = "passed" if done.returncode == 0 else "FAILED"
        print(f"   {verdict} in {time.perf_counter() - started:.0f} s", flush=True)
        if done.returncode:
            failed.append(name)
    print("\n".join(["", "every figure:", *figures]))
    minutes = (time.perf_counter() - began) / 60
    print(f"failed: {', '.join(failed)}" if failed else "all passed", f"in {minutes:.0f} minutes")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
