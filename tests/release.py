"""Whether a release is ready, and what remains to be done by hand: `python -m tests.release`.

`make release` calls it last. Nothing here needs a network, and nothing is tagged or published.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import bitmart_book as bb
from tests.helpers import surface

ROOT = Path(__file__).parent.parent
REMAINS = """\
{version} is ready. What remains is a decision:
  git tag --sign v{version} && git push origin v{version}
The workflow "wheels" builds for every platform, and waits for the approval of the environment
"pypi" before it publishes. docs/release.md has the rest.
"""


def git(*words):
    found = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    return found.stdout.strip()


def problems(version, changelog, changed, tags, promised):
    """Why this is no release yet, in sentences."""
    newest = re.search(r"^## (\S+) \((.*)\)", changelog, re.MULTILINE)
    if newest[1] != version:
        yield f"CHANGELOG begins with {newest[1]}, and the package is {version}"
    elif not re.fullmatch(r"\d{4}-\d\d-\d\d", newest[2]):
        yield f"CHANGELOG says of {version}: {newest[2]}; it is to say the date"
    if promised != surface.surface():
        yield "tests/surface.json is not what is released: python -m tests.helpers.surface --write"
    if changed:
        yield f"not committed: {', '.join(changed)}"
    if f"v{version}" in tags:
        yield f"there is a tag v{version} already"


def main():
    changed = [line[3:] for line in git("status", "--porcelain").splitlines()]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    promised = json.loads(surface.FILE.read_text())
    found = list(problems(bb.__version__, changelog, changed, git("tag").split(), promised))
    for problem in found:
        print(problem)
    if found:
        sys.exit(1)
    print(REMAINS.format(version=bb.__version__), end="")


if __name__ == "__main__":
    main()
