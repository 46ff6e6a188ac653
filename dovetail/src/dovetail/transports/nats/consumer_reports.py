"""Says that a group's consumer cannot be read, or that no server serves it; ever more seldom."""

from __future__ import annotations

import logging

from dovetail import clock
from dovetail.errors import DovetailError, QueueUnavailable
from dovetail.network.connecting import Reports
from dovetail.transports.nats.api_errors import file_of_progress
from dovetail.transports.nats.limits import ELECTION_SECONDS

log = logging.getLogger("dovetail.nats")


class ConsumerReports:
    """Of one consumer, named as `<stream>.<consumer>`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reports: Reports | None = None
        self._limited = Reports(at_once=True)
        #: Since when it is there, and nothing came of it; by clock.monotonic.
        self._unserved = 0.0

    def refused(self, error: DovetailError) -> None:
        """It cannot be had."""
        if self._is_due():
            # What is refused passes when somebody does something about it.
            level = logging.WARNING if isinstance(error, QueueUnavailable) else logging.ERROR
            log.log(level, "%s cannot be read now, trying again: %s", self._name, error)

    def limited(self, said: str) -> None:
        """The server refuses what is asked for: the consumer has limits that we did not know."""
        if self._limited.due():
            log.warning(
                "the server refuses to give messages of %s: %s. It is asked for less now; where a message is "
                "larger than the consumer's max_bytes, raise that (nats consumer edit)",
                self._name,
                said,
            )

    def is_there(self, *, served: bool) -> None:
        """It is had again. `served`: since we last said so it gave something, or said that it has nothing."""
        if not self._unserved or served:
            self._unserved, self._reports = clock.monotonic(), None
            return
        seconds = clock.monotonic() - self._unserved
        if seconds >= ELECTION_SECONDS and self._is_due():
            log.error(
                "%s is there, but for %d s no server has served it: its group gets nothing. On a cluster "
                "most of its copies are down, or damaged: then /healthz of a server's monitor, and its log, "
                "say 'error creating store for consumer'. End these servers, remove %s, and start them "
                "again: the group is handed again what is kept, under the same ids",
                self._name,
                seconds,
                file_of_progress(*self._name.split(".", 1)),
            )

    def _is_due(self) -> bool:
        if self._reports is None:
            self._reports = Reports(at_once=True)
        return self._reports.due()
