"""Adds items: from the field above the list, from the page with a form, or from a script."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from dovetail import QueueError, new_id
from todo.events import NewItem
from todo.fields import checked_notes
from todo.items import MAX_LENGTH, InvalidItem, Item, checked_text, is_uuid
from todo.web.answers import (
    Accepted,
    Form,
    Refusal,
    accepted,
    form_of,
    not_accepted,
    refused,
)
from todo.web.form_ids import FormIds
from todo.web.item_actions import due_of, tags_of
from todo.web.item_json import item_json
from todo.web.list_page import ListPage
from todo.web.notices import Notice, Undo
from todo.web.quick_add import read_fields
from todo.web.site import RETRY_AFTER, Site
from todo.web.templating import visible
from todo.web.viewer import viewer_of

FIELDS = ("item", "due_date", "due_time", "tags", "notes")


class NewItemPage:
    """Shows the form, and publishes new items. It never touches the database."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._list_page = ListPage(site)
        self._form_ids = FormIds()

    async def answer(self, request: Request) -> Response:
        """GET /new shows the form; POST there, and to /items, adds."""
        if request.method != "POST":
            return self._form(Form(request), 200)
        form = Form(request)
        try:
            form = await form_of(request)
            return await self._add(form)
        except ClientDisconnect:
            return Response(status_code=400)
        except Refusal as error:
            return await self._refused(form, error)

    async def _add(self, form: Form) -> Response:
        try:
            item = self._item(form)
        except InvalidItem as error:
            said = viewer_of(form.request).language.sentence(str(error))
            raise Refusal(422, "error_invalid", said=said) from error
        queue = self._site.queue
        try:
            await queue.publish(NewItem(item), id=item.id)
        except QueueError as error:
            why = not_accepted(error, connected=queue.connected)
            raise Refusal(503, "error_not_changed", why) from error
        self._site.metrics.created += 1
        undo = Undo(f"/items/{item.id}/remove")
        notice = Notice("said_added", {"item": visible(item.item)}, undo)
        answer = Accepted(item_json(item, "accepted", [item.id]), item.id, undo)
        return accepted(self._site, form, answer, notice)

    def _item(self, form: Form) -> Item:
        fields = form.fields
        # Words such as "tomorrow" count, unless there are fields for what they would say.
        read = read_fields(form.request, fields)
        viewer = viewer_of(form.request)
        day = read.due[:10] if read.due else viewer.today.isoformat()
        text = checked_text(read.text)
        return Item(
            self._id(form, text),
            text,
            datetime.now(UTC),
            due=due_of(fields, viewer, day) or read.due,
            tags=tags_of(fields) or read.tags,
            notes=checked_notes(fields.get("notes", "")),
        )

    def _id(self, form: Form, text: str) -> str:
        """The browser's own, under which it may send the item again; else one for this form and text."""
        if not (given := form.fields.get("id", "")):
            return self._form_ids.id_for(form.fields.get("form", ""), text)
        if not is_uuid(given) or uuid.UUID(given).version != 7:
            raise InvalidItem("The id must be a UUIDv7.")
        return given.lower()

    async def _refused(self, form: Form, error: Refusal) -> Response:
        if error.status == 503:
            self._site.metrics.unavailable += 1
        else:
            self._site.metrics.refused += 1
        if form.wants_json or error.status not in (422, 503):
            return refused(self._site, form, error)
        said = error.sentence(viewer_of(form.request).language)
        if form.request.url.path == "/new":
            return self._form(form, error.status, said)
        return await self._list_page.again(form, error.status, said)

    def _form(self, form: Form, status: int, said: str = "") -> Response:
        return self._site.page(
            form.request,
            "new.html",
            status,
            RETRY_AFTER if status == 503 else None,
            here="/new",
            form=form.fields.get("form") or new_id(),
            fields={name: form.fields.get(name, "") for name in FIELDS},
            next="/new",
            max_length=MAX_LENGTH,
            error=said if status == 422 else "",
            trouble=said if status == 503 else "",
        )
