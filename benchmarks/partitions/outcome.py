"""What came of a run, by the kind of split in which each task was confirmed, and the table of it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.partitions.publisher import LATE
from benchmarks.soak.content import read


@dataclass
class Row:
    """One kind of split, with what followed until the next one."""

    times: int = 0
    confirmed: int = 0
    #: Confirmed tasks that nobody handled, and handled tasks without what they caused.
    lost: int = 0
    #: Effects beyond one for each task: a second id for the same number.
    doubled: int = 0
    #: The longest time without a confirmed publish, of all publishers together and of one of them.
    longest: float = 0.0
    longest_of_one: float = 0.0

    def __add__(self, other: Row) -> Row:
        return Row(
            self.times + other.times,
            self.confirmed + other.confirmed,
            self.lost + other.lost,
            self.doubled + other.doubled,
            max(self.longest, other.longest),
            max(self.longest_of_one, other.longest_of_one),
        )


@dataclass
class Outcome:
    """Counts of some runs on one technology."""

    queue: str
    rows: defaultdict[str, Row] = field(default_factory=lambda: defaultdict(Row))
    #: Calls of handlers beyond one for each message: what was in flight at a split comes again.
    again: int = 0
    #: Publishes that took longer than their time limit.
    late: int = 0
    dead: int = 0
    unhandled: int = 0
    #: Programs that did not end well, each with how and with the end of its log.
    failed: list[str] = field(default_factory=list)
    #: Seconds until everything was handled, after the last split.
    settled: float = 0.0

    @property
    def total(self) -> Row:
        return sum(self.rows.values(), Row())

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        trouble = (self.late, self.dead, self.unhandled, len(self.failed))
        return self.total.confirmed > 0 and not any((self.total.lost, self.total.doubled, *trouble))

    def left(self, said: dict[str, Any]) -> None:
        """What `settled` printed at the end of one run; a queue that said nothing has left something."""
        self.unhandled += 1 if said["unhandled"] is None else said["unhandled"]
        self.dead += said["dead"]
        self.settled = max(self.settled, said["took"])

    def count(self, folder: Path, began: list[tuple[float, str]]) -> None:
        """Read the journals of one run, in which splits began at these times."""
        kind_at = _kinds(began)
        kinds: dict[str, tuple[str, str]] = {}
        everybody: list[float] = []
        for path in sorted(folder.glob("accepted-*")):
            lines = read(path)
            self.late += sum(words[0] == LATE for words in lines)
            accepted = [words for words in lines if words[0] != LATE]
            confirmed = sorted(float(when) for _, _, when in accepted)
            for kind, gap in _gaps(confirmed, kind_at):
                self.rows[kind].longest_of_one = max(self.rows[kind].longest_of_one, gap)
            everybody += confirmed
            kinds |= {words[0]: (words[1], kind_at(float(words[2]))) for words in accepted}
        for kind, gap in _gaps(sorted(everybody), kind_at):
            self.rows[kind].longest = max(self.rows[kind].longest, gap)
        for _, kind in began:
            self.rows[kind].times += 1
        self._compare(kinds, list(_handled(folder)))

    def _compare(self, accepted: dict[str, tuple[str, str]], calls: list[tuple[str, ...]]) -> None:
        """What was accepted (number and kind of split by id) with what was handled."""
        again = Counter(calls)
        self.again += again.total() - len(again)
        ids: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for what, message_id, number in again:
            ids[what, number].add(message_id)
        for message_id, (number, kind) in accepted.items():
            row, done = self.rows[kind], ids["done", number]
            row.confirmed += 1
            row.lost += message_id not in ids["task", number] or not done
            row.doubled += max(0, len(ids["task", number]) - 1) + max(0, len(done) - 1)

    def table(self) -> str:
        """As Markdown; after it, why programs failed."""
        rows = [*sorted(self.rows.items()), ("all", self.total)]
        lines = [
            f"| {self.queue}: split | times | confirmed | lost | doubled "
            "| longest without a confirmed publish | of one publisher |",
            "|---|---|---|---|---|---|---|",
            *(
                f"| {kind.replace('_', ' ')} | {row.times} | {row.confirmed:,} | {row.lost:,} "
                f"| {row.doubled:,} | {row.longest:.1f} s | {row.longest_of_one:.1f} s |"
                for kind, row in rows
            ),
            "",
            f"handler calls beyond one: {self.again}, late publishes: {self.late}, "
            f"dead letters: {self.dead}, left unhandled: {self.unhandled}, "
            f"programs that failed: {len(self.failed)}, all handled after {self.settled:.1f} s",
            *self.failed,
        ]
        return "\n".join(lines)


def _kinds(began: list[tuple[float, str]]) -> Callable[[float], str]:
    """The kind of split that a moment belongs to."""
    times = [when for when, _ in began]

    def kind_at(when: float) -> str:
        number = bisect_right(times, when)
        return began[number - 1][1] if number else "none_yet"

    return kind_at


def _gaps(times: Iterable[float], kind_at: Callable[[float], str]) -> Iterator[tuple[str, float]]:
    """How long after each confirmation the next one came."""
    for before, after in pairwise(times):
        yield kind_at((before + after) / 2), after - before


def _handled(folder: Path) -> Iterator[tuple[str, ...]]:
    for path in sorted(folder.glob("handled-*")):
        yield from (tuple(words) for words in read(path))
