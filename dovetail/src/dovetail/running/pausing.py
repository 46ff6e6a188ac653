"""Pauses a group while a dependency is down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from dovetail import clock
from dovetail.codec.error_text import describe
from dovetail.limits import (
    FIRST_GROUP_PAUSE_SECONDS,
    LONGEST_GROUP_PAUSE_SECONDS,
    SAY_AGAIN_SECONDS,
)
from dovetail.retry import Backoff

log = logging.getLogger("dovetail.worker")

_PAUSES = Backoff(
    first=FIRST_GROUP_PAUSE_SECONDS, most=LONGEST_GROUP_PAUSE_SECONDS, tries=1, jitter=0.3
)


class Stopping(Exception):
    """The worker is told to stop while it waits."""


class GroupPause:
    """One for each group of a worker. Every failure makes the next pause longer, until something works."""

    def __init__(
        self,
        name: str,
        stopping: asyncio.Event,
        backlog: Callable[[], Awaitable[int | None]] | None = None,
    ) -> None:
        self._name = name
        self._stopping = stopping
        #: Whether the worker is to stop: asked before each message.
        self.is_stopping = stopping.is_set
        #: Gives how many messages the group has yet to handle, where that is known.
        self._backlog = backlog
        self._failures = 0
        self._since = 0.0
        self._said = 0.0
        #: Whether a message of the group was handled since the worker started.
        self.has_handled = False
        #: Where it is in the future, nobody passes.
        self._closed_until = 0.0

    async def failed(self, error: Exception) -> None:
        """Wait for the next try; raises Stopping where the worker is to stop."""
        now = clock.monotonic()
        if now >= self._closed_until:
            self._failures += 1
            self._closed_until = now + _PAUSES.pause(self._failures)
            await self._say(error, now)
        await self.passed()

    async def _say(self, error: Exception, now: float) -> None:
        """That the group pauses, and again from time to time, with the reason of now."""
        if self._failures == 1:
            self._since = self._said = now
            log.warning("%s pauses, no attempt is used up: %s", self._name, describe(error))
        elif now - self._said >= SAY_AGAIN_SECONDS:
            self._said = now
            waiting = await self._backlog() if self._backlog else None
            log.warning(
                "%s still pauses, for %.0f s now%s: %s",
                self._name,
                now - self._since,
                "" if waiting is None else f", {waiting} messages wait",
                describe(error),
            )

    async def passed(self) -> None:
        """Wait until the pause is over."""
        while (pause := self._closed_until - clock.monotonic()) > 0:
            if self.is_stopping():
                raise Stopping
            try:
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    def worked(self) -> None:
        """A try succeeded."""
        if not self._failures:
            return
        log.warning("%s goes on after %.1f s", self._name, clock.monotonic() - self._since)
        self._failures = 0
        self._closed_until = 0.0
