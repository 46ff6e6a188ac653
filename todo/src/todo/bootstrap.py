"""Builds every object of a component, once, and runs it: the only place that sees everything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING

from dovetail import Worker, run
from todo.addresses import web_address
from todo.handlers.auditing import audit_handler
from todo.handlers.mutating import mutating_handler
from todo.handlers.presence import presence
from todo.handlers.saving import save_handler
from todo.listening import Place
from todo.opening import Needs, Opened, opened, opened_store
from todo.settings import Settings
from todo.settings_reader import SettingsInvalid

if TYPE_CHECKING:
    from starlette.applications import Starlette

log = logging.getLogger("todo")

#: Database connections of a component that answers people; handlers have one.
READERS = 4
#: Seconds that handlers have to finish after SIGTERM. Docker kills after ten, and everything is to be
#: closed by then.
DRAIN_SECONDS = 8.0


async def run_save_handler(settings: Settings) -> None:
    """The save-handler, until it is told to stop."""
    async with opened("save-handler", settings, Needs(connections=1)) as parts:
        await parts.store.prepare()
        groups = [save_handler(parts.store, settings.save_handler), presence("save-handler")]
        await run(parts.queue, groups, drain=DRAIN_SECONDS, observers=parts.observers)


async def run_audit_handler(settings: Settings) -> None:
    """The audit-handler, until it is told to stop."""
    async with opened("audit-handler", settings, Needs()) as parts:
        groups = [audit_handler(), presence("audit-handler")]
        await run(parts.queue, groups, drain=DRAIN_SECONDS, observers=parts.observers)


async def run_mutating_handler(settings: Settings) -> None:
    """The mutating-handler, until it is told to stop."""
    async with opened("mutating-handler", settings, Needs(connections=1)) as parts:
        await parts.store.prepare()
        group = mutating_handler(parts.store, settings.mutating_handler)
        groups = [group, presence("mutating-handler")]
        await run(parts.queue, groups, drain=DRAIN_SECONDS, observers=parts.observers)


async def run_web(settings: Settings) -> None:
    """The web pages, until they are told to stop."""
    place = Place(settings.web_host, settings.web_port, "TODO_WEB_HOST", "TODO_WEB_PORT")
    await _serve("web", place, settings)


async def run_api(settings: Settings) -> None:
    """The API, until it is told to stop."""
    place = Place(settings.api_host, settings.api_port, "TODO_API_HOST", "TODO_API_PORT")
    await _serve("api", place, settings)


async def _serve(component: str, place: Place, settings: Settings) -> None:
    if place.port == settings.metrics_port:
        raise SettingsInvalid(
            [
                f"TODO_METRICS_PORT: {place.port} is {place.port_setting}, too; allowed is another port"
            ]
        )
    listener = place.bind()
    needs = Needs(READERS, answers_requests=True)
    async with (
        opened(component, settings, needs) as parts,
        Worker(parts.queue, [presence(component)], observers=parts.observers),
    ):
        app = _app(component, parts, settings)
        serve = import_module("todo.server").serve
        log.info("listening at %s", web_address(place.host, place.port))
        # Pages are served while the database is not there yet: adding does not need it.
        await _while_serving(serve(app, listener), parts.store.prepare())


def _app(component: str, parts: Opened, settings: Settings) -> Starlette:
    create_app = import_module(f"todo.{component}.app").create_app
    app: Starlette = create_app(parts.queue, parts.store, settings, parts.monitor)
    if parts.traces:
        import_module("todo.tracing.following").follow(app, parts.traces.tracer)
    return app


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
