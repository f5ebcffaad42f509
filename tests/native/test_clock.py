"""The machine's clocks: what a read asks them, and that it is never fooled by them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.clocks import LIBRARY, SCENARIOS

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which(os.environ.get("CC") or "cc")

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or COMPILER is None,
    reason="needs clocks that only Linux has, and a compiler to stand before them",
)


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clocks")
    source, library = folder / "clocks.c", folder / "clocks.so"
    source.write_text(LIBRARY)
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, source], check=True)
    # What runs under a sanitizer has its library preloaded already, and that must stay the first.
    return " ".join(filter(None, [os.environ.get("LD_PRELOAD"), str(library)]))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_machine(scenario, preloaded):
    found = subprocess.run(
        [sys.executable, "-m", "tests.helpers.clocks", scenario],
        cwd=ROOT, env=os.environ | {"LD_PRELOAD": preloaded}, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
