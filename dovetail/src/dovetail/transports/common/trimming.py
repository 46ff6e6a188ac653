"""When the history is trimmed: by every worker, once a minute, and soon after the store was found full."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from dovetail.errors import DovetailError
from dovetail.limits import FULL_SECONDS, TRIM_SECONDS
from dovetail.unforeseen import Unforeseen


class Trimmer:
    """Calls `trim` until it is closed. What it is called with says whether the store was found full.

    What `trim` raises as one of `final` ends it: this worker may not.
    """

    def __init__(
        self,
        trim: Callable[[bool], Awaitable[None]],
        log: logging.Logger,
        final: tuple[type[DovetailError], ...] = (),
    ) -> None:
        self._trim = trim
        self._log = log
        self._final = final
        self._full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unforeseen = Unforeseen(log, "trimming the history")

    def start(self) -> None:
        """A second call does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def full(self) -> None:
        """The store was found full: trim it now, whatever the age of what every group has handled."""
        self._full.set()

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(TRIM_SECONDS):
                    await self._full.wait()
            except TimeoutError:
                pass
            try:
                await self._trim(self._full.is_set())
            except self._final as error:
                self._log.warning("the history is not trimmed by this worker: %s", error)
                return
            except DovetailError as error:
                self._log.warning("the history could not be trimmed, trying again later: %s", error)
            except Exception as error:  # noqa: BLE001 - or nothing would be trimmed any more
                self._unforeseen.tell(error)
            if self._full.is_set():
                await asyncio.sleep(FULL_SECONDS)
                self._full.clear()
