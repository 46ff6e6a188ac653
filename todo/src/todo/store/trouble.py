"""Says in the log when a database that is in use fails, and when it serves again."""

from __future__ import annotations

import logging
import time

from todo.reminder import Reminder
from todo.store import StoreFull, StoreUnavailable
from todo.store.address import Address

log = logging.getLogger("todo.store")


class Trouble:
    """One outage after another, each with a line at its beginning and at its end, and some between."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._since: float | None = None
        self._full = False
        self._reminder = Reminder()

    def failed(self, error: StoreUnavailable) -> None:
        """It could not be used."""
        if self._since is None:
            self._since, self._reminder = time.monotonic(), Reminder()
        self._full = isinstance(error, StoreFull)
        if self._reminder.due():
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
