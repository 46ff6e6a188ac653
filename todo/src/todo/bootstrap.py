"""Builds every object of a component, once, and runs it: the only place that sees everything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module

from dovetail import MessageQueue, Worker, connect, run
from todo.addresses import web_address, without_secrets
from todo.handlers.auditing import audit_handler
from todo.handlers.mutating import mutating_handler
from todo.handlers.presence import presence
from todo.handlers.saving import save_handler
from todo.joining import queue_url
from todo.listening import Place, monitor_place
from todo.monitoring.monitor import Monitor
from todo.settings import Settings
from todo.store import Store, open_store

log = logging.getLogger("todo")

#: Seconds that handlers have to finish after SIGTERM. Docker kills after ten, and everything is to be
#: closed by then.
DRAIN_SECONDS = 8.0

#: Database connections of a component that answers people; handlers have one.
READERS = 4


@asynccontextmanager
async def open_queue(component: str, settings: Settings) -> AsyncIterator[MessageQueue]:
    """The queue, connected: waits for it as long as it takes, saying so."""
    url = await queue_url(settings)
    options = {"source": f"todo/{component}", "timeout": settings.queue_timeout}
    async with connect(url, patience=None, setting="TODO_QUEUE_URL", **options) as queue:
        log.info("connected to the queue at %s", without_secrets(url))
        yield queue


@asynccontextmanager
async def opened_store(
    component: str, settings: Settings, connections: int = 1
) -> AsyncIterator[Store]:
    """The store, which waits for nothing before it is used or prepared."""
    store = open_store(settings.database, connections=connections, name=f"todo/{component}")
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_monitor(
    settings: Settings, store: Store | None = None, *, answers_requests: bool = False
) -> AsyncIterator[Monitor]:
    """What the process tells of itself: from now on, at the port for that, where one is set."""
    monitor = Monitor(store=store, answers_requests=answers_requests)
    try:
        if settings.metrics_port is None:
            yield monitor
        else:
            async with import_module("todo.monitoring.port").serving(
                monitor_place(settings), monitor
            ):
                yield monitor
    finally:
        await monitor.close()


async def run_save_handler(settings: Settings) -> None:
    """The save-handler, until it is told to stop."""
    async with (
        opened_store("save-handler", settings) as store,
        opened_monitor(settings, store) as monitor,
        open_queue("save-handler", settings) as queue,
    ):
        monitor.queue = queue
        await store.prepare()
        groups = [save_handler(store, settings.save_handler), presence("save-handler")]
        await run(queue, groups, drain=DRAIN_SECONDS)


async def run_audit_handler(settings: Settings) -> None:
    """The audit-handler, until it is told to stop."""
    async with (
        opened_monitor(settings) as monitor,
        open_queue("audit-handler", settings) as queue,
    ):
        monitor.queue = queue
        groups = [audit_handler(), presence("audit-handler")]
        await run(queue, groups, drain=DRAIN_SECONDS)


async def run_mutating_handler(settings: Settings) -> None:
    """The mutating-handler, until it is told to stop."""
    async with (
        opened_store("mutating-handler", settings) as store,
        opened_monitor(settings, store) as monitor,
        open_queue("mutating-handler", settings) as queue,
    ):
        monitor.queue = queue
        await store.prepare()
        group = mutating_handler(store, settings.mutating_handler)
        groups = [group, presence("mutating-handler")]
        await run(queue, groups, drain=DRAIN_SECONDS)


async def run_web(settings: Settings) -> None:
    """The web pages, until they are told to stop."""
    place = Place(settings.web_host, settings.web_port, "TODO_WEB_HOST", "TODO_WEB_PORT")
    await _serve("web", place, settings)


async def run_api(settings: Settings) -> None:
    """The API, until it is told to stop."""
    place = Place(settings.api_host, settings.api_port, "TODO_API_HOST", "TODO_API_PORT")
    await _serve("api", place, settings)


async def _serve(component: str, place: Place, settings: Settings) -> None:
    listener = place.bind()
    async with (
        opened_store(component, settings, READERS) as store,
        opened_monitor(settings, store, answers_requests=True) as monitor,
        open_queue(component, settings) as queue,
        Worker(queue, [presence(component)]),
    ):
        monitor.queue = queue
        app = import_module(f"todo.{component}.app").create_app(queue, store, settings, monitor)
        serve = import_module("todo.server").serve
        log.info("listening at %s", web_address(place.host, place.port))
        # Pages are served while the database is not there yet: adding does not need it.
        await _while_serving(serve(app, listener), store.prepare())


async def _while_serving(serving: Awaitable[None], preparing: Awaitable[None]) -> None:
    """Wait for the end of the first; the second may end before, but not fail."""
    server, preparation = asyncio.ensure_future(serving), asyncio.ensure_future(preparing)
    try:
        await asyncio.wait({server, preparation}, return_when=asyncio.FIRST_COMPLETED)
        if preparation.done():
            preparation.result()
        await server
    finally:
        server.cancel()
        preparation.cancel()
        await asyncio.gather(server, preparation, return_exceptions=True)


async def migrate(settings: Settings) -> None:
    """Bring the schema up to date, waiting for the database."""
    async with opened_store("migrate", settings) as store:
        await store.prepare()


#: The components by name. What only one of them needs, it imports when it starts.
COMPONENTS: dict[str, Callable[[Settings], Awaitable[None]]] = {
    "web": run_web,
    "api": run_api,
    "save-handler": run_save_handler,
    "audit-handler": run_audit_handler,
    "mutating-handler": run_mutating_handler,
}
