"""What one group has yet to handle, and what its members have in flight."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from dovetail import clock
from dovetail.delivery import Claim


@dataclass
class Stored:
    """One message on the store."""

    sequence: int
    subject: str
    body: bytes
    headers: Mapping[str, str] | None
    at: datetime = field(default_factory=clock.now)


@dataclass(order=True)
class Pending:
    """A message that a group has yet to handle, in the order of the store."""

    #: From when on it may be delivered; in flight: when its lease ends. 0 for at once.
    at: float
    sequence: int
    message: Stored = field(compare=False)
    attempt: int = field(compare=False, default=1)
    unsettled: int = field(compare=False, default=0)
    #: Who has it in flight.
    member: int = field(compare=False, default=0)


class Backlog:
    """Of one group on one subject or pattern. Times are those of time.monotonic."""

    def __init__(self, claim: Claim, settled: asyncio.Event) -> None:
        self.claim = claim
        #: Set whenever all of it is handled.
        self._settled = settled
        self.in_flight: dict[int, Pending] = {}
        #: Members that run, and when the last of them went.
        self.members = 0
        self.left: datetime | None = None
        self._ready: list[Pending] = []
        self._delayed: list[Pending] = []
        self.arrived = asyncio.Event()
        #: How many wait for messages to come.
        self.idle = 0

    def add(self, message: Stored) -> None:
        """One more to be handled."""
        self.put_back(Pending(0, message.sequence, message))

    def put_back(self, pending: Pending, delay: float = 0) -> None:
        """To be delivered, again perhaps, after `delay` seconds."""
        at = clock.monotonic() + delay if delay > 0 else 0
        heapq.heappush(self._delayed if at else self._ready, replace(pending, at=at))
        self.arrived.set()

    def take(self, member: int, most: int) -> list[Pending]:
        """Up to `most` messages for this member to handle, oldest first."""
        now = clock.monotonic()
        self._end_leases(now)
        while self._delayed and self._delayed[0].at <= now:
            self.put_back(heapq.heappop(self._delayed))
        most = min(
            most, -(-len(self._ready) // (self.idle + 1))
        )  # the others are to have work, too
        taken = []
        for _ in range(max(0, most)):
            pending = replace(heapq.heappop(self._ready), at=now + self.claim.lease, member=member)
            self.in_flight[pending.sequence] = pending
            taken.append(pending)
        return taken

    def next_change(self) -> float | None:
        """Seconds until a delay or a lease ends; None where nothing waits for a time."""
        times = [one.at for one in chain(self.in_flight.values(), self._delayed[:1])]
        return max(0.0, min(times) - clock.monotonic()) if times else None

    def settle(self, pending: Pending) -> bool:
        """It is not in flight any more; False where it was not, whoever has it now."""
        if self.in_flight.get(pending.sequence) is not pending:
            return False
        del self.in_flight[pending.sequence]
        if not (self.in_flight or self._ready or self._delayed):
            self._settled.set()
        return True

    def renew(self, member: int) -> None:
        """Every lease of this member begins anew."""
        for pending in self.in_flight.values():
            if pending.member == member:
                pending.at = clock.monotonic() + self.claim.lease

    def count_of(self, member: int) -> int:
        """Messages that this member has in flight."""
        return sum(1 for pending in self.in_flight.values() if pending.member == member)

    @property
    def waiting(self) -> int:
        """Messages that nobody has."""
        return len(self._ready)

    @property
    def in_hand(self) -> int:
        """Messages that are in flight, or wait for their next attempt."""
        return len(self.in_flight) + len(self._delayed)

    @property
    def oldest(self) -> datetime | None:
        """When the first of them came."""
        return min((one.at for one in self._unhandled()), default=None)

    def unhandled(self) -> list[Stored]:
        """All of them, oldest first."""
        return sorted(self._unhandled(), key=lambda one: one.sequence)

    def _unhandled(self) -> Iterator[Stored]:
        pending = chain(self._ready, self._delayed, self.in_flight.values())
        return (one.message for one in pending)

    def _end_leases(self, now: float) -> None:
        for sequence, pending in list(self.in_flight.items()):
            if pending.at <= now:
                del self.in_flight[sequence]
                self.put_back(replace(pending, unsettled=pending.unsettled + 1))
