"""Builds the one extension; everything static is in pyproject.toml.

Switches (environment): BITMART_BOOK_DEBUG=1 unoptimised with symbols, BITMART_BOOK_COVERAGE=1
line tracing for coverage, BITMART_BOOK_SANITIZE=1 AddressSanitizer and UBSan,
BITMART_BOOK_PORTABLE=1 none of what only some processors and compilers can.
"""

import os
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG, COVERAGE, SANITIZE, PORTABLE = (
    os.environ.get(f"BITMART_BOOK_{name}") == "1"
    for name in ("DEBUG", "COVERAGE", "SANITIZE", "PORTABLE")
)

compile_args, link_args, macros, directives = [], [], [], {}
if sys.platform != "win32":
    # An undeclared function must not compile into a call that crashes.
    compile_args += ["-Werror=implicit-function-declaration", "-fstack-protector-strong"]
    if SANITIZE:
        # -O1 runs twice as fast as -O0 and still tells lines; a report ends the process.
        compile_args += ["-O1", "-g", "-fno-omit-frame-pointer"]
        flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        compile_args += flags
        link_args += flags
    else:
        # Pythons hand their own -g on, which makes the module three times as large.
        compile_args += ["-O0", "-g3"] if DEBUG or COVERAGE else ["-O3", "-g0"]
if DEBUG or SANITIZE:
    directives["boundscheck"] = True
if PORTABLE:
    macros += [("BITMART_BOOK_PORTABLE", "1")]
if COVERAGE:
    # Without the second macro the .pyx silently leaves the report on Python 3.13 and later.
    macros += [("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]
    directives["linetrace"] = True

setup(
    ext_modules=cythonize(
        [
            Extension(
                "bitmart_book._book",
                ["bitmart_book/_book.pyx"],
                extra_compile_args=compile_args,
                extra_link_args=link_args,
                define_macros=macros,
            )
        ],
        compiler_directives=directives,
        annotate=os.environ.get("BITMART_BOOK_ANNOTATE") == "1",
    )
)
