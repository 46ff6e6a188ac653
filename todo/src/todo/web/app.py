"""The web pages as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from dovetail import MessageQueue
from todo.authentication.authenticator import CHALLENGE, Authenticator
from todo.authentication.ended_sessions import EndedSessions
from todo.authentication.sessions import Sessions
from todo.data_folder import SIGNED_OUT, uses_data_folder
from todo.http.headers import AddedHeaders
from todo.http.probes import probe_routes
from todo.http.request_metrics import RequestMetrics
from todo.monitoring.disk import QueueDisk
from todo.monitoring.monitor import Monitor
from todo.settings import Settings
from todo.store import Store
from todo.web.assets import OFFLINE, SERVICE_WORKER, Assets
from todo.web.calendar_page import CalendarPages
from todo.web.change_endpoints import ChangeEndpoints
from todo.web.diagnostics_page import DiagnosticsPage
from todo.web.failure_actions import FailureActions
from todo.web.failures import Failures
from todo.web.import_page import ImportPage
from todo.web.item_page import ItemPage
from todo.web.items_json import ItemsForScripts
from todo.web.list_page import ListPage
from todo.web.live.endpoint import LiveEndpoint
from todo.web.live.live_pages import LivePages
from todo.web.live.poll import Sources
from todo.web.new_item_page import NewItemPage
from todo.web.notices import Notices
from todo.web.offline_page import OfflinePage
from todo.web.quick_add import answer_words
from todo.web.security_headers import HEADERS, OTHERWISE
from todo.web.sign_in_page import SignInPage
from todo.web.sign_in_required import SIGN_IN, SIGN_OUT, SignInRequired
from todo.web.site import Site
from todo.web.templating import Templates

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
    disk = QueueDisk(settings)
    monitor = monitor or Monitor(queue=queue, store=store, answers_requests=True, disk=disk)
    metrics = monitor.metrics
    metrics.live_pages = 0
    assets = Assets()
    authenticator = None
    if settings.password:
        ended = EndedSessions(
            settings.data_dir / SIGNED_OUT if uses_data_folder(settings) else None
        )
        authenticator = Authenticator(Sessions(settings.password, ended))
    templates = Templates(assets, asks=authenticator is not None)
    failures = Failures(queue)
    live = LivePages(Sources(queue, store, disk, failures), metrics)
    notices = Notices(f"todo_notice_{settings.web_port}")
    site = Site(queue, store, settings, metrics, templates, failures, live, notices)
    app = Starlette(
        routes=[
            *_page_routes(site, assets),
            *_script_routes(site),
            *_item_routes(site),
            *(_sign_in_routes(site, authenticator) if authenticator else ()),
            *probe_routes(monitor),
        ],
        middleware=[
            Middleware(RequestMetrics, numbers=metrics.http),
            Middleware(AddedHeaders, always=HEADERS, otherwise=OTHERWISE),
            *(_sign_in_required(site, authenticator) if authenticator else ()),
        ],
        exception_handlers={
            HTTPException: _http_error_page(site),
            Exception: _internal_error_page(site),
        },
    )
    app.router.redirect_slashes = False
    app.state.live, app.state.close, app.state.closed = live, live.close, live.closed
    return app


def _page_routes(site: Site, assets: Assets) -> list[Route]:
    list_page, adding, files = ListPage(site), NewItemPage(site), ImportPage(site)
    return [
        Route("/", list_page.show),
        Route("/list", list_page.show),
        Route("/new", adding.answer, methods=["GET", "POST"]),
        Route("/items", adding.answer, methods=["POST"]),
        Route("/diagnostics", DiagnosticsPage(site).diagnostics),
        Route("/import", files.answer, methods=["GET", "POST"]),
        Route("/export.{format}", files.export),
        *CalendarPages(site).routes(),
        Route("/static/{name:path}", assets.serve),
        Route(SERVICE_WORKER, assets.serve_worker),
        Route(OFFLINE, OfflinePage(site).answer),
        Route("/words", answer_words),
    ]


def _script_routes(site: Site) -> list[Route]:
    """What open pages ask for."""
    failed = FailureActions(site)
    return [
        Route("/live", LiveEndpoint(site).answer),
        Route("/items", ItemsForScripts(site).answer),
        Route("/items/{id:path}/retry", failed.retry, methods=["POST"]),
        Route("/items/{id:path}/discard", failed.discard, methods=["POST"]),
    ]


def _item_routes(site: Site) -> list[Route]:
    changes = ChangeEndpoints(site)
    return [
        Route("/items/clear-completed", changes.clear_completed, methods=["POST"]),
        Route("/items/restore", changes.restore_many, methods=["POST"]),
        # An id that somebody else has made may have a slash in it.
        Route("/items/{id:path}/{verb}", changes.change, methods=["POST"]),
        Route("/items/{id:path}", ItemPage(site).show),
    ]


def _sign_in_routes(site: Site, authenticator: Authenticator) -> list[Route]:
    page = SignInPage(site, authenticator, _cookie(site.settings))
    return [
        Route(SIGN_IN, page.answer, methods=["GET", "POST"]),
        Route(SIGN_OUT, page.leave, methods=["POST"]),
    ]


def _sign_in_required(site: Site, authenticator: Authenticator) -> list[Middleware]:
    def signed_out(scope: Scope) -> Response:
        asked_by = HTTPConnection(scope)
        response = site.error(asked_by, 401, "error_signed_out", "error_signed_out_detail")
        response.headers.update(CHALLENGE)
        return response

    return [
        Middleware(
            SignInRequired,
            authenticator=authenticator,
            cookie=_cookie(site.settings),
            signed_out=signed_out,
        )
    ]


def _cookie(settings: Settings) -> str:
    """Cookies are for all ports of a host, so that two copies side by side need two names."""
    return f"todo_session_{settings.web_port}"


def _http_error_page(site: Site) -> ErrorHandler:
    async def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        key = f"error_{error.status_code}" if error.status_code in (404, 405) else "error_form"
        response = site.error(request, error.status_code, key, f"{key}_detail")
        response.headers.update(error.headers or {})
        return response

    return handle


def _internal_error_page(site: Site) -> ErrorHandler:
    async def handle(request: Request, error: Exception) -> Response:
        response = site.error(request, 500, "error_500", "error_500_detail")
        # This one is sent from outside the middleware.
        response.headers.update(HEADERS)
        return response

    return handle
