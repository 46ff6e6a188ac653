"""What this process tells of itself, whichever server is asked."""

from __future__ import annotations

import asyncio
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec

from dovetail import MessageQueue
from todo.monitoring.answer import ALIVE, Answer
from todo.monitoring.metrics import Metrics
from todo.monitoring.readiness import Readiness, readiness
from todo.store import Store

if TYPE_CHECKING:
    from todo.monitoring.exposition import Exposition

PATHS = ("/health", "/ready", "/metrics")


class Monitor:
    """Answers at `/health`, `/ready` and `/metrics`, from the start of the process to its end.

    `queue` is set once there is one. `store` is None in a component that has no database.
    """

    def __init__(
        self,
        metrics: Metrics | None = None,
        *,
        queue: MessageQueue | None = None,
        store: Store | None = None,
    ) -> None:
        self.metrics = metrics or Metrics()
        self.queue = queue
        self.store = store
        self._asking: asyncio.Task[Readiness] | None = None

    async def answer(self, path: str) -> Answer:
        """What there is at one of the PATHS."""
        if path == "/health":
            return ALIVE
        if path == "/ready":
            return await self._ready()
        return Answer(self._exposition.render(), content_type=self._exposition.content_type)

    async def close(self) -> None:
        """Ask queue and database nothing more: they may then be closed."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ready(self) -> Answer:
        found = await self._readiness()
        body = msgspec.json.encode(found)
        return Answer(body) if found.status == "ready" else Answer(body, 503, retry_after=2)

    async def _readiness(self) -> Readiness:
        """As everyone who asks at the same time is told: queue and database are asked once."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(readiness(self.queue, self.store))
        return await asyncio.shield(self._asking)

    @cached_property
    def _exposition(self) -> Exposition:
        # Slow to import, so it waits until someone asks.
        found: Exposition = import_module("todo.monitoring.exposition").Exposition(self.metrics)
        return found
