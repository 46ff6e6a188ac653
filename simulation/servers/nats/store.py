"""The messages of one stream, as they lie on its disk."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from simulation.servers.nats.subjects import matches
from simulation.servers.nats.times import rfc3339

#: What a record takes on the disk beside its subject, headers and body; and headers beside themselves.
RECORD_BYTES, HEADERS_BYTES = 30, 4


class StoredMessage(NamedTuple):
    """One message; `time` is in nanoseconds since 1970."""

    sequence: int
    time: int
    subject: str
    headers: bytes
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return size_on_disk(self.subject, self.headers, self.payload)


def size_on_disk(subject: str, headers: bytes, payload: bytes) -> int:
    """Bytes that a message takes."""
    own = RECORD_BYTES + len(subject.encode("utf-8", "surrogateescape")) + len(payload)
    return own + (HEADERS_BYTES + len(headers) if headers else 0)


class Store:
    """Messages by their sequence, and which sequences each subject has."""

    def __init__(self) -> None:
        self.messages: dict[int, StoredMessage] = {}
        #: By subject, ascending.
        self.subjects: dict[str, list[int]] = {}
        self.bytes = 0
        #: Of an empty stream the first one is the next that it will have.
        self.first, self.last = 0, 0
        self.last_time = 0

    def add(self, message: StoredMessage) -> None:
        """The next one."""
        if not self.messages:
            self.first = message.sequence
        self.messages[message.sequence] = message
        self.subjects.setdefault(message.subject, []).append(message.sequence)
        self.bytes += message.size
        self.last, self.last_time = message.sequence, message.time

    def remove(self, sequence: int) -> StoredMessage | None:
        """It is gone; None where it is not there."""
        message = self.messages.pop(sequence, None)
        if message is None:
            return None
        self.bytes -= message.size
        sequences = self.subjects[message.subject]
        del sequences[bisect_left(sequences, sequence)]
        if not sequences:
            del self.subjects[message.subject]
        while self.first not in self.messages and self.first <= self.last:
            self.first += 1
        return message

    def first_of(self, pattern: str) -> int:
        """The first sequence on these subjects; 0 where there is none."""
        found = [sequences[0] for _, sequences in self.on(pattern)]
        return min(found, default=0)

    def on(self, pattern: str) -> Iterator[tuple[str, list[int]]]:
        """The subjects of this pattern, with their sequences."""
        if pattern in self.subjects:
            yield pattern, self.subjects[pattern]
        elif "*" in pattern or pattern.endswith(">"):
            for subject, sequences in self.subjects.items():
                if matches(pattern, subject):
                    yield subject, sequences

    def since(self, pattern: str, sequence: int) -> Iterator[StoredMessage]:
        """Those on these subjects from this sequence on."""
        parts = [
            islice(sequences, bisect_left(sequences, sequence), None)
            for _, sequences in self.on(pattern)
        ]
        return (self.messages[one] for one in merge(*parts))

    def count(self, pattern: str, sequence: int) -> int:
        """How many there are on these subjects from this sequence on."""
        return sum(
            len(sequences) - bisect_left(sequences, sequence) for _, sequences in self.on(pattern)
        )

    def first_since(self, time: int) -> int:
        """The first sequence stored at this time or later; 0 where there is none."""
        sequences = [*self.messages]
        position = bisect_left(sequences, time, key=lambda one: self.messages[one].time)
        return sequences[position] if position < len(sequences) else 0

    def purge(self, pattern: str, upto: int) -> list[StoredMessage]:
        """Remove those on these subjects before a sequence, or all where it is 0; gives what was removed."""
        doomed: list[int] = []
        for _, sequences in self.on(pattern):
            doomed += sequences[: bisect_left(sequences, upto)] if upto else sequences
        removed = [self.remove(one) for one in sorted(doomed)]
        return [one for one in removed if one is not None]

    def state(self) -> dict[str, Any]:
        """As the API has it, without consumers."""
        first = self.messages.get(self.first)
        gaps = self.last + 1 - self.first - len(self.messages) if self.messages else 0
        state: dict[str, Any] = {
            "messages": len(self.messages),
            "bytes": self.bytes,
            "first_seq": self.first,
            "first_ts": rfc3339(first.time if first else None),
            "last_seq": self.last,
            "last_ts": rfc3339(self.last_time or None),
        }
        if self.subjects:
            state["num_subjects"] = len(self.subjects)
        if gaps:
            state["num_deleted"] = gaps
        return state
