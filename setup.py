"""Builds the extensions; everything static is in pyproject.toml.

The fast wire is built where its library is, of the version that it is made for; nowhere else, and
then the package is whole but for `transport="picows"`.

Switches (environment): BITMART_BOOK_DEBUG=1 unoptimised with symbols, BITMART_BOOK_COVERAGE=1
line tracing for coverage, BITMART_BOOK_SANITIZE=1 AddressSanitizer and UBSan. BITMART_BOOK_PORTABLE
builds here what other machines run: 1, none of what only some processors and compilers can;
words, eight characters at a time and not sixteen, as on ARM; x87, floats in 80 bits, as on i386.
"""

import os
import shutil
import sys

NEEDED = (
    "it needs a C compiler and Python's headers (Debian: apt install gcc libc6-dev python3-dev; "
    "macOS: xcode-select --install; Windows: the C++ build tools of Visual Studio)"
)


def fail(problem):
    """End with one sentence, which installers show last."""
    sys.exit(f"bitmart_book cannot be built here: {problem}")


# Installers refuse the first by themselves, but not who runs this file.
if sys.version_info < (3, 11):  # noqa: UP036
    fail(f"it needs Python 3.11 or newer, and this is {sys.version.split()[0]}")
if sys.implementation.name != "cpython":
    fail(f"it needs CPython, and this is {sys.implementation.name}")

from Cython.Build import cythonize  # noqa: E402
from setuptools import Extension, setup  # noqa: E402
from setuptools.command.build_ext import build_ext  # noqa: E402
from setuptools.errors import PlatformError  # noqa: E402

DEBUG, COVERAGE, SANITIZE = (
    os.environ.get(f"BITMART_BOOK_{name}") == "1" for name in ("DEBUG", "COVERAGE", "SANITIZE")
)
PORTABLE = os.environ.get("BITMART_BOOK_PORTABLE", "")

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
if PORTABLE == "1":
    macros += [("BITMART_BOOK_PORTABLE", "1")]
elif PORTABLE == "words":
    macros += [("BITMART_BOOK_WORDS", "1")]
elif PORTABLE == "x87":
    compile_args += ["-mfpmath=387"]
elif PORTABLE not in ("", "0"):
    fail(f"BITMART_BOOK_PORTABLE is 1, words or x87, and not {PORTABLE}")
if COVERAGE:
    # Without the second macro the .pyx silently leaves the report on Python 3.13 and later.
    macros += [("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]
    directives["linetrace"] = True


def picows_version():
    """The version of picows that is here, if the fast wire can be built for it; else None."""
    if sys.platform == "win32":
        return None
    try:
        from picows import __version__
    except ImportError:
        return None
    return __version__ if __version__.startswith("2.3.") else None


def extension(name, **more):
    return Extension(
        f"bitmart_book.{name}",
        [f"bitmart_book/{name.replace('.', '/')}.pyx"],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
        define_macros=macros + more.get("macros", []),
    )


extensions = [extension("_book")]
PICOWS = picows_version()
if PICOWS is not None:
    version = [("BITMART_BOOK_PICOWS", f'"{PICOWS}"')]
    extensions.append(extension("wire._fast", macros=version))


class Build(build_ext):
    """Says in one sentence what is missing, where compilers say something else or too much. The
    extensions are compiled side by side."""

    def finalize_options(self):
        super().finalize_options()
        if self.parallel is None:
            self.parallel = True

    def run(self):
        try:
            super().run()
        except PlatformError as error:  # Windows without a compiler
            fail(f"{NEEDED}; {error}")

    def build_extensions(self):
        command = getattr(self.compiler, "compiler_so", None)
        if command and shutil.which(command[0]) is None:
            fail(f"{NEEDED}; there is no {command[0]}")
        places = self.compiler.include_dirs
        if not any(os.path.exists(os.path.join(place, "Python.h")) for place in places):
            fail(f"{NEEDED}; there is no Python.h in {' or '.join(places)}")
        super().build_extensions()


setup(
    cmdclass={"build_ext": Build},
    ext_modules=cythonize(
        extensions,
        compiler_directives=directives,
        annotate=os.environ.get("BITMART_BOOK_ANNOTATE") == "1",
    ),
)
