"""Cython code of users: what it needs is shipped, compiles, and reads what Python reads."""

import fnmatch
import os
import shutil
import subprocess
import sys
import tarfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bitmart_book"
SOURCES = sorted(
    str(path.relative_to(PACKAGE))
    for path in PACKAGE.rglob("*.p*")
    if path.suffix in (".pxd", ".pxi", ".pyi", ".pyx")
)


def setup(*commands):
    subprocess.run(
        [sys.executable, "setup.py", "-q", *commands],
        cwd=ROOT,
        check=True,
        timeout=300,
        capture_output=True,
    )


def test_a_source_archive_holds_every_source(tmp_path):
    setup("egg_info", "--egg-base", str(tmp_path), "sdist", "--dist-dir", str(tmp_path))
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        held = {name.partition("/")[2] for name in tar.getnames()}
    assert {f"bitmart_book/{name}" for name in SOURCES} <= held
    assert not [name for name in held if name.endswith((".c", ".so", ".pyc"))]
    # All of the repository, so that its tests run and its proofs can be had.
    missing = kept() - held
    assert not missing
    assert {"Makefile", "tests/conftest.py", "docs/guide.md", ".github/dependabot.yml"} <= held


def kept():
    """What is kept of this folder: all that nobody makes."""
    patterns = (ROOT / ".gitignore").read_text().split()
    made = tuple(word.removeprefix("*") for word in patterns if word.startswith("*."))
    return {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*")
        if path.is_file()
        and not path.name.endswith(made)
        and not any(
            fnmatch.fnmatch(f"{part}/", pattern) or fnmatch.fnmatch(part, pattern)
            for part in path.relative_to(ROOT).parts
            for pattern in (*patterns, ".git", "PKG-INFO", "setup.cfg")
        )
    }


def test_a_wheel_holds_what_a_cimport_needs(tmp_path):
    # What a wheel is packed from, but for the compiled module.
    setup("egg_info", "--egg-base", str(tmp_path), "build_py", "--build-lib", str(tmp_path / "lib"))
    lib = tmp_path / "lib" / "bitmart_book"
    held = {str(path.relative_to(lib)) for path in lib.rglob("*")}
    assert set(SOURCES) | {"py.typed"} <= held
    assert not [name for name in held if name.endswith(".c")]


def test_a_compiled_watcher_of_a_user_is_told_of_every_change_of_the_top(tmp_path):
    shutil.copy(ROOT / "examples" / "widest.pyx", tmp_path)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CFLAGS": "-O0"}
    subprocess.run(
        [sys.executable, "-m", "Cython.Build.Cythonize", "-i", "widest.pyx"],
        cwd=tmp_path, env=environment, check=True, timeout=300, capture_output=True,
    )  # fmt: skip
    code = """
        import bitmart_book as bb
        from widest import Widest

        book = bb.Book("BTC_USDT")
        widest = Widest()
        widest.watch(book)
        book.apply_snapshot([("99", "1")], [("101", "1")], sequence=1)
        book.apply_delta([("98", "1")], [], sequence=2)
        book.apply_delta([("99", "0")], [], sequence=3)
        book.apply_delta([("100", "1")], [], sequence=4)
        assert (widest.spread, widest.frames, widest.losses) == (3.0, 3, 0)
        book.apply_delta([], [], sequence=9)
        book.apply_snapshot([("99", "1")], [("109", "1")], sequence=10)
        assert (widest.spread, widest.frames, widest.losses) == (10.0, 4, 1)
        widest.cancel()
        book.apply_delta([], [("109", "0"), ("199", "1")], sequence=11)
        assert (widest.spread, book.watched) == (10.0, 0)
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path, env=environment, check=True, timeout=60,
    )  # fmt: skip


def test_the_example_compiles_and_reads_what_python_reads(tmp_path):
    shutil.copy(ROOT / "examples" / "pressure.pyx", tmp_path)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CFLAGS": "-O0"}
    subprocess.run(
        [sys.executable, "-m", "Cython.Build.Cythonize", "-i", "pressure.pyx"],
        cwd=tmp_path, env=environment, check=True, timeout=300, capture_output=True,
    )  # fmt: skip
    code = """
        import pytest
        import bitmart_book as bb
        from bitmart_book.bench.frames import Market, spot_frame
        from pressure import pressure, widest_spread

        market = Market("BTC_USDT", 5)
        now = [0]
        engine = bb.Engine(clock=lambda: now[0], valid_for=1.0)
        opening, *rest = [spot_frame(market.snapshot())] + [
            spot_frame(market.update()) for _ in range(200)
        ]
        engine.apply(opening)
        book = engine["BTC_USDT"]
        spreads = []
        twin = bb.Engine()
        twin.apply(opening)
        for frame in rest:
            twin.apply(frame)
            quote = twin["BTC_USDT"].quote
            spreads.append(quote.ask - quote.bid)
        assert widest_spread(engine, book, rest) == max(spreads) > 0

        for levels in (1, 7, 50):
            bids, asks = book.depth(levels)
            mid = (bids[0, 0] + asks[0, 0]) / 2
            bid, ask = (
                sum(size / (1e-9 * mid + abs(price - mid)) for price, size in side.tolist())
                for side in (bids, asks)
            )
            assert pressure(book, levels) == pytest.approx((bid - ask) / (bid + ask), abs=1e-12)
        now[0] = 1_000_000_000
        for read in (lambda: pressure(book, 3), lambda: widest_spread(engine, book, [b"pong"])):
            with pytest.raises(bb.BookNotLive):
                read()
        empty = bb.Book("X")
        empty.apply_snapshot([], [("1", "1")])
        assert pressure(empty, 3) == 0.0
        assert widest_spread(bb.Engine(), empty, [b"pong"]) == 0.0
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path, env=environment, check=True, timeout=60,
    )  # fmt: skip
