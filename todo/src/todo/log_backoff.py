"""When to repeat a warning about something that lasts."""

from __future__ import annotations

import time

#: Seconds until the first repetition; each further one takes twice as long, up to the second number.
_FIRST, _LONGEST = 10.0, 300.0


class LogBackoff:
    """Due at once, then after pauses that grow, so that the log is not flooded."""

    def __init__(self) -> None:
        self._pause = _FIRST
        self._next = 0.0

    def due(self) -> bool:
        """Whether to say it now."""
        now = time.monotonic()
        if now < self._next:
            return False
        if self._next:
            self._pause = min(self._pause * 2, _LONGEST)
        self._next = now + self._pause
        return True
