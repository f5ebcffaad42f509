"""The command line in a process of its own."""

import subprocess
import sys


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "bitmart_book", *map(str, arguments)],
        capture_output=True,
        text=True,
        **options,
    )
