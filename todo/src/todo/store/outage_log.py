"""Logs when a database in use fails, and when it works again."""

from __future__ import annotations

import logging
import time

from todo.log_backoff import LogBackoff
from todo.store import StoreFull, StoreUnavailable
from todo.store.address import Address

log = logging.getLogger("todo.store")


class OutageLog:
    """A line at the beginning and the end of each outage, and some between."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._since: float | None = None
        self._full = False
        self._log_backoff = LogBackoff()

    def failed(self, error: StoreUnavailable) -> None:
        """It could not be used."""
        if self._since is None:
            self._since, self._log_backoff = time.monotonic(), LogBackoff()
        self._full = isinstance(error, StoreFull)
        if self._log_backoff.due():
            log.warning(
                "the database at %s (%s) cannot be used: %s",
                self._address.shown,
                self._address.setting,
                error,
            )

    def worked(self, *, wrote: bool) -> None:
        """It was used. That it can be read says nothing of one that is full."""
        if self._since is not None and (wrote or not self._full):
            log.warning("the database serves again after %.1f s", time.monotonic() - self._since)
            self._since = None
