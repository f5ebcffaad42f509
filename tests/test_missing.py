"""What is missing is said in one sentence: a Python, a build, a compiler, headers, an extra."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import bitmart_book as bb

ROOT = Path(__file__).parent.parent


def last_line(code, folder=ROOT, *flags):
    """Of what a program writes to its standard error, which has to fail."""
    result = subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(code)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    return result.stderr.splitlines()[-1]


def test_an_old_python():
    code = """
        import sys
        sys.version_info, sys.version = (3, 10, 13, "final", 0), "3.10.13 (main)"
        import bitmart_book
    """
    expected = "ImportError: bitmart_book needs Python 3.11 or newer; this is 3.10.13"
    assert last_line(code) == expected


def test_a_python_that_it_was_not_built_for(tmp_path):
    (tmp_path / "bitmart_book").mkdir()
    for path in (ROOT / "bitmart_book").iterdir():
        if not path.name.startswith("_book."):
            (tmp_path / "bitmart_book" / path.name).symlink_to(path)
    # Without what is installed: this package may be.
    line = last_line("import bitmart_book", tmp_path, "-S")
    assert line.startswith("ImportError: bitmart_book was not built for this Python (cpython-3")
    assert line.endswith("builds it (No module named 'bitmart_book._book')")


def test_a_dependency_that_is_missing_is_named():
    code = """
        import sys
        sys.modules["msgspec"] = None
        import bitmart_book
    """
    assert "msgspec" in last_line(code)
    assert "was not built" not in last_line(code)


# --- building ---


def build(tmp_path, *words, **environment):
    """What building says last, and whether it printed a traceback."""
    places = ["--build-lib", str(tmp_path / "lib"), "--build-temp", str(tmp_path / "temp")]
    result = subprocess.run(
        [sys.executable, *words, "setup.py", "-q", "build_ext", *places],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[-1]


NEEDS = "bitmart_book cannot be built here: it needs a C compiler and Python's headers (Debian: apt"


def test_a_compiler_that_is_missing(tmp_path):
    line = build(tmp_path, CC="no-such-compiler")
    assert line.startswith(NEEDS)
    assert line.endswith("; there is no no-such-compiler")


def with_patch(code):
    """Words for Python that run setup.py after some code."""
    run = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='x')"
    return "-c", f"{code}; {run}"


def test_headers_that_are_missing(tmp_path):
    code = (
        "import setuptools; from distutils import sysconfig; "
        "sysconfig.get_python_inc = lambda *_, **__: '/nowhere'"
    )
    line = build(tmp_path, *with_patch(code))
    assert line.startswith(NEEDS)
    assert "; there is no Python.h in " in line
    assert line.endswith("/nowhere")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import sys; sys.version_info = (3, 10); sys.version = '3.10.13 (main)'",
         "it needs Python 3.11 or newer, and this is 3.10.13"),
        ("import sys; sys.implementation.name = 'pypy'", "it needs CPython, and this is pypy"),
    ],
)  # fmt: skip
def test_pythons_that_cannot(tmp_path, code, problem):
    line = build(tmp_path, *with_patch(code))
    assert line == f"bitmart_book cannot be built here: {problem}"


def test_a_build_that_is_unknown(tmp_path):
    line = build(tmp_path, BITMART_BOOK_PORTABLE="avx")
    assert line.endswith("BITMART_BOOK_PORTABLE is 1, words or x87, and not avx")


# --- extras: `zstd` is in tests/wire/test_capture.py ---


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_libraries_for_tables(library, monkeypatch):
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("1", "1")], [("2", "1")])
    book.depth()  # numpy is there
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, library, raising=False)
    with pytest.raises(bb.UsageError) as caught:
        getattr(book.depth(), f"to_{library}")()
    assert str(caught.value) == f"to_{library}() needs {library}: pip install {library}"
