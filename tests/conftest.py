"""Settings of the test run: how hard Hypothesis tries, and who looks for secrets."""

import atexit
import gc
import os
import shutil
import tempfile

import pytest
from hypothesis import Phase, settings

from bitmart_book.client.limits import PROCESS_LIMITER
from tests.helpers.canaries import pytest_runtest_call as pytest_runtest_call

settings.register_profile(
    "default", max_examples=50, stateful_step_count=40, deadline=None, print_blob=True
)
settings.register_profile("slow", parent=settings.get_profile("default"), max_examples=2_000)
settings.register_profile(
    "quick", parent=settings.get_profile("default"), max_examples=10, stateful_step_count=20
)
settings.register_profile(
    "seeded",
    parent=settings.get_profile("default"),
    max_examples=50,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    # Whether an example fails is all that is asked of a seeded bug, and not which is the smallest.
    phases=(Phase.explicit, Phase.generate),
)
settings.register_profile(
    "seeded-quick",
    parent=settings.get_profile("seeded"),
    max_examples=10,
    stateful_step_count=20,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# What is published is this run's, whatever else runs on the machine.
os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="bitmart_book-tests-")
atexit.register(shutil.rmtree, os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)


def pytest_collection_finish():
    """What ten thousand tests are made of is not looked through by each `gc.collect` of a test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _nobody_was_here_before(monkeypatch):
    """The limits of a process belong to addresses, and two servers of two tests may be given the
    same port: what the first refused would be held against the second."""
    monkeypatch.setattr(PROCESS_LIMITER, "_gates", {})
