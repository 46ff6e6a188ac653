"""Middleware that lets in signed-in browsers, and programs that send the password as a bearer token."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from todo.authentication.authenticator import CHALLENGE, OPEN_PATHS, Authenticator, minutes
from todo.calendar import is_feed
from todo.web.assets import OFFLINE, SERVICE_WORKER

#: Where one signs in and out.
SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
#: Where a request has, for the application, a function that says whether its session still lasts.
ADMITTED = "todo.admitted"


class SignInRequired:
    """Refuses all other requests, but for the sign-in page, its files, the calendar feed and the probes."""

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        cookie: str,
        signed_out: Callable[[Scope], Response],
    ) -> None:
        """`signed_out` is the page for a form that comes without a session."""
        self._app = app
        self._signed_out = signed_out
        self._authenticator = authenticator
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_for_everyone(scope["path"]):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        session = session_of(scope, self._cookie)
        admits = self._authenticator.sessions.admits
        if session is not None and admits(session):
            scope[ADMITTED] = lambda: admits(session)
            return None
        verdict, wait = self._authenticator.of_program(scope)
        if verdict == "right":
            return None
        if verdict == "too often":
            return PlainTextResponse(
                f"Too many wrong passwords came from your address. Try again in {minutes(wait)}.\n",
                429,
                {"Retry-After": str(wait)},
            )
        if scope["method"] not in ("GET", "HEAD") and _accepts_pages(scope):
            return self._signed_out(scope)
        return _to_sign_in(scope)


def session_of(scope: Scope, cookie: str) -> str | None:
    """What the browser shows; None where it shows nothing."""
    return cookie_parser(Headers(scope=scope).get("cookie", "")).get(cookie)


def _is_for_everyone(path: str) -> bool:
    if path in (SIGN_IN, OFFLINE, SERVICE_WORKER, *OPEN_PATHS):
        return True
    return path.startswith("/static/") or is_feed(path)


def _to_sign_in(scope: Scope) -> Response:
    """A browser is led to the page; a program is told."""
    if _accepts_pages(scope):
        query = scope["query_string"].decode("latin-1")
        place = f"{scope['path']}?{query}" if query else scope["path"]
        return RedirectResponse(f"{SIGN_IN}?{urlencode({'next': place})}", 303)
    return PlainTextResponse(
        f"Sign in at {SIGN_IN}, or send the password as a bearer token.\n", 401, CHALLENGE
    )


def _accepts_pages(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "")
