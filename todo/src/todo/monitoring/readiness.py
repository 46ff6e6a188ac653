"""Whether a component can do all of its work: its queue and its database are asked."""

from __future__ import annotations

import asyncio

import msgspec

from dovetail import MessageQueue, QueueError
from todo.store import Store, StoreUnavailable

#: Seconds that the queue has to answer before it counts as unreachable; the store has its own limit.
PATIENCE = 1.5


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether the component can do all of its work; each part is "ok" or "unreachable"."""

    status: str
    queue: str
    #: Not of a component that has no database.
    database: str | None = None


async def readiness(queue: MessageQueue | None, store: Store | None) -> Readiness:
    """Ask the queue and the database, both at once. Takes two seconds at most.

    `queue` is None as long as there is none, `store` where the component has no database.
    """
    parts = await asyncio.gather(_queue(queue), _database(store))
    ready = all(part in ("ok", None) for part in parts)
    return Readiness("ready" if ready else "unready", *parts)


async def _queue(queue: MessageQueue | None) -> str:
    if queue is None or not queue.connected:
        return "unreachable"
    try:
        async with asyncio.timeout(PATIENCE):
            await queue.status()
    except (QueueError, TimeoutError):
        return "unreachable"
    return "ok"


async def _database(store: Store | None) -> str | None:
    if store is None:
        return None
    try:
        await store.newest(1)
    except StoreUnavailable:
        return "unreachable"
    return "ok"
