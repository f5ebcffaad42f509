"""Whether the C compiles for other machines: `python -m tests.cross`, or `make cross`.

The C that Cython writes is compiled by a compiler that has the headers of many systems with it
(`ziglang`), and a warning is an error. It is linked where the linker needs
nothing of Python's. The headers of Python are those of the Python at hand. For machines of 64 bits
whose lowest byte comes first they say what is true there too, but for Windows, whose own facts are
written below. Nothing is run.
"""

import argparse
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = ROOT / "build" / "cross"
SOURCE = ROOT / "bitmart_book" / "_book.c"
SHARED = ("-shared",)
# A target as zig spells it, and how a module is linked there; None: it is not.
TARGETS = {
    "x86_64-linux-gnu": SHARED,
    "aarch64-linux-gnu": SHARED,
    "x86_64-linux-musl": SHARED,
    "aarch64-linux-musl": SHARED,
    "x86_64-macos": ("-shared", "-undefined", "dynamic_lookup"),
    "aarch64-macos": ("-shared", "-undefined", "dynamic_lookup"),
    # It wants Python's own import library.
    "x86_64-windows-gnu": None,
    "aarch64-windows-gnu": None,
}
FLAGS = (
    "-c", "-O1", "-g0", "-fno-strict-aliasing", "-fPIC", "-Wall", "-Wextra", "-Werror",
    "-Werror=implicit-function-declaration",
)  # fmt: skip
# What Cython's own C is known to do; none of these could tell of a mistake of ours, whose C
# functions are all small and called.
CYTHON = (
    "-Wno-unused-function",
    "-Wno-unused-parameter",
    "-Wno-missing-field-initializers",
    "-Wno-cast-function-type-mismatch",
)
# What the configuration of Python says on Windows with 64 bits, as far as its headers ask.
WINDOWS = {
    **dict.fromkeys(
        ("MS_WIN32", "MS_WIN64", "MS_WINDOWS", "NT_THREADS", "WITH_DOC_STRINGS",
         "Py_ENABLE_SHARED", "HAVE_DECLSPEC_DLL", "MS_COREDLL", "HAVE_STDDEF_H", "HAVE_ERRNO_H",
         "HAVE_FCNTL_H", "HAVE_SYS_STAT_H", "HAVE_SYS_TYPES_H", "HAVE_WCHAR_H"),
        1,
    ),
    "SIZEOF_SHORT": 2, "SIZEOF_INT": 4, "SIZEOF_LONG": 4, "SIZEOF_LONG_LONG": 8,
    "SIZEOF_VOID_P": 8, "SIZEOF_SIZE_T": 8, "SIZEOF_FLOAT": 4, "SIZEOF_DOUBLE": 8,
    "SIZEOF_WCHAR_T": 2, "SIZEOF_TIME_T": 8, "SIZEOF_FPOS_T": 8, "SIZEOF_OFF_T": 4,
    "ALIGNOF_SIZE_T": 8, "ALIGNOF_MAX_ALIGN_T": 8,
}  # fmt: skip


def headers(target):
    """A folder with Python's headers for a target."""
    folder = PLACE / target / "include"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sysconfig.get_path("include"), folder)
    if "windows" in target:
        facts = "".join(f"#define {name} {value}\n" for name, value in WINDOWS.items())
        (folder / "pyconfig.h").write_text(facts)
    return folder


def zig(target, *arguments):
    """Whether the compiler was content."""
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT).returncode == 0


def compiles(target):
    compiled = PLACE / target / "_book.o"
    linking = TARGETS[target]
    done = zig(target, *FLAGS, *CYTHON, "-I", headers(target), SOURCE, "-o", compiled)
    return done and (
        linking is None or zig(target, *linking, compiled, "-o", PLACE / target / "_book.so")
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="|".join(TARGETS), help="all of them without")
    targets = parser.parse_args().targets or list(TARGETS)
    unknown = set(targets) - set(TARGETS)
    if unknown:
        sys.exit(f"no such target: {', '.join(sorted(unknown))}")
    if not SOURCE.exists():
        sys.exit(f"there is no {SOURCE.name}: build the package first")
    results = {}
    for target in targets:
        results[target] = compiles(target)
        how = "compiled" if TARGETS[target] is None else "compiled and linked"
        print(f"{how if results[target] else 'FAILED'}  {target}", flush=True)
    sys.exit(not all(results.values()))


if __name__ == "__main__":
    main()
