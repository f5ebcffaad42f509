"""Executions of own orders as a stream: each once, whichever word told of it first.

Some venues tell of an execution inside a word about its order, others on a topic of its own. Which
of these words bring news the account knows; its news come under a topic of their own beside that of
the orders, whose holes, refusals and end are those of the executions too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bitmart_book.listeners.streams import Mailbox
from bitmart_book.model import Fill

__all__ = ["FillMailbox"]


class FillMailbox(Mailbox):
    """A mailbox that takes executions of one symbol, or of all, and nothing else."""

    def __init__(self, maxsize: int, wake: Any, symbol: str | None) -> None:
        super().__init__(maxsize, wake)
        self._symbol = symbol

    @classmethod
    def instead_of(cls, mailbox: Mailbox, symbol: str | None) -> FillMailbox:
        """One with the room of another one, for the same consumer."""
        return cls(mailbox.maxsize, mailbox._wake, symbol)

    def put(self, values: Iterable[Any]) -> None:
        """Add those of the values that are executions of the symbol."""
        fills = [
            value
            for value in values
            if isinstance(value, Fill) and self._symbol in (None, value.symbol)
        ]
        if fills:
            super().put(fills)
