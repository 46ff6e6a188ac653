"""The keys of one database, their values and their ends; what a crash undoes."""

from __future__ import annotations

from typing import Any, TypeVar

from dovetail import clock
from simulation.servers.redis.replies import RedisError
from simulation.servers.redis.stream import Stream


class Hash(dict[bytes, bytes]):
    """Fields and their values."""

    def copy(self) -> Hash:
        """For the case that a change is undone."""
        return Hash(self)


class Set(dict[bytes, None]):
    """Members, in the order in which they came: the same in each run."""

    def copy(self) -> Set:
        """For the case that a change is undone."""
        return Set(self)


class SortedSet(dict[bytes, float]):
    """Members and their scores."""

    def copy(self) -> SortedSet:
        """For the case that a change is undone."""
        return SortedSet(self)

    def ordered(self) -> list[tuple[bytes, float]]:
        """By score, and then by name."""
        return sorted(self.items(), key=lambda one: (one[1], one[0]))


class String(bytearray):
    """A value without parts."""

    def copy(self) -> String:
        """For the case that a change is undone."""
        return String(self)


Value = String | Hash | Set | SortedSet | Stream
Kind = TypeVar("Kind", String, Hash, Set, SortedSet, Stream)
#: The values and ends that keys had before.
Undo = dict[bytes, tuple[Any, int | None]]


def now_ms() -> int:
    """The time of day in milliseconds."""
    return clock.time_ns() // 1_000_000


class Keyspace:
    """One database."""

    def __init__(self) -> None:
        self._values: dict[bytes, Any] = {}
        #: When keys end, in milliseconds.
        self._ends: dict[bytes, int] = {}
        #: What one command has changed, as it was before; None where nothing need be undone.
        self.undo: Undo | None = None
        #: Keys that were changed, for those who wait for them.
        self.changed: set[bytes] = set()

    def get(self, key: bytes, kind: type[Kind]) -> Kind | None:
        """The value, to be read only; RedisError where it is of another kind."""
        self._end(key)
        value = self._values.get(key)
        if value is not None and not isinstance(value, kind):
            raise RedisError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return value

    def change(self, key: bytes, kind: type[Kind]) -> Kind | None:
        """The value, to be changed."""
        value = self.get(key, kind)
        if value is not None:
            self._touch(key)
        return value

    def make(self, key: bytes, kind: type[Kind]) -> Kind:
        """The value, to be changed; an empty one where there was none."""
        value = self.change(key, kind)
        if value is None:
            self._touch(key)
            value = self._values[key] = kind()
        return value

    def kind_of(self, key: bytes) -> type[Value] | None:
        """What is there."""
        self._end(key)
        return type(self._values[key]) if key in self._values else None

    def put(self, key: bytes, value: Value) -> None:
        """Instead of what was there."""
        self._touch(key)
        self._ends.pop(key, None)
        self._values[key] = value

    def delete(self, key: bytes) -> bool:
        """Whether it was there."""
        if key not in self._values:
            return False
        self._touch(key)
        self._ends.pop(key, None)
        del self._values[key]
        return True

    def prune(self, key: bytes) -> None:
        """Remove a hash or set that has become empty."""
        if not self._values.get(key, True):
            self.delete(key)

    def end_of(self, key: bytes) -> int | None:
        """When it ends."""
        return self._ends.get(key)

    def end_at(self, key: bytes, at: int) -> None:
        """Let it end then."""
        self._touch(key)
        self._ends[key] = at

    def roll_back(self, undo: Undo) -> None:
        """As it was before."""
        for key, (value, end) in undo.items():
            self._values.pop(key, None)
            self._ends.pop(key, None)
            if value is not None:
                self._values[key] = value
            if end is not None:
                self._ends[key] = end

    def _end(self, key: bytes) -> None:
        end = self._ends.get(key)
        if end is not None and end <= now_ms():
            self.delete(key)

    def _touch(self, key: bytes) -> None:
        self.changed.add(key)
        if self.undo is not None and key not in self.undo:
            value = self._values.get(key)
            self.undo[key] = None if value is None else value.copy(), self._ends.get(key)
