"""Readiness of a component: the state of its queue and its database."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec

from dovetail import DovetailError, MessageQueue, QueueFull
from todo.monitoring.disk import QueueDisk
from todo.store import NoSchema, Store, StoreChanged, StoreDamaged, StoreFull, StoreUnavailable

#: Seconds that the queue has to answer before it counts as unreachable; the store has its own limit.
PATIENCE = 1.5

QueueState = Literal["ok", "unreachable", "full"]
DatabaseState = Literal["ok", "unreachable", "full", "damaged", "no schema"]


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether the component can do all of its work, and what hinders it.

    Full is also a database that may only be read; damaged one whose file was removed or replaced; the schema
    is missing also where it is another release's. Where there is no database, nothing is said of one.
    """

    status: Literal["ready", "unready"]
    queue: QueueState
    database: DatabaseState | msgspec.UnsetType = msgspec.UNSET


async def readiness(
    queue: MessageQueue | None, store: Store | None, disk: QueueDisk | None = None
) -> Readiness:
    """Ask the queue and the database, both at once. Takes two seconds at most.

    `queue` is None as long as there is none, `store` where the component has no database.
    """
    if store is None:
        state = await queue_state(queue, disk)
        return Readiness("ready" if state == "ok" else "unready", state)
    queue_is, database_is = await asyncio.gather(queue_state(queue, disk), database_state(store))
    status: Literal["ready", "unready"] = "ready" if queue_is == database_is == "ok" else "unready"
    return Readiness(status, queue_is, database_is)


async def queue_state(queue: MessageQueue | None, disk: QueueDisk | None = None) -> QueueState:
    """How the queue is. Where its disk is full that is why it cannot be reached, too."""
    if disk is not None and disk.full:
        return "full"
    if queue is None or not queue.connected:
        return "unreachable"
    try:
        await queue.ping(PATIENCE)
    except QueueFull:
        return "full"
    except DovetailError:
        return "unreachable"
    return "ok"


async def database_state(store: Store) -> DatabaseState:
    """How the database is."""
    try:
        await store.check()
    except StoreFull:
        return "full"
    except NoSchema:
        return "no schema"
    except (StoreChanged, StoreDamaged):
        return "damaged"
    except StoreUnavailable:
        return "unreachable"
    return "ok"
