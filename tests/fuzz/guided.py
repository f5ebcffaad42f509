"""The process that atheris runs in: the package is imported under its eyes, libFuzzer has the rest.

`python -m tests.fuzz.guided` takes libFuzzer's arguments; `tests.fuzz.boundary` starts it.
"""

import random
import sys

import atheris

with atheris.instrument_imports(include=["bitmart_book"]):
    from tests.fuzz.boundary import one
from tests.fuzz.mutate import mutate


def other(data, most, seed):
    """An input changed: as JSON, or as bytes."""
    if seed & 1 and len(data) > 1:
        return data[:1] + mutate(bytes(data[1:]), random.Random(seed))[: most - 1]
    return atheris.Mutate(data, most)


atheris.Setup(sys.argv, one, custom_mutator=other)
atheris.Fuzz()
