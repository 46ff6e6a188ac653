"""Routes for those who watch a component: is it alive, is it ready, what has it done."""

from __future__ import annotations

import asyncio
from functools import cache
from importlib import import_module
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dovetail import MessageQueue, QueueError
from todo.serving.metrics import Metrics
from todo.store import Store, StoreUnavailable

#: Seconds that the queue has to answer before it counts as unreachable; the store has its own limit.
PATIENCE = 1.5


class Readiness(msgspec.Struct, frozen=True):
    """Whether the component can do all of its work; each part is "ok" or "unreachable"."""

    status: str
    queue: str
    database: str


async def readiness(queue: MessageQueue, store: Store) -> Readiness:
    """Ask the queue and the database, both at once. Takes two seconds at most."""
    parts = await asyncio.gather(_queue_answers(queue), _store_answers(store))
    queue_state, database_state = ("ok" if part else "unreachable" for part in parts)
    return Readiness("ready" if all(parts) else "unready", queue_state, database_state)


async def _queue_answers(queue: MessageQueue) -> bool:
    if not queue.connected:
        return False
    try:
        async with asyncio.timeout(PATIENCE):
            await queue.status()
    except (QueueError, TimeoutError):
        return False
    return True


async def _store_answers(store: Store) -> bool:
    try:
        await store.newest(1)
    except StoreUnavailable:
        return False
    return True


def probe_routes(queue: MessageQueue, store: Store, metrics: Metrics) -> list[Route]:
    """`/health`, `/ready` and `/metrics`."""

    @cache
    def exposition() -> Any:
        return import_module("todo.serving.exposition").Exposition(metrics)

    async def health(request: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def ready(request: Request) -> Response:
        found = await readiness(queue, store)
        body = msgspec.json.encode(found)
        if found.status == "ready":
            return Response(body, media_type="application/json")
        return Response(body, 503, {"Retry-After": "2"}, media_type="application/json")

    async def metrics_page(request: Request) -> Response:
        found = exposition()
        return Response(found.render(), headers={"Content-Type": found.content_type})

    return [Route("/health", health), Route("/ready", ready), Route("/metrics", metrics_page)]
