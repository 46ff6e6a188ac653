"""Holds a group back while a dependency is down."""

from __future__ import annotations

import asyncio
import logging
import time

from dovetail.retry import Backoff

log = logging.getLogger("dovetail.worker")

_PAUSES = Backoff(first=0.1, most=5.0, tries=1, jitter=0.3)


class Stopping(Exception):
    """The worker is told to stop while it waits."""


class Gate:
    """One for each group of a worker. Every failure makes the next pause longer, until something works."""

    def __init__(self, name: str, stopping: asyncio.Event) -> None:
        self._name = name
        self._stopping = stopping
        self._failures = 0
        self._since = 0.0
        #: Where it is in the future, nobody passes.
        self._closed_until = 0.0

    async def failed(self, error: Exception) -> None:
        """Wait for the next try; raises Stopping where the worker is to stop."""
        now = time.monotonic()
        if now >= self._closed_until:
            if self._failures == 0:
                self._since = now
                log.warning("%s pauses, no attempt is used up: %s", self._name, error)
            self._failures += 1
            self._closed_until = now + _PAUSES.pause(self._failures)
        await self.passed()

    async def passed(self) -> None:
        """Wait until the gate is open."""
        while (pause := self._closed_until - time.monotonic()) > 0:
            if self._stopping.is_set():
                raise Stopping
            try:
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    @property
    def stopping(self) -> bool:
        """Whether the worker is to stop."""
        return self._stopping.is_set()

    def worked(self) -> None:
        """A try succeeded."""
        if not self._failures:
            return
        log.warning("%s goes on after %.1f s", self._name, time.monotonic() - self._since)
        self._failures = 0
        self._closed_until = 0.0
