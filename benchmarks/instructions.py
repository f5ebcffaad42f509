"""Counts instructions anew, says what changed since the last time, and keeps the new counts.

`python -m benchmarks.instructions`, with valgrind installed; the counts are in
`instructions.json` beside this file. Numbers of another compiler or Python are not comparable:
both are kept with them.
"""

from __future__ import annotations

import json
from pathlib import Path

from bitmart_book.bench import callgrind
from bitmart_book.bench.report import machine

KEPT = Path(__file__).with_name("instructions.json")
SHOWN = 6


def main() -> None:
    here = machine()
    built = {"python": here["python"], "compiler": here["compiler"], "system": here["system"]}
    last = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    before = last.get("counts", {})
    if before and last["built"] != built:
        print(f"the last counts are of another build: {last['built']}")
        before = {}
    counts = {}
    for task in callgrind.TASKS:
        count = callgrind.count(task)
        counts[task] = {"instructions": count.instructions, "functions": count.functions}
        then = before.get(task, {}).get("instructions")
        change = f"  was {then:,.0f}, {count.instructions / then - 1:+.1%}" if then else ""
        print(f"{task:20}{count.instructions:>12,.0f}{change}")
        for name, cost in list(count.functions.items())[:SHOWN]:
            print(f"    {name[-60:]:60}{cost:>10,.0f}")
    text = json.dumps({"built": built, "counts": counts}, indent=1)
    KEPT.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
