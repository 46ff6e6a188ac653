"""A stream: its entries, and how far each group has come with them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace

from simulation.servers.redis.replies import RedisError

#: Milliseconds and a number within them.
Id = tuple[int, int]

FIRST: Id = (0, 0)
LAST: Id = (2**64 - 1, 2**64 - 1)


@dataclass(slots=True)
class Pending:
    """An entry that a consumer has and has not acked."""

    consumer: bytes
    #: When it was delivered or claimed last, in milliseconds.
    at: int
    deliveries: int = 1


@dataclass(slots=True)
class Group:
    """One consumer group."""

    last: Id
    #: By id, in their order.
    pending: dict[Id, Pending] = field(default_factory=dict)
    #: When each consumer was seen last.
    consumers: dict[bytes, int] = field(default_factory=dict)

    def copy(self) -> Group:
        """For the case that a change is undone."""
        pending = {entry: replace(one) for entry, one in self.pending.items()}
        return Group(self.last, pending, dict(self.consumers))


class Stream:
    """Entries in the order of their ids."""

    def __init__(self) -> None:
        self.entries: dict[Id, list[bytes]] = {}
        self.ids: list[Id] = []
        self.last: Id = FIRST
        self.added = 0
        self.groups: dict[bytes, Group] = {}

    def copy(self) -> Stream:
        """For the case that a change is undone."""
        copy = Stream()
        copy.entries, copy.ids = dict(self.entries), list(self.ids)
        copy.last, copy.added = self.last, self.added
        copy.groups = {name: group.copy() for name, group in self.groups.items()}
        return copy

    def add(self, id: Id | None, fields: list[bytes], now: int) -> Id:
        """One more entry; its id by the clock where there is none."""
        following = (now, 0) if now > self.last[0] else (self.last[0], self.last[1] + 1)
        entry = following if id is None else id
        if entry <= self.last:
            raise RedisError(
                "ERR The ID specified in XADD is equal or smaller than the target stream top item"
            )
        self.entries[entry] = fields
        self.ids.append(entry)
        self.last = entry
        self.added += 1
        return entry

    def delete(self, id: Id) -> bool:
        """Whether it was there."""
        if self.entries.pop(id, None) is None:
            return False
        del self.ids[bisect_left(self.ids, id)]
        return True

    def between(self, start: Id, end: Id, count: int | None = None) -> list[Id]:
        """The ids from one to another, both included, oldest first."""
        low, high = bisect_left(self.ids, start), bisect_right(self.ids, end)
        return self.ids[low : high if count is None else min(high, low + count)]

    def after(self, id: Id) -> int:
        """How many entries come after this."""
        return len(self.ids) - bisect_right(self.ids, id)

    def read(self, group: Group, consumer: bytes, count: int | None, now: int) -> list[Id]:
        """Deliver what the group has not had yet."""
        group.consumers[consumer] = now
        start = bisect_right(self.ids, group.last)
        ids = self.ids[start : None if count is None else start + count]
        for entry in ids:
            group.pending[entry] = Pending(consumer, now)
        if ids:
            group.last = ids[-1]
        return ids


def id_text(id: Id) -> bytes:
    """As clients know it."""
    return b"%d-%d" % id


def id_of(text: bytes, sequence: int = 0) -> Id:
    """The id of this text; `sequence` where it says milliseconds only."""
    ms, dash, number = text.partition(b"-")
    try:
        return int(ms), int(number) if dash else sequence
    except ValueError:
        raise RedisError("ERR Invalid stream ID specified as stream command argument") from None


def bound_of(text: bytes, *, end: bool) -> Id:
    """One end of a range: `-`, `+`, an id, or `(` before one that is left out."""
    if text in (b"-", b"+"):
        return FIRST if text == b"-" else LAST
    left_out = text.startswith(b"(")
    ms, sequence = id_of(text.removeprefix(b"("), LAST[1] if end else 0)
    if not left_out:
        return ms, sequence
    if end:
        return (ms, sequence - 1) if sequence else (ms - 1, LAST[1])
    return (ms, sequence + 1) if sequence < LAST[1] else (ms + 1, 0)
