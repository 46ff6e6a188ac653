"""Connecting: with patience at first, and again after a loss. For transports that keep their own loop."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
from collections.abc import Awaitable, Callable, Sequence

from dovetail.errors import ConfigurationError, QueueUnavailable
from dovetail.options import QueueOptions
from dovetail.plain import plain_error
from dovetail.server_address import Host

log = logging.getLogger("dovetail")

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 2.0
#: A host name that cannot be resolved for so long is a mistake rather than a machine yet to start.
UNKNOWN_HOST_SECONDS = 10.0
#: Seconds until a line says again that we still wait; each further one takes twice as long, up to a limit.
REPORT_SECONDS = 5.0
LONGEST_REPORT_SECONDS = 300.0


class Connecting:
    """Calls `connect` until it succeeds. What it raises as OSError passes by itself; the rest is final.

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
        started, reports = time.monotonic(), Reports(at_once=True)
        pause, patience = FIRST_PAUSE_SECONDS, self._options.patience
        while True:
            try:
                return await self._connect()
            except OSError as error:
                waited = time.monotonic() - started
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
            # Jitter, so that many clients do not come back to a restarted server together.
            await asyncio.sleep(pause * (0.5 + random.random()))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _unreachable(self, error: OSError) -> str:
        why = plain_error(error)
        return f"the queue at {self._shown} ({self._options.setting}) cannot be reached: {why}"


class Reports:
    """When to say that we still wait: ever more seldom, so that a long outage does not flood the log."""

    def __init__(self, *, at_once: bool = False) -> None:
        self._pause = REPORT_SECONDS
        self._next = 0.0 if at_once else time.monotonic() + self._pause

    def due(self) -> bool:
        """Whether to say it now."""
        now = time.monotonic()
        if now < self._next:
            return False
        if self._next:
            self._pause = min(self._pause * 2, LONGEST_REPORT_SECONDS)
        self._next = now + self._pause
        return True


async def connect_to_any(hosts: Sequence[Host], connect: Callable[[Host], Awaitable[None]]) -> None:
    """Connect to the first that takes us, in random order; else raise what is to be mended, if there is."""
    failures: list[OSError | ConfigurationError] = []
    for host in random.sample(hosts, len(hosts)):
        try:
            await connect(host)
        except (OSError, ConfigurationError) as error:
            failures.append(error)
        else:
            return
    final = [error for error in failures if isinstance(error, ConfigurationError)]
    raise (final or failures)[-1]
