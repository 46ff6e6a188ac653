"""What open pages were told last, once for all of them. Nobody has a buffer of their own."""

from __future__ import annotations

import secrets
from collections import deque
from typing import NamedTuple

#: Deltas that are kept for those who are behind or were away, and bytes of them.
MOST, MOST_BYTES = 5000, 2 * 1024 * 1024
#: Bytes that are handed to one page at a time.
PORTION_BYTES = 64 * 1024
#: Tells a page that what it shows may not be what there is: it reads the list again.
RESET = b'{"kind":"reset"}'


class Place(NamedTuple):
    """How far a page has come: the number of a delta, in one epoch."""

    epoch: str
    number: int

    def __str__(self) -> str:
        """As the stream has it, and a browser gives it back."""
        return f"{self.epoch}-{self.number}"


def place_of(text: str) -> Place | None:
    """The place that a browser names; None for what is none."""
    epoch, _, number = text.partition("-")
    return Place(epoch, int(number)) if number.isascii() and number.isdigit() else None


class Recent:
    """The last deltas of this epoch, in their order; what is older, or of another epoch, is a reset.

    An epoch is a time in which no event was missed.
    """

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._epoch = secrets.token_hex(4)
        self._last = 0

    @property
    def end(self) -> Place:
        """The place of the last delta."""
        return Place(self._epoch, self._last)

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

    def after(self, place: Place | None) -> tuple[bytes, Place]:
        """The next portion for a page that is there, and where it is then."""
        behind = self._last - place.number if place and place.epoch == self._epoch else -1
        if not 0 <= behind <= len(self._frames):
            return _frame(self.end, RESET), self.end
        assert place is not None
        portion, size, number = [], 0, place.number
        for index in range(len(self._frames) - behind, len(self._frames)):
            portion.append(self._frames[index])
            size += len(portion[-1])
            number += 1
            if size >= PORTION_BYTES:
                break
        return b"".join(portion), Place(self._epoch, number)


def _frame(place: Place, delta: bytes) -> bytes:
    """One server-sent event. `delta` is JSON without line ends."""
    return b"id: %s\ndata: %s\n\n" % (str(place).encode(), delta)
