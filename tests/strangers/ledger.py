"""Streams: what was said once must be told once, or a gap must be told."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

GAP = "gap"
# So long, in ns, a lie holds one word back behind later ones; with the connection it is lost.
HELD_BACK = 3_000_000_000


@dataclass(frozen=True, slots=True)
class Belated:
    """What a later word names once more: it may come from within a hole, and does not end one."""

    key: Hashable


@dataclass(slots=True)
class Ledger:
    """What a stream told: keys of what happened, in order, and GAP where it said that it lost."""

    told: list[Hashable] = field(default_factory=list)
    holes: bool = False
    """Whether anything may be missing, because a gap was told somewhere."""
    gaps_at: list[int] = field(default_factory=list)
    """When gaps were told, in ns, where that is known."""

    def tells(self, key: Hashable) -> None:
        self.told.append(key)

    def gap(self, at: int | None = None) -> None:
        self.told.append(GAP)
        if at is not None:
            self.gaps_at.append(at)

    def audit(
        self,
        truth: Sequence[Hashable],
        fresh: Sequence[Hashable] = (),
        times: Mapping[Hashable, int] | None = None,
    ) -> Audit:
        """Compare with what happened since the stream began, in order. What is `fresh` may be told
        and need not be yet. `times`: when it happened; what was held back behind later words when
        the gap came is of that gap."""
        place = {key: number for number, key in enumerate([*truth, *fresh])}
        result = Audit(gaps=self.told.count(GAP), happened=len(truth))
        seen: set[int] = set()
        forgiven: set[int] = set()
        reached, gap = -1, False
        for key in self.told:
            if key == GAP:
                gap = True
                continue
            belated = isinstance(key, Belated)
            number = place.get(key.key if isinstance(key, Belated) else key)
            if number is None:
                result.invented += 1
            elif number in seen:
                result.doubled += 1
            else:
                seen.add(number)
                if number > reached and not belated:
                    if gap or reached < 0:
                        # Before the first word nothing was promised; across a gap neither.
                        forgiven.update(range(reached + 1, number))
                    reached, gap = number, False
        if gap or reached < 0:
            forgiven.update(range(reached + 1, len(truth)))
        for key, at in (times or {}).items():
            if any(at <= gap_at <= at + HELD_BACK for gap_at in self.gaps_at):
                forgiven.add(place[key])
        result.lost = 0 if self.holes else len(set(range(len(truth))) - seen - forgiven)
        result.told = len(seen)
        return result


@dataclass(slots=True)
class Audit:
    """The result for one stream."""

    happened: int = 0
    told: int = 0
    lost: int = 0
    doubled: int = 0
    invented: int = 0
    gaps: int = 0

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.invented)
