"""A value as a dict of its exact numbers, where it has them, in place of floats."""

import msgspec


def exactly(value):
    """Field to value; amounts are Decimals."""
    facts = msgspec.structs.asdict(value)
    exact = facts.pop("exact", None)
    return facts if exact is None else facts | vars(exact)
