"""The resources of a component: opened in the order in which they are needed, closed in reverse."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from dovetail import MessageQueue, Observer, Tracer, connect
from todo.addresses import without_secrets
from todo.allowed_hosts import hosts_of
from todo.data_folder import keep_to_ourselves
from todo.handlers.presence import Work
from todo.listen_address import monitoring_address
from todo.monitoring.disk import QueueDisk
from todo.monitoring.monitor import Monitor
from todo.queue_address import queue_url
from todo.settings import Settings
from todo.settings_reader import SettingsInvalid
from todo.store import Store, open_store
from todo.store.address import parse
from todo.store.preflight import wrong_database

if TYPE_CHECKING:
    from todo.tracing.traces import Traces

log = logging.getLogger("todo")


@dataclass(frozen=True)
class Needs:
    """Which resources a component needs."""

    #: Connections to the database; none where it does not use it.
    connections: int = 0
    #: With an index of all words in it.
    searchable: bool = False
    #: It answers HTTP requests.
    answers_requests: bool = False


@dataclass(frozen=True)
class Resources:
    """The open resources of a component; closed when the context ends."""

    queue: MessageQueue
    monitor: Monitor
    #: What its workers tell what becomes of messages.
    observers: list[Observer]
    #: One of them: counts, for who asks who is there.
    work: Work
    traces: Traces | None
    #: None where the component does not use it.
    database: Store | None

    @property
    def store(self) -> Store:
        """The database of a component that uses it."""
        assert self.database is not None
        return self.database


@asynccontextmanager
async def opened(component: str, settings: Settings, needs: Needs) -> AsyncIterator[Resources]:
    """Everything, the queue connected: waits for it as long as it takes, saying so.

    From the start on the component tells how it is. The store waits for nothing before it is prepared.
    """
    async with AsyncExitStack() as stack:
        traces = _traces(component, settings)
        if traces:
            stack.push_async_callback(traces.close)
        store = None
        if needs.connections:
            check_database(settings)
            store = await stack.enter_async_context(
                opened_store(component, settings, needs.connections, searchable=needs.searchable)
            )
        monitor = Monitor(
            store=store, answers_requests=needs.answers_requests, disk=QueueDisk(settings)
        )
        await stack.enter_async_context(_watched(settings, monitor))
        url = await queue_url(settings)
        tracer = traces.of_queue(url) if traces else None
        monitor.queue = queue = await stack.enter_async_context(
            _queue(component, settings, url, tracer)
        )
        observers = [
            work := Work(),
            *_metrics(settings, monitor, queue),
            *([tracer] if tracer else []),
        ]
        if traces and store:
            kind = parse(settings.database).kind
            store = import_module("todo.tracing.store").traced(store, traces.tracer, kind)
        yield Resources(queue, monitor, observers, work, traces, store)


def check_database(settings: Settings) -> None:
    """Raises SettingsInvalid for a file that can be no database: what waits for it would wait for ever."""
    if complaint := wrong_database(settings.database):
        name = settings.database_setting
        raise SettingsInvalid([f"{name}: the database cannot be used: {complaint}"])


@asynccontextmanager
async def opened_store(
    component: str, settings: Settings, connections: int = 1, *, searchable: bool = False
) -> AsyncIterator[Store]:
    """The store, which waits for nothing before it is used or prepared."""
    keep_to_ourselves(settings)
    store = open_store(
        settings.database,
        connections=connections,
        name=f"todo/{component}",
        setting=settings.database_setting,
        searchable=searchable,
    )
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_queue(component: str, settings: Settings) -> AsyncIterator[MessageQueue]:
    """The queue, for which this waits as long as it takes, saying so."""
    async with _queue(component, settings, await queue_url(settings), None) as queue:
        yield queue


@asynccontextmanager
async def _queue(
    component: str, settings: Settings, url: str, tracer: Tracer | None
) -> AsyncIterator[MessageQueue]:
    async with connect(
        url,
        source=f"todo/{component}",
        timeout=settings.queue_timeout,
        replicas=settings.queue_replicas,
        keep=settings.keep,
        patience=None,
        setting=settings.queue_setting,
        tracer=tracer,
    ) as queue:
        log.info("connected to the queue at %s", without_secrets(url))
        yield queue


@asynccontextmanager
async def _watched(settings: Settings, monitor: Monitor) -> AsyncIterator[None]:
    """Let the monitor answer, where a port is set for that."""
    try:
        if settings.metrics_port is None:
            yield
        else:
            server = import_module("todo.monitoring.server")
            async with server.serving(monitoring_address(settings), monitor, hosts_of(settings)):
                yield
    finally:
        await monitor.close()


def _metrics(settings: Settings, monitor: Monitor, queue: MessageQueue) -> list[Observer]:
    if settings.metrics_port is None:
        return []
    from dovetail.metrics import Metrics  # noqa: PLC0415 - not for those whom nobody watches

    return [Metrics(queue, registry=monitor.registry)]


def _traces(component: str, settings: Settings) -> Traces | None:
    if settings.traces_endpoint is None:
        return None
    try:
        from todo.tracing.traces import Traces  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            [
                f"TODO_TRACES_ENDPOINT: traces need {str(error.name).partition('.')[0]}, which is not "
                "installed: pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http (or "
                "'dovetail-todo[tracing]'), or leave the setting out"
            ]
        ) from error
    return Traces(settings.traces_endpoint, component)
