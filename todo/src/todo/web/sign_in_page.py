"""The sign-in page, and signing out."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from todo.authentication.authenticator import CHALLENGE, Authenticator, address_of, minutes
from todo.authentication.sessions import LIFETIME_SECONDS
from todo.http.body import BodyTooLarge
from todo.web.forms import (
    BrokenForm,
    WrongContentType,
    is_cross_site,
    place_of_ours,
    read_form,
)
from todo.web.sign_in_required import SIGN_IN, session_of
from todo.web.site import Site
from todo.web.viewer import viewer_of


class SignInPage:
    """Gives a browser a session in exchange for the password, and ends it."""

    def __init__(self, site: Site, authenticator: Authenticator, cookie: str) -> None:
        self._site = site
        self._authenticator = authenticator
        self._cookie = cookie

    async def answer(self, request: Request) -> Response:
        """GET shows the form; POST takes the password, and leads to where one wanted to go."""
        if request.method == "POST":
            return await self._take(request)
        place = place_of_ours(request.query_params.get("next", ""))
        session = session_of(request.scope, self._cookie)
        if session is not None and self._authenticator.sessions.admits(session):
            return RedirectResponse(place, 303)
        return self._form(request, place, 200)

    async def leave(self, request: Request) -> Response:
        """End the session, here and in the browser."""
        if is_cross_site(request):
            return self._not_from_here(request)
        if session := session_of(request.scope, self._cookie):
            self._authenticator.sessions.end(session)
        response = RedirectResponse(SIGN_IN, 303)
        response.delete_cookie(self._cookie, httponly=True, samesite="lax")
        return response

    async def _take(self, request: Request) -> Response:
        if is_cross_site(request):
            return self._not_from_here(request)
        try:
            fields = await read_form(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except (BodyTooLarge, WrongContentType, BrokenForm):
            return self._site.error(request, 400, "error_form", "error_form_detail")
        place = place_of_ours(fields.get("next", ""))
        given = fields.get("password", "")
        if not given:
            return self._form(request, place, 422, error="password_missing")
        verdict, wait = self._authenticator.try_password(given, address_of(request.scope))
        if verdict == "right":
            return self._let_in(request, place)
        if verdict == "wrong":
            return self._form(request, place, 401, CHALLENGE, error="password_wrong")
        language = viewer_of(request).language
        said = language.text("password_often", wait=language.sentence(minutes(wait)))
        return self._form(request, place, 429, {"Retry-After": str(wait)}, trouble=said)

    def _let_in(self, request: Request, place: str) -> Response:
        response = RedirectResponse(place, 303)
        response.set_cookie(
            self._cookie,
            self._authenticator.sessions.begin(),
            max_age=LIFETIME_SECONDS,
            secure=_is_https(request),
            httponly=True,
            samesite="lax",
        )
        return response

    def _form(
        self,
        request: Request,
        place: str,
        status: int,
        headers: dict[str, str] | None = None,
        **context: str,
    ) -> Response:
        shown = {"error": "", "trouble": ""} | context
        return self._site.page(
            request,
            "sign_in.html",
            status,
            headers,
            here=SIGN_IN,
            next=place,
            outside=True,
            **shown,
        )

    def _not_from_here(self, request: Request) -> Response:
        return self._site.error(request, 403, "error_cross", "error_cross_detail")


def _is_https(request: Request) -> bool:
    """Also behind a proxy. Whoever lies about it harms nobody else: it is about their own cookie."""
    forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    return "https" in (request.url.scheme, forwarded)
