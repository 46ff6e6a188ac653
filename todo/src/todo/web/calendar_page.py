"""The calendar feed, for programs that show calendars, and the page that tells its address."""

from __future__ import annotations

import hashlib
import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dovetail import DovetailError, NoAnswer, plain_error
from todo.calendar import END
from todo.events import ReadCalendar
from todo.web.calendar_secret import CalendarSecret
from todo.web.site import Site

log = logging.getLogger("todo.web")

_ROUTE = "calendar_feed"
#: For one part of it.
TIMEOUT_SECONDS = 3.0
#: Parts that are asked for at most: what is due after that many is left out.
MOST_PARTS = 50
RETRY_AFTER = {"Retry-After": "300"}


class CalendarPages:
    """The feed, which the calendar-handler makes, and the page about it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._secret = CalendarSecret(site.settings)

    def routes(self) -> list[Route]:
        """Where they are. The feed's address is one of those that `todo.calendar.is_feed` knows."""
        return [
            Route("/calendar", self.page),
            Route("/calendar/{secret}/todo.ics", self.feed, name=_ROUTE),
        ]

    async def feed(self, request: Request) -> Response:
        """What is due, in iCalendar."""
        if not self._secret.fits(request.path_params["secret"]):
            raise HTTPException(404)
        try:
            text = await self._read()
        except NoAnswer:
            return _unavailable("The calendar is switched off: no calendar-handler runs.")
        except DovetailError as error:
            log.warning("the calendar cannot be made: %s", plain_error(error))
            return _unavailable("The calendar cannot be made now.")
        body = text.encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        headers["Content-Disposition"] = 'inline; filename="todo.ics"'
        return Response(body, headers=headers, media_type="text/calendar; charset=utf-8")

    async def page(self, request: Request) -> Response:
        """The address, drawn where there is none yet."""
        try:
            secret = self._secret.keep()
        except OSError as error:
            log.warning("no address for the calendar can be kept: %s", plain_error(error))
            secret = None
        address = "" if secret is None else str(request.url_for(_ROUTE, secret=secret))
        return self._site.page(
            request,
            "calendar.html",
            here="/calendar",
            address=address,
            # Programs that show calendars know this scheme, and take it for https or http.
            subscribe=f"webcal:{address.partition(':')[2]}",
            runs=await self._runs(),
        )

    async def _runs(self) -> bool:
        try:
            await self._site.queue.request(ReadCalendar(), timeout=TIMEOUT_SECONDS)
        except DovetailError:
            return False
        return True

    async def _read(self) -> str:
        """All parts of it. Raises DovetailError; what changes meanwhile may be missing, or there twice."""
        texts, after = [], ""
        for _ in range(MOST_PARTS):
            part = await self._site.queue.request(ReadCalendar(after), timeout=TIMEOUT_SECONDS)
            texts.append(part.text)
            if not (after := part.next):
                return "".join(texts)
        return "".join(texts) + END


def _unavailable(why: str) -> Response:
    return PlainTextResponse(f"{why}\n", 503, RETRY_AFTER)
