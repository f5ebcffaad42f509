"""What the package costs before and beside the time of a frame: memory, and its import.

Measured in processes of their own, `python -m bitmart_book.bench.footprint`, which import nothing
but the package and read frames from their standard input.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterable

import bitmart_book as bb

__all__ = ["growth", "import_seconds", "memory", "resident"]

MARK = b"-\n"


def memory(groups: Iterable[Iterable[bytes]]) -> list[int]:
    """Resident bytes of one engine: after the import, and then after each group of frames."""
    lines = []
    for group in groups:
        lines += [frame + b"\n" for frame in group]
        lines.append(MARK)
    return _run("memory", b"".join(lines))


def growth(frames: Iterable[bytes], total: int) -> list[int]:
    """Resident bytes after a tenth of `total` frames and after all of them.

    The frames, which start with a snapshot, are repeated until there are so many.
    """
    return _run(f"growth={total}", b"".join(frame + b"\n" for frame in frames))


def import_seconds(passes: int) -> tuple[float, float]:
    """The least seconds that `import bitmart_book` takes in a new interpreter: on the wall, and of
    the processor."""
    code = (
        "import time; now = lambda: (time.perf_counter(), time.process_time()); a = now(); "
        "import bitmart_book; b = now(); print(b[0] - a[0], b[1] - a[1])"
    )
    walls, costs = [], []
    for _ in range(passes):
        result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        wall, cost = map(float, result.stdout.split())
        walls.append(wall)
        costs.append(cost)
    return min(walls), min(costs)


def resident() -> int | None:
    """Resident memory of this process in bytes; where the system does not say, its peak so far, and
    None where it says neither."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        try:
            import resource
        except ImportError:
            return None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _run(task: str, data: bytes) -> list[int]:
    command = [sys.executable, "-m", "bitmart_book.bench.footprint", task]
    result = subprocess.run(command, input=data, check=True, capture_output=True)
    return [int(size) for size in json.loads(result.stdout)]


def main() -> None:
    task, _, number = sys.argv[1].partition("=")
    engine = bb.Engine()
    sizes = []
    if task == "memory":
        gc.collect()
        sizes.append(resident())
        for line in sys.stdin.buffer:
            if line == MARK:
                gc.collect()
                sizes.append(resident())
            else:
                engine.apply(line)
    else:
        frames, total = sys.stdin.buffer.read().splitlines(), int(number)
        done = 0
        for limit in (total // 10, total):
            while done < limit:
                part = frames[: limit - done]
                for frame in part:
                    engine.apply(frame)
                done += len(part)
            gc.collect()
            sizes.append(resident())
    json.dump(sizes, sys.stdout)


if __name__ == "__main__":
    main()
