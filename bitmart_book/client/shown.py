"""What a notebook shows of an account: a table, and on tab what its user needs and nothing more."""

from __future__ import annotations

from collections.abc import Iterable

from bitmart_book.model import html_of

__all__ = ["Shown"]

# Names that the rooms of the package need of each other.
_INTERNAL = {"across", "given_out"}


class Shown:
    """Something that a user looks at."""

    def _repr_html_(self) -> str | None:
        return html_of(self)

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if name not in _INTERNAL]
