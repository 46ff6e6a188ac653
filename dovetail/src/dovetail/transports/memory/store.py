"""What a queue holds: messages by subject, how far each group is, and dead letters."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, count
from operator import attrgetter

from dovetail.delivery import Claim, Outgoing
from dovetail.errors import CommandClaimed, NoGroup, QueueFull
from dovetail.letters import DeadLetter
from dovetail.room import Room
from dovetail.subjects import matches
from dovetail.transports.memory.letterbox import Letterbox

#: How many ids of published messages are remembered, to keep one copy of each.
REMEMBERED_IDS = 100_000


@dataclass
class Stored:
    """One message on the store."""

    sequence: int
    subject: str
    body: bytes
    headers: Mapping[str, str] | None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Held:
    """A message in a member's hands, until the lease ends."""

    message: Stored
    attempt: int
    lost: int
    lease_ends: float
    member: int


@dataclass(order=True)
class _Due:
    """A message that may be delivered from `at` on, in the order of the store."""

    at: float
    sequence: int
    message: Stored = field(compare=False)
    attempt: int = field(compare=False, default=1)
    lost: int = field(compare=False, default=0)


_sequence = attrgetter("sequence")


class Backlog:
    """What one group has yet to handle of one subject or pattern. Times are those of time.monotonic."""

    def __init__(self, claim: Claim, settled: asyncio.Event) -> None:
        self.claim = claim
        #: Set whenever all of it is handled.
        self._settled = settled
        self.held: dict[int, Held] = {}
        #: Members that run, and when the last of them went.
        self.members = 0
        self.left: datetime | None = None
        self._ready: list[_Due] = []
        self._delayed: list[_Due] = []
        self.arrived = asyncio.Event()
        #: How many wait for messages to come.
        self.idle = 0

    def add(self, message: Stored, *, delay: float = 0, attempt: int = 1, lost: int = 0) -> None:
        """One more to be handled, after `delay` seconds."""
        if delay > 0:
            heapq.heappush(
                self._delayed,
                _Due(time.monotonic() + delay, message.sequence, message, attempt, lost),
            )
        else:
            heapq.heappush(self._ready, _Due(0, message.sequence, message, attempt, lost))
        self.arrived.set()

    def take(self, member: int, most: int) -> list[Held]:
        """Up to `most` messages into this member's hands, oldest first."""
        now = time.monotonic()
        self._end_leases(now)
        while self._delayed and self._delayed[0].at <= now:
            due = heapq.heappop(self._delayed)
            due.at = 0
            heapq.heappush(self._ready, due)
        most = min(
            most, -(-len(self._ready) // (self.idle + 1))
        )  # the others are to have work, too
        taken: list[Held] = []
        while self._ready and len(taken) < most:
            due = heapq.heappop(self._ready)
            held = Held(due.message, due.attempt, due.lost, now + self.claim.lease, member)
            self.held[due.sequence] = held
            taken.append(held)
        return taken

    def next_change(self) -> float | None:
        """Seconds until a delay or a lease ends; None where nothing waits for a time."""
        times = [held.lease_ends for held in self.held.values()]
        if self._delayed:
            times.append(self._delayed[0].at)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def settle(self, held: Held) -> bool:
        """Take it out of its member's hands; False where it is not there any more, whoever has it now."""
        if self.held.get(held.message.sequence) is not held:
            return False
        del self.held[held.message.sequence]
        if not (self.held or self._ready or self._delayed):
            self._settled.set()
        return True

    def renew(self, member: int) -> None:
        """Every lease of this member begins anew."""
        ends = time.monotonic() + self.claim.lease
        for held in self.held.values():
            if held.member == member:
                held.lease_ends = ends

    def count_of(self, member: int) -> int:
        """Messages that this member has."""
        return sum(1 for held in self.held.values() if held.member == member)

    @property
    def waiting(self) -> int:
        """Messages that nobody has."""
        return len(self._ready)

    @property
    def in_hand(self) -> int:
        """Messages that a member has, or that wait for their next attempt."""
        return len(self.held) + len(self._delayed)

    def unhandled(self) -> list[Stored]:
        """All of them, oldest first."""
        return sorted(self._unhandled(), key=_sequence)

    @property
    def oldest(self) -> datetime | None:
        """When the first of them came."""
        first = min(self._unhandled(), key=_sequence, default=None)
        return first.at if first else None

    def _unhandled(self) -> Iterator[Stored]:
        return chain(
            (due.message for due in self._ready),
            (due.message for due in self._delayed),
            (held.message for held in self.held.values()),
        )

    def _end_leases(self, now: float) -> None:
        for sequence, held in list(self.held.items()):
            if held.lease_ends <= now:
                del self.held[sequence]
                self.add(held.message, attempt=held.attempt, lost=held.lost + 1)


class Store:
    """Everything that one memory queue holds."""

    def __init__(self) -> None:
        self.users = 0
        self.history: OrderedDict[int, Stored] = OrderedDict()
        self.backlogs: dict[tuple[str, str], Backlog] = {}
        self.letterbox = Letterbox()
        self.listeners: dict[
            object, tuple[str, Callable[[str, bytes, Mapping[str, str] | None], None]]
        ] = {}
        self.servers: dict[
            object, tuple[str, str | None, Callable[[bytes, Callable[[bytes], None]], None]]
        ] = {}
        #: The places of renamed groups, by what they are called now.
        self.names: dict[str, str] = {}
        #: What groups that were removed had claimed.
        self.released: set[str] = set()
        #: Commands whose group was removed, with what waits for the next.
        self.free: dict[str, list[Stored]] = {}
        self.bytes = 0
        self.room = Room()
        #: Set whenever a group has handled all that it had.
        self.settled = asyncio.Event()
        self._sequence = count(1)
        self._ids: OrderedDict[str, None] = OrderedDict()

    def add(self, message: Outgoing, limit: int | None) -> None:
        """Accept a message: once for each id."""
        if message.id in self._ids:
            return
        if message.kind == "command" and not self._is_known(message.subject):
            raise NoGroup(message.subject)
        if limit is not None and self.bytes + len(message.body) > limit:
            self.room.refused(len(message.body))
            raise QueueFull(
                f"the queue's store is full ({limit} bytes); nothing was accepted", id=message.id
            )
        self._ids[message.id] = None
        if len(self._ids) > REMEMBERED_IDS:
            self._ids.popitem(last=False)
        stored = Stored(next(self._sequence), message.subject, message.body, None)
        if message.kind == "event":
            self.history[stored.sequence] = stored
            self.bytes += len(stored.body)
        for backlog in self.backlogs.values():
            if backlog.claim.kind == message.kind and matches(
                backlog.claim.subject, message.subject
            ):
                backlog.add(stored)
        if message.kind == "command" and message.subject in self.free:
            self.free[message.subject].append(stored)
        self.broadcast(message.subject, message.body)

    def _is_known(self, command: str) -> bool:
        return command in self.free or any(
            backlog.claim.kind == "command" and subject == command
            for (_, subject), backlog in self.backlogs.items()
        )

    def broadcast(self, subject: str, body: bytes) -> None:
        """To whoever listens now."""
        for pattern, callback in list(self.listeners.values()):
            if matches(pattern, subject):
                callback(subject, body, None)

    def claim(self, claim: Claim) -> Backlog:
        """The group's backlog; the first member, ever, founds it."""
        key = (claim.group, claim.subject)
        if claim.kind == "command":
            for group, subject in self.backlogs:
                if subject == claim.subject and group != claim.group:
                    raise CommandClaimed(subject, group)
        if key not in self.backlogs:
            self.backlogs[key] = backlog = Backlog(claim, self.settled)
            for stored in self.free.pop(claim.subject, ()) if claim.kind == "command" else ():
                backlog.add(stored)
            if claim.start == "first" and claim.kind == "event":
                for stored in self.history.values():
                    if matches(claim.subject, stored.subject):
                        backlog.add(stored)
        return self.backlogs[key]

    def replay(self, letter: DeadLetter, body: bytes) -> None:
        """Hand the body to the letter's group."""
        backlog = self.backlogs[letter.group, letter.claimed]
        backlog.add(Stored(next(self._sequence), letter.subject, body, letter.headers))

    def remove(self, group: str, subject: str) -> None:
        """As Transport.remove_group, for one subject."""
        backlog = self.backlogs.pop((group, subject), None)
        if backlog is None:
            return
        if backlog.claim.kind == "command":
            self.free[subject] = backlog.unhandled()
        else:
            self.released.add(subject)
        self.letterbox.remove_of(group, subject)

    def trim(self, before: datetime) -> None:
        """Drop the history that is older than this and that every group has handled."""
        busy = {
            message.sequence
            for backlog in self.backlogs.values()
            for message in backlog.unhandled()
        }
        for stored in list(self.history.values()):
            if stored.at >= before:
                break
            patterns = [*self.released, *(one.claim.subject for one in self.backlogs.values())]
            claimed = any(matches(pattern, stored.subject) for pattern in patterns)
            if claimed and stored.sequence not in busy:
                del self.history[stored.sequence]
                self.bytes -= len(stored.body)
