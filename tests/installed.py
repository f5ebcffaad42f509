"""What was installed, looked at from inside: run by the Python that it was installed for.

`python tests/installed.py README.md` imports nothing of the checkout. It shows how long an import
takes, that nothing is loaded that is not used, that the uses that README shows run, and that the
command line is there and content.
"""

import argparse
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

RUNS = 7
# Before somebody needs them.
UNUSED = ["asyncio", "click", "hmac", "logging", "numpy", "rich", "sortedcontainers", "websockets"]
# On the wall, and of the processor.
IMPORT = """
import time
before = time.perf_counter(), time.process_time()
import bitmart_book
print(time.perf_counter() - before[0], time.process_time() - before[1])
"""
LOADED = f"""
import sys
before = set(sys.modules)
import bitmart_book
print(*sorted((set(sys.modules) - before) & set({UNUSED!r})))
"""
FEED = """
import sys
import bitmart_book as bb
bb.Feed(source="sim")
print(*sorted({"click", "rich", "sortedcontainers"} & set(sys.modules)))
"""


def run(*command):
    """What a program prints, far from any checkout; it may not fail, and a warning fails it. That a
    busy machine let its loop stand still for a moment is said, and no failure."""
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=environment | {"PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            timeout=120,
        )
    if result.returncode:
        sys.exit(f"{command[-1]}\nfailed with {result.returncode}:\n{result.stderr}")
    return result.stdout


def python(code):
    return run(sys.executable, "-c", code).strip()


def check(holds, problem):
    if not holds:
        sys.exit(problem)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("readme", type=Path)
    parser.add_argument("--import-within", type=float, metavar="SECONDS")
    options = parser.parse_args()

    place = Path(python("import bitmart_book; print(bitmart_book.__file__)"))
    check(
        place.is_relative_to(sysconfig.get_path("platlib")),
        f"what is imported is {place}, and not what was installed",
    )
    print(f"imported from  {place.parent}")
    took, cost = zip(*(map(float, python(IMPORT).split()) for _ in range(RUNS)), strict=True)
    print(f"import         {min(took):.3f} s, {min(cost):.3f} of the processor: least of {RUNS}")
    limit = options.import_within
    # The processor's time, which no other program makes longer.
    check(limit is None or min(cost) <= limit, f"an import takes more than {limit} s")
    for code, what in ((LOADED, "an import"), (FEED, "a feed")):
        loaded = python(code)
        check(not loaded, f"{what} loads what nobody uses: {loaded}")
    print("loaded unused  nothing")

    uses = re.findall(r"^```python\n(.*?)^```", options.readme.read_text("utf-8"), re.M | re.S)
    check(uses, f"{options.readme} shows no use")
    for number, use in enumerate(uses, 1):
        shown = python(use).splitlines()
        promised = re.findall(r"# prints (.*)", use)
        check(shown and promised in ([], shown), f"use {number} shows {shown}, not {promised}")
    print(f"README         {len(uses)} uses run")

    command = Path(sysconfig.get_path("scripts")) / "bitmart-book"
    found = run(command, "doctor").splitlines()
    check("All that is essential works." in found, "\n".join(found))
    check("works" in found[0], found[0])
    print("doctor         All that is essential works.")


if __name__ == "__main__":
    main()
