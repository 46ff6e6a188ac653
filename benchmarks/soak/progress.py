"""Whether the publisher's messages are still accepted."""

from __future__ import annotations

import time
from pathlib import Path


class Progress:
    """Looks at a journal: each line is a message that was accepted."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._size = 0
        self._grown = time.monotonic()

    def silence(self) -> float:
        """For how many seconds it has not grown, as far as the looks show."""
        size = self._journal.stat().st_size if self._journal.exists() else 0
        now = time.monotonic()
        before, self._size = self._size, size
        silent = now - self._grown
        if size > before:
            self._grown = now
            return 0.0
        return silent
