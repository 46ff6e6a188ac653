"""The log line with the ids of what a handler received."""

from __future__ import annotations

import logging
from collections.abc import Collection


class Received:
    """Logs received ids. Ids that come again every few seconds while the database is away are logged once."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._last: frozenset[str] = frozenset()

    def say(self, ids: Collection[str]) -> None:
        """These came; part of what came last may be what is tried again."""
        if not self._last.issuperset(ids):
            self._last = frozenset(ids)
            self._log.info("received %s", " ".join(ids))
