"""Connecting: with patience at first, and again after a loss. For transports that keep their own loop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence

from dovetail import clock
from dovetail.errors import ConfigurationError, QueueUnavailable
from dovetail.limits import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    LONGEST_REPORT_SECONDS,
    REPORT_SECONDS,
    UNKNOWN_HOST_SECONDS,
)
from dovetail.network.os_errors import plain_error
from dovetail.network.server_address import Host
from dovetail.options import QueueOptions
from dovetail.unforeseen import Unforeseen

log = logging.getLogger("dovetail")


class Connecting:
    """Calls `connect` until it succeeds. What it raises as OSError passes by itself; the rest does not.

    `shown` is the address without user and password.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[None]], shown: str, options: QueueOptions
    ) -> None:
        self._connect = connect
        self._shown = shown
        self._options = options

    async def first(self) -> None:
        """For `options.patience` seconds at most; then QueueUnavailable."""
        started, reports = clock.monotonic(), Reports(at_once=True)
        pause, patience = FIRST_PAUSE_SECONDS, self._options.patience
        while True:
            try:
                return await self._connect()
            except OSError as error:
                waited = clock.monotonic() - started
                if isinstance(error, socket.gaierror) and waited >= UNKNOWN_HOST_SECONDS:
                    raise ConfigurationError(
                        self._unreachable(error), setting=self._options.setting
                    ) from error
                if patience is not None and waited >= patience:
                    raise QueueUnavailable(self._unreachable(error)) from error
                if reports.due():
                    log.warning("%s; waiting for it", self._unreachable(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def again(self, *, quiet: bool = False) -> None:
        """For as long as it takes; also what is final at first may be put right while we wait."""
        pause, reason, reports = FIRST_PAUSE_SECONDS, "", Reports()
        unforeseen = Unforeseen(log, f"connecting to {self._shown}")
        while True:
            try:
                return await self._connect()
            except (OSError, ConfigurationError) as error:
                said, reason = reason, str(error)
                if isinstance(error, OSError):
                    if not quiet and reports.due():
                        log.warning("%s; still trying", self._unreachable(error))
                elif reason != said and not quiet:
                    log.error("%s; trying on", reason)
            except Exception as error:  # noqa: BLE001 - or the connection would be gone for good
                unforeseen.tell(error)
            # Jitter, so that many clients do not come back to a restarted server together.
            await asyncio.sleep(pause * (0.5 + clock.fraction()))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _unreachable(self, error: OSError) -> str:
        why = plain_error(error)
        return f"the queue at {self._shown} ({self._options.setting}) cannot be reached: {why}"


class Reports:
    """When to say that we still wait: ever more seldom, so that a long outage does not flood the log."""

    def __init__(self, *, at_once: bool = False) -> None:
        self._pause = REPORT_SECONDS
        self._next = 0.0 if at_once else clock.monotonic() + self._pause

    def due(self) -> bool:
        """Whether to say it now."""
        now = clock.monotonic()
        if now < self._next:
            return False
        if self._next:
            self._pause = min(self._pause * 2, LONGEST_REPORT_SECONDS)
        self._next = now + self._pause
        return True


async def connect_to_any(
    hosts: Sequence[Host], connect: Callable[[Host], Awaitable[None]], last: Host | None = None
) -> None:
    """Connect to the first that takes us, in random order; else raise what is to be mended, if there is.

    `last` comes after all others: one that was lost without a word may keep us waiting.
    """
    failures: list[Exception] = []
    for host in sorted(clock.shuffled(hosts), key=lambda one: one == last):
        try:
            await connect(host)
        except Exception as error:  # noqa: BLE001 - the others may be well
            failures.append(error)
        else:
            return
    final = [error for error in failures if not isinstance(error, OSError)]
    raise (final or failures)[-1]
