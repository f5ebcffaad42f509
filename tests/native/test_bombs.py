"""Inputs made to cost much are refused, in few words and in little memory.

How long they take is measured by `python -m tests.soak.bombs`, each in a process of its own. Here a
bomb that is not defused runs into pytest's own limit of time.
"""

import pytest

from bitmart_book import MessageError
from tests.soak.bombs import BOMBS, captured, measured, refusal

REFUSED = [name for name, bomb in BOMBS.items() if bomb.refused and bomb.take is not captured]


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_few_words(name):
    error = refusal(name)
    assert isinstance(error, MessageError)
    assert len(str(error)) <= 1_000


HUNGRY = [
    "1 GiB in 1 MiB of raw deflate",
    "JSON 100,000 deep in a push",
    "a number of 10 MB",
    "100,001 levels",
    "4 MiB of small objects",
    "1 GiB in a capture of zstd",
]


@pytest.mark.parametrize("name", HUNGRY)
def test_it_does_not_fill_the_memory(name):
    _, growth, _ = measured(name)
    assert growth <= 2 * BOMBS[name].most_mib


def test_what_is_measured_is_what_grows():
    """The measure of memory can tell: a frame that is decoded whole takes what it takes."""
    _, growth, _ = measured("a line of 64 MiB in a capture of gzip")
    assert growth >= 16
