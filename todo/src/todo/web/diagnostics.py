"""Asks queue, database and components how they are, for the diagnostics page."""

from __future__ import annotations

import asyncio
import platform
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from dovetail import DovetailError, MessageQueue, QueueStatus
from todo.addresses import without_secrets
from todo.events import Presence, WhoIsThere
from todo.monitoring.disk import QueueDisk
from todo.monitoring.readiness import DatabaseState, QueueState, database_state, queue_state
from todo.settings import Settings
from todo.store import Store, StoreUnavailable
from todo.store.address import parse

#: Seconds that the queue has to answer; the store has its own limit.
PATIENCE = 1.5
#: Seconds that components have to answer.
ROLL_CALL = 0.5


@dataclass(frozen=True)
class QueueHealth:
    """The queue; `status` is None where it does not answer."""

    state: QueueState
    address: str
    status: QueueStatus | None


@dataclass(frozen=True)
class DatabaseHealth:
    """The database; `items` is None where it does not answer."""

    state: DatabaseState
    kind: str
    address: str
    items: int | None


@dataclass(frozen=True)
class Here:
    """The process that shows the page."""

    release: str
    environment: str
    host: str
    python: str
    system: str
    library: str


@dataclass(frozen=True)
class Diagnosis:
    """All of it, at one moment."""

    queue: QueueHealth
    database: DatabaseHealth
    components: Sequence[Presence]
    here: Here


async def diagnose(queue: MessageQueue, store: Store, settings: Settings) -> Diagnosis:
    """Ask everyone at once. Takes two seconds at most."""
    queue_is, database_is, status, items, components = await asyncio.gather(
        queue_state(queue, QueueDisk(settings)),
        database_state(store),
        _status(queue),
        _count(store),
        _roll_call(queue),
    )
    shown = status.address if status else without_secrets(settings.queue_url)
    database = parse(settings.database)
    kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[database.kind]
    return Diagnosis(
        QueueHealth(queue_is, shown, status),
        DatabaseHealth(database_is, kind, database.shown, items),
        components,
        here(settings),
    )


def here(settings: Settings) -> Here:
    """What is running here, and on what."""
    return Here(
        release=version("dovetail-todo"),
        environment=settings.environment,
        host=socket.gethostname(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=_system(),
        library=f"dovetail {version('dovetail-messaging')}",
    )


@cache
def _system() -> str:
    words = f"{platform.system()} {platform.release()} ({platform.machine()})"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {words}"
    except (OSError, KeyError):  # another system, or a bare image
        return words


async def _status(queue: MessageQueue) -> QueueStatus | None:
    if not queue.connected:
        return None
    try:
        async with asyncio.timeout(PATIENCE):
            return await queue.status()
    except (DovetailError, TimeoutError):
        return None


async def _count(store: Store) -> int | None:
    try:
        return await store.count()
    except StoreUnavailable:
        return None


async def _roll_call(queue: MessageQueue) -> list[Presence]:
    if not queue.connected:
        return []
    try:
        async with asyncio.timeout(PATIENCE):
            answers = (await queue.gather(WhoIsThere(), timeout=ROLL_CALL)).answers
    except (DovetailError, TimeoutError):
        return []
    return sorted(answers, key=lambda one: (one.component, one.host, one.pid))
