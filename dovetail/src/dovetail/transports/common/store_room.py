"""What a store with a limit has left, as far as one connection can tell."""

from __future__ import annotations

from dovetail import clock
from dovetail.errors import QueueFull
from dovetail.limits import LEAST_ROOM_BYTES, REFUSAL_SECONDS


class Room:
    """Told what was refused, it knows that what is as large would be refused again."""

    def __init__(self) -> None:
        self._refused = 0
        self._until = 0.0

    def refused(self, size: int) -> None:
        """A message of so many bytes had no room."""
        self._refused, self._until = size, clock.monotonic() + REFUSAL_SECONDS

    def check(self, stored: int, limit: int | None) -> None:
        """Raise QueueFull where a publisher would be refused; sizes are in bytes, without a limit None."""
        if limit is None:
            return
        wanted = LEAST_ROOM_BYTES
        if clock.monotonic() < self._until:
            wanted += self._refused
        if limit - stored < wanted:
            raise QueueFull(f"the queue's store is full ({stored} of {limit} bytes)")
