"""The web pages as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dovetail import MessageQueue
from todo.monitoring.monitor import Monitor
from todo.serving.measured import Measured
from todo.serving.probes import probe_routes
from todo.settings import Settings
from todo.store import Store
from todo.web.assets import Assets
from todo.web.live import LivePages
from todo.web.new_item import NewItemPage
from todo.web.pages import Pages
from todo.web.security import HEADERS, SecurityHeaders
from todo.web.site import Site
from todo.web.templating import Templates
from todo.web.views import Views

ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]


def create_app(
    queue: MessageQueue, store: Store, settings: Settings, monitor: Monitor | None = None
) -> Starlette:
    """The pages on an open queue and store, which whoever opened them closes.

    Call `app.state.close()` when the server is told to stop: it ends the streams of open pages, for
    which the server would wait. Await `app.state.closed()` before queue and store are closed. A 503
    for a queue that is down takes as long as its `timeout` option. `monitor` is what the process tells of
    itself on a port of its own, where it has one.
    """
    monitor = monitor or Monitor(queue=queue, store=store, answers_requests=True)
    metrics = monitor.metrics
    metrics.live_pages = 0
    assets = Assets()
    templates = Templates(assets)
    views = Views(queue, store, templates)
    live = LivePages(queue, views.render, metrics)
    site = Site(queue, store, settings, metrics, templates, views, live)
    app = Starlette(
        routes=[*_page_routes(site, assets), *probe_routes(monitor)],
        middleware=[Middleware(Measured, numbers=metrics.http), Middleware(SecurityHeaders)],
        exception_handlers={
            HTTPException: _http_error_page(site),
            Exception: _internal_error_page(site),
        },
    )
    app.router.redirect_slashes = False
    app.state.live, app.state.close, app.state.closed = live, live.close, live.closed
    return app


def _page_routes(site: Site, assets: Assets) -> list[Route]:
    pages, new_item = Pages(site), NewItemPage(site)
    return [
        Route("/", pages.home),
        Route("/new", new_item.answer, methods=["GET", "POST"]),
        Route("/list", pages.items),
        Route("/diagnostics", pages.diagnostics),
        Route("/fragments/{view}", pages.fragment),
        Route("/events/{view}", pages.events),
        Route("/static/{name}", assets.serve),
    ]


def _http_error_page(site: Site) -> ErrorHandler:
    async def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            response = site.error(404, "Nothing here", "There is no page at this address.")
        else:
            response = site.error(error.status_code, error.detail, "This page only shows things.")
        response.headers.update(error.headers or {})
        return response

    return handle


def _internal_error_page(site: Site) -> ErrorHandler:
    async def handle(request: Request, error: Exception) -> Response:
        response = site.error(
            500, "Something went wrong here", "The log has the reason. Please try again."
        )
        # This one is sent from outside the middleware.
        response.headers.update(HEADERS)
        return response

    return handle
