"""How far a consumer has come: what it has delivered, what is not acked, and what its disk knows of that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from simulation.servers.nats.times import SECOND


class Pending(NamedTuple):
    """A delivery that is not acked."""

    #: Which delivery of the consumer it was when it was delivered first.
    delivery: int
    #: When its lease began, in nanoseconds since 1970.
    since: int


@dataclass
class Positions:
    """Counts deliveries, and sequences of the stream."""

    delivered_deliveries: int = 0
    delivered: int = 0
    #: All up to here is acked.
    floor_deliveries: int = 0
    floor: int = 0
    #: By sequence, in the order in which they were delivered first.
    pending: dict[int, Pending] = field(default_factory=dict)
    #: How often each was delivered again.
    redelivered: dict[int, int] = field(default_factory=dict)

    def deliver(self, sequence: int, now: int) -> tuple[int, int]:
        """One more delivery; gives which one of the consumer it is, and of the message."""
        self.delivered_deliveries += 1
        if sequence in self.pending:
            self.renew(sequence, now)
        else:
            self.pending[sequence] = Pending(self.delivered_deliveries, now)
        self.delivered = max(self.delivered, sequence)
        return self.delivered_deliveries, self.redelivered.get(sequence, 0) + 1

    def renew(self, sequence: int, since: int) -> None:
        """Its lease begins then."""
        self.pending[sequence] = Pending(self.pending[sequence].delivery, since)

    def pass_over(self, sequence: int) -> None:
        """It is delivered to one who does not ack."""
        self.delivered_deliveries += 1
        self.floor_deliveries = self.delivered_deliveries
        self.delivered = self.floor = max(self.delivered, sequence)

    def settle(self, sequence: int) -> bool:
        """It need not be delivered again; False where that was so before."""
        self.redelivered.pop(sequence, None)
        settled = self.pending.pop(sequence, None)
        if settled is None:
            return False
        if not self.pending:
            self.reach_delivered()
        elif settled.delivery == self.floor_deliveries + 1:
            self.floor_deliveries, self.floor = settled.delivery, sequence
            for following in range(sequence + 1, self.delivered + 1):
                if following in self.pending:
                    self.floor_deliveries = self.pending[following].delivery - 1
                    self.floor = following - 1
                    break
        return True

    def drop(self, sequences: Iterable[int], start: int) -> bool:
        """These were purged, and `start` is the first that is there; gives whether any was pending.

        The floor of deliveries goes up to theirs, though others before them are pending.
        """
        gone = {one: self.pending[one].delivery for one in sequences if one in self.pending}
        for sequence in gone:
            self.settle(sequence)
        if self.floor < start:
            self.floor = start - 1
            self.floor_deliveries = max(self.floor_deliveries, *gone.values(), 0)
        return bool(gone)

    def reach_delivered(self) -> None:
        """All that was delivered is acked."""
        self.floor_deliveries, self.floor = self.delivered_deliveries, self.delivered

    def copy(self) -> Positions:
        """As it is now."""
        return replace(self, pending=dict(self.pending), redelivered=dict(self.redelivered))

    def read_back(self) -> Positions:
        """As it is read from the disk, where times are whole seconds."""
        pending = {
            sequence: Pending(one.delivery, one.since - one.since % SECOND)
            for sequence, one in self.pending.items()
        }
        return replace(self, pending=pending, redelivered=dict(self.redelivered))
