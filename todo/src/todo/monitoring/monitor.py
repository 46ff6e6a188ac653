"""Answers monitoring requests, for whichever server receives them."""

from __future__ import annotations

import asyncio
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from dovetail import MessageQueue
from todo.monitoring.answer import ALIVE, Answer
from todo.monitoring.disk import QueueDisk
from todo.monitoring.metrics import Metrics
from todo.monitoring.readiness import Readiness, readiness
from todo.store import Store

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

PATHS = ("/health", "/ready", "/metrics")


class Monitor:
    """Answers at `/health`, `/ready` and `/metrics`, from the start of the process to its end.

    `queue` is set once there is one. `store` is None in a component that has no database.
    """

    def __init__(
        self,
        *,
        queue: MessageQueue | None = None,
        store: Store | None = None,
        answers_requests: bool = False,
        disk: QueueDisk | None = None,
    ) -> None:
        self._disk = disk
        self.queue = queue
        self.store = store
        #: What a component counts that answers requests.
        self.metrics = Metrics()
        self._answers_requests = answers_requests
        self._asking: asyncio.Task[Readiness] | None = None

    @cached_property
    def registry(self) -> CollectorRegistry:
        """All metrics of this process."""
        registry: CollectorRegistry = self._exposition.make_registry()
        if self._answers_requests:
            registry.register(self._exposition.HttpCollector(self.metrics))
        return registry

    async def answer(self, path: str) -> Answer:
        """What there is at one of the PATHS."""
        if path == "/health":
            return ALIVE
        if path == "/ready":
            return await self._ready()
        text = self._exposition.render(self.registry)
        return Answer(text, content_type=self._exposition.CONTENT_TYPE)

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
            self._asking = asyncio.create_task(readiness(self.queue, self.store, self._disk))
        return await asyncio.shield(self._asking)

    @cached_property
    def _exposition(self) -> Any:
        # Slow to import, so it waits until someone asks.
        return import_module("todo.monitoring.exposition")
