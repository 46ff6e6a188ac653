"""The deltas that open pages were told last, kept once for all of them."""

from __future__ import annotations

import secrets
from collections import deque
from typing import NamedTuple

#: Deltas that are kept for those who are behind or were away, and bytes of them.
MOST, MOST_BYTES = 5000, 2 * 1024 * 1024
#: Bytes that are handed to one page at a time.
CHUNK_BYTES = 64 * 1024
#: Tells a page that what it shows may not be what there is: it reads the list again.
RESET = b'{"kind":"reset"}'


class StreamPosition(NamedTuple):
    """How far a page has read: the number of a delta, in one epoch."""

    epoch: str
    number: int

    def __str__(self) -> str:
        """As the stream has it, and a browser gives it back."""
        return f"{self.epoch}-{self.number}"


def stream_position_of(text: str) -> StreamPosition | None:
    """The place that a browser names; None for what is none."""
    epoch, _, number = text.partition("-")
    return StreamPosition(epoch, int(number)) if number.isascii() and number.isdigit() else None


class RecentDeltas:
    """The last deltas of this epoch, in order. A page that asks for older ones, or for another epoch, gets a
    reset.

    An epoch is a time in which no event was missed.
    """

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._epoch = secrets.token_hex(4)
        self._last = 0

    @property
    def end(self) -> StreamPosition:
        """The place of the last delta."""
        return StreamPosition(self._epoch, self._last)

    def add(self, delta: bytes) -> None:
        """One more, as JSON."""
        self._last += 1
        frame = _frame(self.end, delta)
        self._frames.append(frame)
        self._bytes += len(frame)
        while len(self._frames) > MOST or self._bytes > MOST_BYTES:
            self._bytes -= len(self._frames.popleft())

    def renew(self) -> None:
        """Something may have been missed: begin another epoch."""
        self._epoch = secrets.token_hex(4)
        self._frames.clear()
        self._bytes = self._last = 0

    def after(self, place: StreamPosition | None) -> tuple[bytes, StreamPosition]:
        """The next chunk for a page that is there, and where it is then."""
        behind = self._last - place.number if place and place.epoch == self._epoch else -1
        if not 0 <= behind <= len(self._frames):
            return _frame(self.end, RESET), self.end
        assert place is not None
        chunk, size, number = [], 0, place.number
        for index in range(len(self._frames) - behind, len(self._frames)):
            chunk.append(self._frames[index])
            size += len(chunk[-1])
            number += 1
            if size >= CHUNK_BYTES:
                break
        return b"".join(chunk), StreamPosition(self._epoch, number)


def _frame(place: StreamPosition, delta: bytes) -> bytes:
    """One server-sent event. `delta` is JSON without line ends."""
    return b"id: %s\ndata: %s\n\n" % (str(place).encode(), delta)
