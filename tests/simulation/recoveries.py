"""How long books are away, why, and whether anything else happened meanwhile."""

from tests.simulation.judge import SEQUENCED
from tests.simulation.kinds import LASTING


class Recovery:
    """A book that is not LIVE: since when and why."""

    __slots__ = ("acted", "clean", "kind", "since")

    def __init__(self, since, kind, clean, acted):
        self.since = since
        self.kind = kind
        self.clean = clean
        self.acted = acted


class Recoveries:
    """Of all books who is away; of spot's sequenced ones how long it took, in `found`."""

    def __init__(self, network):
        self.found = []
        """(kind, whether nothing else happened, seconds)."""
        self._network = network
        self._down = {}

    @staticmethod
    def counts(book):
        """Whether how long it took is of interest."""
        return book.channel == SEQUENCED

    def is_away(self, book):
        """Whether a book was said to have gone down, and not to be back."""
        return book in self._down

    def went_down(self, book, now):
        """A book is not LIVE any more."""
        if book in self._down:
            return
        network = self._network
        kind = {"CONNECTING": "reset", "GAP": "gap", "STALE": "stale"}.get(book.state, "new")
        self._down[book] = Recovery(now, kind, not network.acting, network.log.total)
        together = [r for r in self._down.values() if r.since == now and r.kind == kind]
        if kind == "gap" and len(together) > 1:
            for other in together:
                other.kind = "all"

    def came_back(self, book, now):
        """A book is LIVE again."""
        down, network = self._down.pop(book), self._network
        clean = down.clean and network.log.total == down.acted and not network.acting
        acts = network.log.acts.of(f"{book.channel}:{book.symbol}", now, lambda name: 30.0)
        clean = clean and not any(act.name in LASTING for act in acts)
        if self.counts(book):
            self.found.append((down.kind, clean, now - down.since))
