"""What the plain values say of themselves, on every Python."""

from bitmart_book import Change, model

BITS = (
    "SNAPSHOT", "LEVELS", "TOP", "TRADE", "HEARTBEAT", "DUPLICATE", "GAP", "BUFFERED", "CROSSED",
    "OTHER",
)  # fmt: skip


def test_every_bit_has_its_own_name_and_nothing_else_has_one():
    assert Change.names(-1) == BITS
    for place, name in enumerate(BITS):
        assert Change.names(1 << place) == (name,)
        assert getattr(Change, name) == 1 << place


def test_what_python_adds_to_a_class_is_no_bit():
    """Since 3.13 a class knows the line on which it begins."""
    members = {"__firstlineno__": 55, "LEVELS": 2, "names": Change.names, "__doc__": "?"}
    assert model._bits(members) == (("LEVELS", 2),)
