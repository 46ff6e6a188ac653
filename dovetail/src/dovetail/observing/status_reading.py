"""The queue's status for those who ask often and must not wait."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime

from dovetail import clock
from dovetail.errors import DovetailError
from dovetail.queue import MessageQueue
from dovetail.status import QueueStatus

log = logging.getLogger("dovetail")

#: Between two readings at least.
PAUSE_SECONDS = 5.0
#: What a reading may take.
LIMIT_SECONDS = 4.0
#: What is older is not shown any more: it would look as if nothing moved.
OLD_SECONDS = 300.0


@dataclass(frozen=True)
class Reading:
    """A status, and when it was read: by the clock on the wall, and by time.monotonic."""

    status: QueueStatus
    at: datetime
    clock: float


class StatusReading:
    """Reads in the event loop that it was made in; asked in any thread."""

    def __init__(self, queue: MessageQueue) -> None:
        self._queue = queue
        self._loop = asyncio.get_running_loop()
        self._reading: Reading | None = None
        self._task: asyncio.Task[None] | None = None
        self._begun = float("-inf")
        self._failed = False

    def latest(self) -> Reading | None:
        """What was read last, at once; begins another reading where it is time."""
        now, reading = clock.monotonic(), self._reading
        if now - self._begun >= PAUSE_SECONDS and not self._loop.is_closed():
            self._begun = now
            self._loop.call_soon_threadsafe(self._start)
        if reading is None or now - reading.clock > OLD_SECONDS:
            return None
        return reading

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._read())

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                status = await self._queue.status()
        except (DovetailError, TimeoutError) as error:
            if not self._failed and self._queue.is_open:
                why = str(error) or f"no answer within {LIMIT_SECONDS:g} s"
                log.warning("the queue's status cannot be read for metrics: %s", why)
            self._failed = True
            return
        self._failed = False
        self._reading = Reading(status, clock.now(), clock.monotonic())
