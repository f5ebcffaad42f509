"""Runs under the virtual clock: they repeat, lies act, and a believing client is caught."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.strangers import parties
from tests.strangers.__main__ import main, side_by_side
from tests.strangers.lies import LIES
from tests.strangers.settings import Setting

ROOT = Path(__file__).parent.parent.parent


def fingerprint(party: str, hash_seed: str) -> str:
    words = f"-m tests.strangers --party {party} --all --seed 11 --hours 0.03"
    words += " --no-shrink --fingerprints"
    done = subprocess.run(
        [sys.executable, *words.split()],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.parametrize("party", ["naive", "client"])
def test_the_same_seed_is_the_same_run_whatever_the_hashes(party: str) -> None:
    first = fingerprint(party, "1")
    assert len(first.splitlines()[-1]) == 16
    assert fingerprint(party, "2") == first


def test_runs_side_by_side_find_what_they_find_alone() -> None:
    settings = [Setting(seed, 20.0) for seed in (1, 2, 3)]
    alone, beside = (side_by_side(settings, "naive", jobs) for jobs in (1, 2))
    assert [one.fingerprint for one in beside] == [one.fingerprint for one in alone]
    assert [one.tally for one in beside] == [one.tally for one in alone]


def test_a_seed_that_fails_says_how_to_run_it_again_with_fewer_lies(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        "strangers --party naive --seed 2 --hours 0.05 --lies counter_repeats,half_open --by-lie"
    )
    monkeypatch.setattr(sys, "argv", words.split())
    main()
    lines = capsys.readouterr().out.splitlines()
    (failed,) = (line for line in lines if line.startswith("failed: "))
    (fewest,) = (line for line in lines if line.startswith("fewest lies: "))
    assert failed.startswith("failed: python -m tests.strangers --seed 2 --hours 0.0500")
    assert "--only" in fewest
    assert failed.endswith("--party naive")
    assert fewest.endswith("--party naive")
    assert any(line.split()[:1] == ["half_open"] for line in lines)


def test_another_seed_is_another_run() -> None:
    one, other = (parties.naive(Setting(seed, 20.0)).fingerprint for seed in (1, 2))
    assert one != other


@pytest.mark.parametrize(
    "name",
    [
        "late_inside",
        "late_line",
        "half_open",
        "pair_silent",
        "reply_cached",
        "counter_repeats",
    ],
)
def test_a_client_that_believes_all_it_hears_is_caught(name: str) -> None:
    result = parties.naive(Setting(2, 90.0, (name,), alone=True))
    found = result.tally.wrong + result.tally.over_age + result.tally.no_promise
    assert result.acted[name] > 0
    assert found > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in sorted(LIES) if "private" not in name])
def test_every_public_lie_can_act(name: str) -> None:
    # Some aim at an endpoint or a topic where they have nothing to say: then another seed. The
    # believing client has no account that a private lie could be told of.
    settings = (Setting(seed, 45.0, (name,), alone=True) for seed in range(4, 12))
    assert any(parties.naive(setting).acted.get(name) for setting in settings)
