"""The form that adds an item. It publishes an event and never touches the database."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from dovetail import QueueError, QueueUnavailable, new_id
from todo.events import NewItem
from todo.items import MAX_LENGTH, InvalidItem, Item, checked_text
from todo.serving.body import MAX_BODY, BodyTooLarge
from todo.web.attempts import Attempts
from todo.web.forms import BrokenForm, WrongContentType, is_cross_site, read_form
from todo.web.site import RETRY_AFTER, Site

Fields = dict[str, str]


class NewItemPage:
    """Shows the form, and takes what it sends."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._attempts = Attempts()

    async def answer(self, request: Request) -> Response:
        """GET shows the empty form; POST publishes, then leads to the list or to the next item."""
        if request.method == "POST":
            return await self._add(request)
        return self._form({}, 200, accepted="accepted" in request.query_params)

    async def _add(self, request: Request) -> Response:
        if is_cross_site(request):
            return self._site.error(
                403, "Not from here", "Another site sent this form. Nothing was accepted."
            )
        try:
            fields = await read_form(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except (BodyTooLarge, WrongContentType, BrokenForm) as error:
            return self._unreadable(error)
        return await self._publish(fields)

    async def _publish(self, fields: Fields) -> Response:
        try:
            text = checked_text(fields.get("item", ""))
        except InvalidItem as error:
            self._site.metrics.refused += 1
            return self._form(fields, 422, error=str(error))
        item = Item(self._attempts.id_for(fields.get("form", ""), text), text, datetime.now(UTC))
        try:
            await self._site.queue.publish(NewItem(item), id=item.id)
        except QueueError as error:
            self._site.metrics.unavailable += 1
            return self._form(
                fields, 503, trouble=_trouble(error, connected=self._site.queue.connected)
            )
        self._site.metrics.created += 1
        target = "/new" if fields.get("then") == "new" else "/list"
        return RedirectResponse(f"{target}?accepted", 303)

    def _form(self, fields: Fields, status: int, **context: object) -> Response:
        shown = {"error": "", "trouble": "", "accepted": False} | context
        return self._site.page(
            "new.html",
            status,
            RETRY_AFTER if status == 503 else None,
            here="/new",
            form=fields.get("form") or new_id(),
            text=fields.get("item", ""),
            max_length=MAX_LENGTH,
            **shown,
        )

    def _unreadable(self, error: Exception) -> Response:
        self._site.metrics.refused += 1
        if isinstance(error, BodyTooLarge):
            detail = f"More than {MAX_BODY // 1024} KiB were sent. Nothing was accepted."
            return self._site.error(413, "Too much at once", detail)
        status = 415 if isinstance(error, WrongContentType) else 400
        detail = "This is not what the form sends. Nothing was accepted; please use the form."
        return self._site.error(status, "Not understood", detail)


def _trouble(error: QueueError, *, connected: bool) -> str:
    if isinstance(error, QueueUnavailable):
        why = "did not confirm in time (its disk may be full)" if connected else "cannot be reached"
        return (
            f"The queue {why}, so nothing was accepted. Your text is still here: "
            "please try again in a moment."
        )
    return (
        "The queue has no room, so nothing was accepted. Your text is still here: please try again "
        "later."
    )
