"""What was seen of one run, in order: the invariants are checked on it, and it is what a replay prints."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

What = Literal[
    # by publishers and operators
    "sent",  # to a real transport
    "refused",  # by it, or by nobody: it may have been stored
    "stored",  # the queue has taken it
    "confirmed",  # and whoever published knows
    "never taken",  # however often it was tried
    "replayed",
    "dropped",
    "renamed",
    "removed",
    "gave up",  # an operator to whom the queue did not answer
    # by the queue
    "delivered",
    "received",  # by the host that it was delivered to
    "let go",  # by that host, which has sent what became of it
    "acked",
    "retried",
    "released",
    "buried",
    # by handlers
    "called",
    "succeeded",
    "failed",  # an attempt
    "waits",  # not ready: no attempt
    # by hosts
    "joined",
    "drains",
    "drained",
    "killed",
    "frozen",
    "thawed",
    "cut",
    "healed",
    "ended",  # the scenario; what follows is what was left to do
    "settled",  # that; what is still accepted then, by handlers whose message others have settled, waits
    "left",  # in the queue, at the very end
    "letter",  # with the dead letters, at the very end
]


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that happened. What does not apply is empty."""

    at: float
    what: What
    host: str = ""
    group: str = ""
    number: int = -1
    #: What the queue knows the message by, in this group.
    key: str = ""
    #: Which delivery: another one for each time that the message is delivered.
    delivery: int = 0
    attempt: int = 0
    note: str = ""

    def __str__(self) -> str:
        parts = [f"{self.at:10.4f} {self.what:9} {self.host:12}"]
        if self.group:
            parts.append(self.group)
        if self.number >= 0:
            parts.append(f"message {self.number}")
        if self.key:
            parts.append(f"key {self.key}")
        if self.delivery:
            parts.append(f"delivery {self.delivery}")
        if self.attempt:
            parts.append(f"attempt {self.attempt}")
        if self.note:
            parts.append(f"({self.note})")
        return " ".join(parts)


@dataclass
class History:
    """All that was seen."""

    now: Callable[[], float]
    seen: list[Seen] = field(default_factory=list)
    #: Numbers for deliveries.
    deliveries: Iterator[int] = field(default_factory=lambda: count(1))

    def add(self, what: What, host: str = "", **more: object) -> None:
        """One more."""
        self.seen.append(Seen(self.now(), what, host, **more))  # type: ignore[arg-type]

    def of(self, *what: What) -> Iterator[Seen]:
        """Those of these kinds, in order."""
        return (one for one in self.seen if one.what in what)

    def __str__(self) -> str:
        return "\n".join(map(str, self.seen))

    def digest(self) -> str:
        """The same for runs in which the same happened."""
        return hashlib.sha256(str(self).encode()).hexdigest()
