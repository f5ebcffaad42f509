"""One source, several builds: which this one is, and that floats are right where 80 bits compute.

`make portable` runs all tests with each kind of build, and names it in BITMART_BOOK_PORTABLE.
"""

import os
import platform
import subprocess
import sys
import textwrap
from pathlib import Path

from bitmart_book import _book

ROOT = Path(__file__).parents[2]

IS_X86_64 = platform.machine() in ("x86_64", "AMD64")
ASKED_FOR = os.environ.get("BITMART_BOOK_PORTABLE") or "0"
# Characters that are read at once, and whether a division rounds once.
BUILDS = {
    "0": (16 if IS_X86_64 else 8, True),
    "1": (1, False),
    "words": (8, True),
    "x87": (16, False),
}


def test_this_build_is_the_one_that_was_asked_for():
    """On a machine whose lowest byte comes first, by a compiler that is gcc or speaks like it."""
    found = (_book._characters_at_once, _book._rounds_once)
    known = sys.byteorder == "little" and sys.platform != "win32"
    assert found == (BUILDS[ASKED_FOR] if known else (1, True))


ROUNDING = """
    # cython: language_level=3
    from libc.stdint cimport int64_t

    from bitmart_book.native.double cimport number_of_double
    from bitmart_book.native.number cimport ROUNDS_ONCE, Number, to_double

    rounds_once = bool(ROUNDS_ONCE)


    def float_of(int64_t mantissa, int scale):
        return to_double(mantissa, scale)


    def number_of(double value, int scale):
        cdef Number found
        if number_of_double(value, scale, &found):
            return found.mantissa, found.exponent
        return None
"""
LOOKING = """
    import random
    from rounding import float_of, number_of, rounds_once

    chance = random.Random(5)
    assert float_of(6052524946, 6) == 6052.524946
    for _ in range(200_000):
        mantissa, scale = chance.randint(1, 10 ** chance.randint(1, 17)), chance.randint(0, 18)
        value = float_of(mantissa, scale)
        assert value == float(f"{mantissa}e-{scale}"), (mantissa, scale)
        number = number_of(value, scale)
        if number is not None:
            assert float(f"{number[0]}e{number[1]}") == value
    print(rounds_once)
"""


def test_floats_are_right_where_eighty_bits_compute(tmp_path):
    """i386 without SSE2 does so, and x86-64 can be told to: a quotient is rounded to 64 bits, and
    once more, to 53, where it is stored."""
    (tmp_path / "rounding.pyx").write_text(textwrap.dedent(ROUNDING))
    flags = "-O2 -mfpmath=387" if IS_X86_64 else "-O2"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CFLAGS": flags}
    subprocess.run(
        [sys.executable, "-m", "Cython.Build.Cythonize", "-i", "rounding.pyx"],
        cwd=tmp_path, env=environment, check=True, timeout=300, capture_output=True,
    )  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOOKING)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{not IS_X86_64}\n"
