"""Creates every object of a component once, and runs the component."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING

from dovetail import Worker, run
from todo.addresses import web_address
from todo.allowed_hosts import hosts_of
from todo.components import API
from todo.exposure import check_exposed
from todo.handlers.audit_handler import audit_handler
from todo.handlers.mutating_handler import mutating_handler
from todo.handlers.presence import presence
from todo.handlers.save_handler import save_handler
from todo.listen_address import ListenAddress
from todo.resources import Needs, Resources, opened, opened_queue, opened_store
from todo.settings import Settings
from todo.settings_reader import SettingsInvalid

if TYPE_CHECKING:
    from starlette.applications import Starlette

log = logging.getLogger("todo")

#: Database connections of a component that answers people; handlers have one.
READERS = 4
#: Of the search-handler: who looks for something does not wait for what is indexed.
SEARCHERS = 2
#: Seconds that handlers have to finish after SIGTERM. Docker kills after ten, and everything is to be
#: closed by then.
DRAIN_SECONDS = 8.0


async def run_save_handler(settings: Settings) -> None:
    """The save-handler, until it is told to stop."""
    async with opened("save-handler", settings, Needs(connections=1)) as parts:
        await parts.store.prepare()
        groups = [
            save_handler(parts.store, settings.save_handler),
            presence("save-handler", parts.work),
        ]
        await run(parts.queue, groups, drain=DRAIN_SECONDS, observers=parts.observers)


async def run_audit_handler(settings: Settings) -> None:
    """The audit-handler, until it is told to stop."""
    async with opened("audit-handler", settings, Needs()) as parts:
        groups = [audit_handler(), presence("audit-handler", parts.work)]
        await run(parts.queue, groups, drain=DRAIN_SECONDS, observers=parts.observers)


async def run_mutating_handler(settings: Settings) -> None:
    """The mutating-handler, until it is told to stop."""
    async with opened("mutating-handler", settings, Needs(connections=1)) as parts:
        await parts.store.prepare()
        group = mutating_handler(parts.store, settings.mutating_handler)
        groups = [group, presence("mutating-handler", parts.work)]
        await run(parts.queue, groups, drain=DRAIN_SECONDS, observers=parts.observers)


async def run_search_handler(settings: Settings) -> None:
    """The search-handler, until it is told to stop."""
    search_handler = import_module("todo.handlers.search_handler")
    needs = Needs(connections=SEARCHERS, searchable=True)
    async with opened("search-handler", settings, needs) as parts:
        await parts.store.prepare()
        filling = search_handler.Filling(parts.store)
        groups = [
            search_handler.search_handler(parts.store, filling),
            presence("search-handler", parts.work),
        ]
        answering = run(parts.queue, groups, drain=DRAIN_SECONDS, observers=parts.observers)
        await _while(answering, filling.run())


async def run_calendar_handler(settings: Settings) -> None:
    """The calendar-handler, until it is told to stop."""
    async with opened("calendar-handler", settings, Needs(connections=1)) as parts:
        await parts.store.prepare()
        calendar_handler = import_module("todo.handlers.calendar_handler").calendar_handler
        groups = [calendar_handler(parts.store), presence("calendar-handler", parts.work)]
        await run(parts.queue, groups, drain=DRAIN_SECONDS, observers=parts.observers)


async def run_webhook_handler(settings: Settings) -> None:
    """The webhook-handler, until it is told to stop."""
    webhooks = import_module("todo.handlers.webhook_handler")
    wanted = webhooks.usable(settings.webhook_handler)
    async with opened("webhook-handler", settings, Needs()) as parts:
        groups = [*webhooks.webhook_handlers(wanted), presence("webhook-handler", parts.work)]
        await run(parts.queue, groups, drain=DRAIN_SECONDS, observers=parts.observers)


async def run_web(settings: Settings) -> None:
    """The web pages, until they are told to stop."""
    place = ListenAddress(settings.web_host, settings.web_port, "TODO_WEB_HOST", "TODO_WEB_PORT")
    await _serve("web", place, settings)


async def run_api(settings: Settings) -> None:
    """The API, until it is told to stop."""
    place = ListenAddress(settings.api_host, settings.api_port, "TODO_API_HOST", "TODO_API_PORT")
    await _serve("api", place, settings)


async def _serve(component: str, place: ListenAddress, settings: Settings) -> None:
    if place.port == settings.metrics_port:
        raise SettingsInvalid(
            [
                f"TODO_METRICS_PORT: {place.port} is {place.port_setting}, too; allowed is another port"
            ]
        )
    listener = place.bind()
    check_exposed(settings, [component])
    needs = Needs(READERS, answers_requests=True)
    async with (
        opened(component, settings, needs) as parts,
        Worker(parts.queue, [presence(component, parts.work)], observers=parts.observers),
    ):
        app = _app(component, parts, settings)
        serve = import_module("todo.http.server").serve
        refusals = import_module("todo.http.refusals")
        style = refusals.as_problem if component == API else refusals.as_text
        place.listen(listener)
        log.info("listening at %s", web_address(place.host, place.port))
        # Pages are served while the database is not there yet: adding does not need it.
        await _while(serve(app, listener, hosts_of(settings), style), parts.store.prepare())


def _app(component: str, parts: Resources, settings: Settings) -> Starlette:
    create_app = import_module(f"todo.{component}.app").create_app
    app: Starlette = create_app(parts.queue, parts.store, settings, parts.monitor)
    if parts.traces:
        import_module("todo.tracing.instrumentation").instrument(app, parts.traces.tracer)
    return app


async def _while(work: Awaitable[None], beside: Awaitable[None]) -> None:
    """Wait for the end of the first; the second may end before, but not fail."""
    first, second = asyncio.ensure_future(work), asyncio.ensure_future(beside)
    try:
        await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
        if second.done():
            second.result()
        await first
    finally:
        first.cancel()
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)


async def migrate(settings: Settings) -> None:
    """Bring the schema up to date, waiting for the database."""
    async with opened_store("migrate", settings) as store:
        await store.prepare()


async def rebuild(settings: Settings) -> None:
    """Read the history of the queue into the database."""
    work = import_module("todo.rebuild.run")
    set_damaged_aside = import_module("todo.rebuild.damaged_file").set_damaged_aside
    async with opened_queue("rebuild", settings) as queue:
        await asyncio.to_thread(set_damaged_aside, settings)
        async with opened_store("rebuild", settings) as store:
            await work.rebuild(queue, store, settings)


#: The components by name. What only one of them needs, it imports when it starts.
COMPONENTS: dict[str, Callable[[Settings], Awaitable[None]]] = {
    "web": run_web,
    "api": run_api,
    "save-handler": run_save_handler,
    "audit-handler": run_audit_handler,
    "mutating-handler": run_mutating_handler,
    "search-handler": run_search_handler,
    "calendar-handler": run_calendar_handler,
    "webhook-handler": run_webhook_handler,
}
