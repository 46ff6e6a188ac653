"""What a store with a limit has left, as far as one connection can tell."""

from __future__ import annotations

import time

from dovetail.errors import QueueFull

#: A store with less room than this takes hardly any message.
LEAST_BYTES = 1024
#: For so long what was refused counts: later the next message may be a smaller one.
REMEMBERED_SECONDS = 60.0


class Room:
    """Told what was refused, it knows that what is as large would be refused again."""

    def __init__(self) -> None:
        self._refused = 0
        self._until = 0.0

    def refused(self, size: int) -> None:
        """A message of so many bytes had no room."""
        self._refused, self._until = size, time.monotonic() + REMEMBERED_SECONDS

    def check(self, stored: int, limit: int | None) -> None:
        """Raise QueueFull where a publisher would be refused; sizes are in bytes, without a limit None."""
        if limit is None:
            return
        wanted = LEAST_BYTES
        if time.monotonic() < self._until:
            wanted += self._refused
        if limit - stored < wanted:
            raise QueueFull(f"the queue's store is full ({stored} of {limit} bytes)")
