"""What is for a public host: targets that workflows name are there, and forms ask for what helps.

The workflows themselves are looked at by their linters: `make workflows`.
"""

import re
import tomllib
from pathlib import Path

import pytest

from tests import release
from tests.pythons import oldest_versions

ROOT = Path(__file__).parent.parent
MAKEFILES = (ROOT / "Makefile").read_text() + (ROOT / "proofs.mk").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HOST = ROOT / ".github"
WORKFLOWS = {path.stem: path.read_text() for path in (HOST / "workflows").glob("*.yml")}
FORMS = {path.stem: path.read_text() for path in (HOST / "ISSUE_TEMPLATE").glob("*.yml")}


def test_workflows_make_what_is_there():
    named = re.findall(r"- run: make ([\w-]+)", WORKFLOWS["tests"])
    proofs = re.search(r"proof:\n((?: +- .*\n)+)", WORKFLOWS["nightly"])[1]
    named += re.findall(r"- ([\w-]+)", proofs)
    assert {"test-all", "test-oldest", "portable", "cross"} <= set(named)
    for name in named:
        assert re.search(rf"^{name}:", MAKEFILES, re.MULTILINE), name


def test_workflows_run_every_python_that_is_claimed():
    claimed = {
        word.rpartition(" ")[2]
        for word in PROJECT["project"]["classifiers"]
        if re.search(r":: 3\.\d+$", word)
    }
    assert claimed
    assert set(re.search(r"python: \[(.*)\]", WORKFLOWS["tests"])[1].split(", ")) == {
        f'"{version}"' for version in claimed
    }
    built = PROJECT["tool"]["cibuildwheel"]["build"]
    assert built == [f"cp{version.replace('.', '')}-*" for version in sorted(claimed)]


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_a_workflow_may_do_no_more_than_it_says(name):
    text = WORKFLOWS[name]
    assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE)
    assert text.count("uses: actions/checkout@") == text.count("persist-credentials: false")
    assert text.count("runs-on:") == text.count("timeout-minutes:")
    assert "secrets." not in text, "there is nothing that could be lost"
    # By it the index and the pages know which workflow publishes; no step but that one has it.
    assert text.count("id-token: write") == (name in ("docs", "wheels"))
    assert "id-token: write" not in text.partition("\n  publish:\n")[0]


def test_only_a_tag_that_somebody_approved_is_published():
    job = WORKFLOWS["wheels"].partition("\n  publish:\n")[2]
    assert "if: github.event_name == 'push' && startsWith(github.ref, 'refs/tags/v')" in job
    assert "environment: pypi" in job
    assert WORKFLOWS["wheels"].count("gh-action-pypi-publish") == 1


def test_classifiers_say_no_more_than_the_page_of_platforms():
    page = (ROOT / "docs" / "platforms.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| ([^|]*) \| ([^|]*) \| ([^|]+) \|$", page, re.MULTILINE)
    tested = {(row[0].partition(",")[0], row[2]) for row in rows if row[3].startswith("tested")}
    assert tested == {("Linux", "3.11, 3.12, 3.13")}
    said = PROJECT["project"]["classifiers"]
    assert [word for word in said if "Operating System" in word] == [
        "Operating System :: POSIX :: Linux"
    ]
    versions = [word.rpartition(" ")[2] for word in said if re.search(r":: 3\.\d+$", word)]
    assert versions == ["3.11", "3.12", "3.13"]


@pytest.mark.parametrize("name", ["wrong-book", "problem"])
def test_forms_ask_for_a_capture_and_for_what_doctor_says(name):
    text = FORMS[name]
    assert "bitmart-book record SYMBOL --out capture.jsonl.gz" in text
    assert "What `bitmart-book doctor` says" in text
    # `doctor`, and a capture where a book is wrong, are not optional.
    required = re.findall(r"id: (\w+)(?:(?!id:).)*?required: true", text, re.DOTALL)
    assert set(required) >= {"seen", "doctor"} | ({"capture"} if name == "wrong-book" else set())


def test_the_oldest_versions_are_those_of_the_lower_bounds():
    assert len(list(oldest_versions())) == len(PROJECT["project"]["dependencies"])


# --- a release ---


@pytest.mark.parametrize(
    ("changelog", "changed", "tags", "promised", "problem"),
    [
        ("## 0.3.0 (2027-01-02)\n", [], [], ..., []),
        ("## 0.3.0 (unreleased)\n", [], [], ..., ["says of 0.3.0: unreleased"]),
        ("## 0.2.0 (2027-01-02)\n", [], [], ..., ["CHANGELOG begins with 0.2.0"]),
        ("## 0.3.0 (2027-01-02)\n", ["a.py"], ["v0.3.0"], ..., ["not committed: a.py", "v0.3.0"]),
        ("## 0.3.0 (2027-01-02)\n", [], [], {}, ["surface.json"]),
    ],
)
def test_what_is_not_ready_is_said(changelog, changed, tags, promised, problem):
    promised = release.surface.surface() if promised is ... else promised
    found = list(release.problems("0.3.0", changelog, changed, tags, promised))
    assert len(found) == len(problem)
    assert all(text in line for text, line in zip(problem, found, strict=True))
