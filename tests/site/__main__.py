"""Build the documentation as a site and look at it: `python -m tests.site`, or `make docs`.

Nothing is fetched: not while it is built, and not by whoever reads it.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.site.built import problems
from tests.site.source import HOME, ROOT, assemble


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="then serve it on this machine")
    serve = parser.parse_args().serve
    source, site = ROOT / "build" / "docs", ROOT / "build" / "site"
    assemble(source)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REPOSITORY": HOME}
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--clean", "--strict"]
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        return 1
    wrong = list(problems(site))
    for line in wrong:
        print(line)
    count = len(list(site.rglob("*.html")))
    print(f"{count} pages in {site.relative_to(ROOT)}, {len(wrong)} problems")
    if serve:
        where = ["--bind", "127.0.0.1", "--directory", str(site)]
        subprocess.run([sys.executable, "-m", "http.server", *where], check=False)
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
