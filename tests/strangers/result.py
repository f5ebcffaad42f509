"""What a run found, and how it is printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.strangers.account_judge import AccountTally
from tests.strangers.judge import READS, Tally
from tests.strangers.ledger import Audit
from tests.strangers.settings import Setting
from tests.strangers.standstills import Standstills


@dataclass(slots=True)
class Result:
    """One run. `notes` say more than the counts do."""

    setting: Setting
    tally: Tally
    account: AccountTally
    audits: dict[str, Audit]
    acted: dict[str, int]
    broken: dict[str, int]
    books: int
    notes: list[str] = field(default_factory=list)
    fingerprint: str = ""
    told: dict[str, int] = field(default_factory=dict)
    """How often each lie was told; `acted` says to how many messages or connections."""
    standstills: Standstills = field(default_factory=Standstills)

    @property
    def streams(self) -> Audit:
        audits = self.audits.values()
        return Audit(
            sum(a.happened for a in audits),
            sum(a.told for a in audits),
            sum(a.lost for a in audits),
            sum(a.doubled for a in audits),
            sum(a.invented for a in audits),
            sum(a.gaps for a in audits),
        )

    @property
    def good(self) -> bool:
        books = not (self.tally.wrong or self.tally.over_age)
        account = not (self.account.wrong or self.account.over_age or self.account.lost)
        return books and account and self.streams.good and not self.broken

    def found(self) -> list[str]:
        """Sentences, the first of each kind first."""
        streams = [
            f"{name}: {audit.lost} lost, {audit.doubled} doubled, {audit.invented} invented"
            for name, audit in self.audits.items()
            if not audit.good
        ]
        limits = [f"limit broken {count} times: {what}" for what, count in self.broken.items()]
        return [*self.tally.found, *self.account.found, *streams, *limits]

    def first_of_each(self, count: int) -> list[str]:
        """So many sentences of each kind, so that one kind does not hide another."""
        kinds: dict[str, int] = {}
        kept = []
        for text in self.found():
            kind = next((word for word in KINDS if word in text), text)
            kinds[kind] = kinds.get(kind, 0) + 1
            if kinds[kind] <= count:
                kept.append(text)
        return [*kept, *(f"{n} times {k}" for k, n in kinds.items() if n > count)]

    def command(self, *, sockets: bool) -> str:
        parts = ["python -m tests.strangers", f"--seed {self.setting.seed}"]
        parts.append(f"--hours {self.setting.length / 3600:.4f}")
        if self.setting.lies:
            parts.append(f"--lies {','.join(self.setting.lies)}")
        if self.setting.only:
            parts.append(f"--only {','.join(map(str, self.setting.only))}")
        if self.setting.alone:
            parts.append("--alone")
        if sockets:
            parts.append("--sockets")
        return " ".join(parts)


KINDS = tuple(
    f"{word} {what}"
    for word in ("wrong", "over age", "lost", "invented")
    for what in (*READS, "spot", "futures")
)

HEAD = (
    "run", "symbol-h", "judged", "wrong", "over age", "no promise", "within 10 s", "LIVE",
    "own wrong", "lost", "doubled", "invented", "gaps", "lies", "acted",
)  # fmt: skip


def line(name: str, results: Iterable[Result]) -> list[str]:
    """One line of the table, for one run or for many together."""
    runs = list(results)
    looks = sum(r.tally.looks for r in runs) or 1
    judged = sum(r.tally.judged for r in runs)
    return [
        name,
        f"{sum(r.books * r.setting.length for r in runs) / 3600:.2f}",
        f"{sum(r.tally.judged + r.account.reads for r in runs)}",
        f"{sum(r.tally.wrong for r in runs)}",
        f"{sum(r.tally.over_age for r in runs)}",
        f"{sum(r.tally.no_promise for r in runs)}",
        f"{100 * sum(r.tally.within_ten for r in runs) / max(judged, 1):.0f} %",
        f"{100 * sum(r.tally.live for r in runs) / looks:.1f} %",
        f"{sum(r.account.wrong + r.account.over_age + r.account.lost for r in runs)}",
        f"{sum(r.streams.lost for r in runs)}",
        f"{sum(r.streams.doubled for r in runs)}",
        f"{sum(r.streams.invented for r in runs)}",
        f"{sum(r.streams.gaps for r in runs)}",
        f"{sum(len(r.acted) for r in runs)}",
        f"{sum(sum(r.acted.values()) for r in runs)}",
    ]


def by_lie(results: Iterable[Result], names: Iterable[str]) -> str:
    """A table with a line for each lie. What went wrong counts for every lie that acted then."""
    runs = list(results)
    rows = []
    for name in names:
        found = [r.tally.by_lie.get(name, (0, 0)) for r in runs]
        values = (
            sum(r.told.get(name, 0) for r in runs),
            sum(r.acted.get(name, 0) for r in runs),
            sum(wrong for wrong, _ in found),
            sum(over_age for _, over_age in found),
        )
        rows.append([name, *map(str, values)])
    return table(rows, ("lie", "told", "acted", "wrong", "over age"))


def table(rows: list[list[str]], head: Sequence[str] = HEAD) -> str:
    everything = [list(head), *rows]
    widths = [max(len(row[n]) for row in everything) for n in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in everything
    )
