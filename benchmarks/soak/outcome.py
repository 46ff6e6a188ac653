"""What came of a soak, and the table of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.soak.content import read

#: The untouched worker's memory may grow by this share after it has warmed up.
MOST_GROWTH = 0.10
#: Publishing must go on between faults: with none accepted for so long the soak ends.
MOST_SILENCE_SECONDS = 180.0
MEGABYTE = 1 << 20


@dataclass
class Outcome:
    """Counts of one soak, of messages where nothing else is said."""

    queue: str
    accepted: int = 0
    handled: int = 0
    caused_handled: int = 0
    #: Accepted tasks without a line of their own, and handled tasks without one for what they caused.
    lost: int = 0
    #: Effects beyond one for each task: a second id for the same number.
    doubled: int = 0
    #: Calls of handlers beyond one for each message: what was in flight at a fault comes again.
    again: int = 0
    dead: int = 0
    #: Processes that ended by themselves, or did not end with 0 when they were asked to.
    failed: int = 0
    unhandled: int = 0
    #: How often a stream of RabbitMQ stayed down until it was mended as an operator would.
    streams_mended: int = 0
    #: The longest time in which no message was accepted, in seconds, as seen at each fault.
    longest_silence: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    memory: tuple[int, int] = (0, 0)

    @property
    def growth(self) -> float:
        """Of the untouched worker's memory, as a share."""
        before, after = self.memory
        return after / before - 1 if before else 0.0

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        broken = (self.lost, self.doubled, self.dead, self.failed, self.unhandled)
        going = self.accepted > 0 and self.longest_silence <= MOST_SILENCE_SECONDS
        return going and not any(broken) and self.growth <= MOST_GROWTH

    def count(self, folder: Path) -> None:
        """Read the journals."""
        accepted = dict(read(folder / "accepted"))
        calls: dict[str, Counter[tuple[str, str]]] = {"task": Counter(), "done": Counter()}
        for path in sorted(folder.glob("handled-*")):
            for kind, message_id, number in read(path):
                calls[kind][message_id, number] += 1
        tasks, done = calls["task"], calls["done"]
        ids = {message_id for message_id, _ in tasks}
        self.accepted, self.handled, self.caused_handled = len(accepted), len(tasks), len(done)
        self.lost = len(accepted.keys() - ids)
        self.lost += len({number for _, number in tasks} - {number for _, number in done})
        for effects in (tasks, done):
            self.doubled += len(effects) - len({number for _, number in effects})
        self.again = sum(tasks.values()) - len(tasks) + sum(done.values()) - len(done)

    def table(self) -> str:
        """For a person."""
        before, after = (f"{one / MEGABYTE:.1f} MiB" for one in self.memory)
        rows = [
            ("accepted", self.accepted),
            ("handled", self.handled),
            ("caused by these, handled", self.caused_handled),
            ("lost", self.lost),
            ("doubled in effect", self.doubled),
            ("dead letters", self.dead),
            ("left unhandled", self.unhandled),
            ("handler calls beyond the count", self.again),
            ("processes that did not end well", self.failed),
            ("streams mended that stayed down", self.streams_mended),
            ("longest time with nothing accepted", f"{self.longest_silence:.0f} s"),
            ("memory of the untouched worker, warm", before),
            ("  and at the end", f"{after} ({self.growth:+.1%})"),
            *(
                (f"  {name.replace('_', ' ')}", times)
                for name, times in sorted(self.faults.items())
            ),
        ]
        lines = [f"{name:<36}{value:>22}" for name, value in rows]
        lines.insert(-len(self.faults) or len(lines), f"{'faults':<36}{self.faults.total():>22}")
        return "\n".join([f"soak on {self.queue}", *lines, "good" if self.good else "NOT GOOD"])
