"""Hypothesis strategies for the numbers that occur in the wild, as text and as JSON."""

from hypothesis import strategies as st

DIGITS = st.characters(min_codepoint=48, max_codepoint=57)


@st.composite
def padded(draw, texts, most=30):
    """Some of `texts` with superfluous zeros behind the point."""
    text = draw(texts)
    zeros = draw(st.integers(0, most))
    if "e" in text.lower() or not zeros:
        return text
    _, point, fraction = text.partition(".")
    return text + ("" if point else ".") + "0" * min(zeros, most - len(fraction))


@st.composite
def scientific(draw, mantissas):
    """`d.ddde-5` and its like."""
    text = draw(mantissas)
    exponent = draw(st.integers(-6, 3))
    letter = draw(st.sampled_from("eE"))
    sign = draw(st.sampled_from(["", "+"])) if exponent >= 0 else ""
    return f"{text}{letter}{sign}{exponent}"


def grid_price(index: int, decimals: int) -> str:
    """The text of an integer number of units of 10**-decimals."""
    text = str(index).rjust(decimals + 1, "0")
    return text if decimals == 0 else f"{text[:-decimals]}.{text[-decimals:]}"


sizes = st.one_of(
    st.sampled_from(["0", "0.0", "0.00000000", "0." + "0" * 30, "0e5", "1", "10", "1e-5", "2.50"]),
    padded(st.integers(0, 10**6).map(str)),
    padded(st.tuples(st.integers(0, 10**4), st.integers(1, 8)).map(lambda t: grid_price(*t))),
)
"""Texts of sizes; about a quarter of them are zero in some spelling."""

anything = st.one_of(
    st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=12).map(
        str
    ),
    st.floats(min_value=0, max_value=1e15, allow_nan=False).map(repr),
    scientific(st.integers(0, 10**9).map(str)),
    padded(st.text(DIGITS, min_size=1, max_size=18)),
    st.tuples(st.text(DIGITS, min_size=1, max_size=9), st.text(DIGITS, min_size=1, max_size=9)).map(
        ".".join
    ),
)
"""Texts of numbers of every documented form."""
