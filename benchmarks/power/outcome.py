"""What came of all cut-offs of one setting, and the table of several."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from benchmarks.power.content import Dropped
from benchmarks.power.load import Found

_HEAD = (
    "setting",
    "version",
    "cut-offs",
    "confirmed",
    "lost",
    "missing",
    "skipped",
    "came back",
    "doubled",
    "cut-offs that lost",
    "oldest of these, s",
    "did not start",
    "back after s, median (most)",
)


@dataclass
class Outcome:
    """Counts of one setting."""

    setting: str
    version: str = ""
    cut_offs: int = 0
    confirmed: int = 0
    lost: int = 0
    missing: int = 0
    skipped: int = 0
    #: Of what was lost in an earlier cut-off: there again, though not for the group that ran all the time.
    returned: int = 0
    doubled: int = 0
    lossy: int = 0
    #: How long before its cut-off the oldest was confirmed that was lost or is missing, in seconds.
    age: float = 0.0
    #: The last words of what did not start, or did not serve.
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    dropped: Dropped = field(default_factory=Dropped)
    #: What the library said, each once.
    said: dict[str, int] = field(default_factory=dict)

    def add(self, before: Found, now: Found, cut_off: float) -> None:
        """Count one cut-off, at this moment; what was found after the one before is known."""
        self.confirmed += len(now.confirmed.keys() - before.confirmed.keys())
        self.lost += len(now.lost - before.lost)
        self.missing += len(now.missing - before.missing)
        self.doubled += len(now.doubled - before.doubled)
        self.skipped += len(now.skipped - before.skipped - before.lost)
        self.returned += len(now.skipped & before.lost)
        gone = (now.missing | now.unhandled) - before.missing - before.unhandled
        self.lossy += bool(gone)
        self.age = max(self.age, *(cut_off - now.confirmed[one] for one in gone), 0.0)

    def drop(self, dropped: Dropped) -> None:
        """What the disk has dropped."""
        self.dropped.pages += dropped.pages
        self.dropped.bytes += dropped.bytes
        self.dropped.names += dropped.names

    @property
    def row(self) -> tuple[str, ...]:
        """Of the table."""
        numbers = (
            *(self.cut_offs, self.confirmed, self.lost, self.missing),
            *(self.skipped, self.returned, self.doubled, self.lossy),
        )
        back = f"{median(self.seconds):.1f} ({max(self.seconds):.1f})" if self.seconds else "—"
        age = f"{self.age:.1f}" if self.lossy else "—"
        counts = [f"{number:,}" for number in numbers]
        return (self.setting, self.version, *counts, age, str(len(self.failures)), back)


def table(outcomes: list[Outcome]) -> str:
    """In Markdown."""
    rows = [_HEAD, ("---",) * len(_HEAD), *(one.row for one in outcomes)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
