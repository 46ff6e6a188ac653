"""What happens in one history, as data: a scenario can be printed, pasted into a test, and made shorter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: The host that has the queue, and the one that operators are on.
QUEUE, OPERATOR = "queue", "operator"

Does = Literal[
    "succeeds",
    "fails",
    "rejects",
    "not ready",
    "retry after",
    "hangs",
    "blocks",
    "dies",
    "cancels itself",
    "exits",
    "returns rubbish",
    "returns what nobody can read",
]
How = Literal["drains", "killed", "cut", "frozen", "replies lost", "stalls"]
#: What is below the library: the queue in memory, or the transport of a technology and a fake server of it.
Queue = Literal["memory", "redis", "nats", "rabbitmq"]
Operation = Literal["replay", "drop", "rename", "remove"]


@dataclass(frozen=True)
class Behaviour:
    """What a handler does with one message."""

    does: Does = "succeeds"
    #: In so many calls; then it succeeds.
    times: int = 1
    #: How long it takes, hangs or blocks.
    seconds: float = 0.0


@dataclass(frozen=True)
class Planned:
    """One message."""

    number: int
    subject: str
    #: Who publishes it, and when; None where a handler causes it.
    publisher: str | None = None
    at: float = 0.0
    #: Published again under the same id, so many times, so many seconds later.
    repeats: int = 0
    repeat_after: float = 0.0
    #: What each group's handler does with it; succeeds at once where nothing is said.
    behaviours: tuple[tuple[str, Behaviour], ...] = ()
    #: The numbers of the messages that each group's handler causes by it.
    causes: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def behaviour(self, group: str) -> Behaviour:
        """Of this group's handler."""
        return dict(self.behaviours).get(group, Behaviour())

    def caused_by(self, group: str) -> tuple[int, ...]:
        """What this group's handler causes."""
        return dict(self.causes).get(group, ())


@dataclass(frozen=True)
class Claimed:
    """One handler of a group."""

    subject: str
    #: As Group.on.
    batch: int = 0
    #: Takes the context as well; else it is called by the shorter way.
    context: bool = False


@dataclass(frozen=True)
class GroupPlan:
    """One group."""

    name: str
    handlers: tuple[Claimed, ...]
    concurrency: int = 1
    prefetch: int = 1000
    lease: float = 15.0
    timeout: float | None = None
    tries: int = 3
    first_pause: float = 0.2
    start: Literal["first", "new"] = "first"


@dataclass(frozen=True)
class Member:
    """A process that runs groups, or one that only publishes where it has none."""

    host: str
    groups: tuple[str, ...] = ()
    joins: float = 0.0
    #: Seconds from its host to the queue, at least and at most.
    latency: tuple[float, float] = (0.0005, 0.005)
    drain: float = 10.0


@dataclass(frozen=True)
class Fault:
    """What befalls a host."""

    host: str
    how: How
    at: float
    #: How long it is cut off or frozen; after how long one that went is started again, 0 for never.
    seconds: float = 0.0


@dataclass(frozen=True)
class Step:
    """What an operator does."""

    operation: Operation
    at: float
    group: str = ""
    #: The new name.
    new: str = ""


@dataclass(frozen=True)
class Scenario:
    """One history, but for the order of what happens at once: that follows from the seed."""

    seed: int
    groups: tuple[GroupPlan, ...]
    members: tuple[Member, ...]
    messages: tuple[Planned, ...]
    faults: tuple[Fault, ...] = ()
    steps: tuple[Step, ...] = ()
    #: Seconds that events are kept after every group has handled them; None for ever.
    keep: float | None = None
    limit_bytes: int | None = None
    #: Whether hosts reach the queue over a network; else it is in the process of all of them.
    network: bool = True
    queue: Queue = "memory"
    #: How long the server's disk takes for a write, in seconds, at least and at most.
    disk: tuple[float, float] = (0.0, 0.0)

    def group(self, name: str) -> GroupPlan:
        """The plan of this group."""
        return next(one for one in self.groups if one.name == name)

    def message(self, number: int) -> Planned:
        """The message of this number."""
        return next(one for one in self.messages if one.number == number)
