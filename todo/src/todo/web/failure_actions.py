"""Retries or discards changes that became dead letters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from dovetail import DeadLetterNotFound, QueueError
from todo.web.answers import Accepted, Form, Refusal, accepted, form_of, not_accepted, refused
from todo.web.failures import Failed
from todo.web.notices import Notice
from todo.web.site import Site
from todo.web.templating import visible

Deed = Callable[[Failed], Awaitable[None]]


class FailureActions:
    """Answers `POST /items/{id}/retry` and `/discard`.

    The form's `letter` says which change is meant; without it, all failed changes of the item are.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    async def retry(self, request: Request) -> Response:
        """Hand it back to the save-handler."""
        return await self._answer(request, self._site.failures.retry, "retried")

    async def discard(self, request: Request) -> Response:
        """Give it up for good."""
        return await self._answer(request, self._site.failures.discard, "discarded")

    async def _answer(self, request: Request, deed: Deed, verb: str) -> Response:
        form = Form(request)
        try:
            form = await form_of(request)
            done = await self._do(form, deed)
        except ClientDisconnect:
            return Response(status_code=400)
        except Refusal as error:
            return refused(self._site, form, error)
        self._site.live.look_again()
        notice = Notice(f"said_{verb}", {"item": _text(done[0])})
        return accepted(self._site, form, Accepted(None, done[0].change), notice)

    async def _do(self, form: Form, deed: Deed) -> list[Failed]:
        """What it was done to; at least one."""
        failures, queue, done = self._site.failures, self._site.queue, []
        item_id = form.request.path_params["id"]
        try:
            for failed in await failures.of(item_id, form.fields.get("letter", "")):
                try:
                    await deed(failed)
                except DeadLetterNotFound:  # somebody else was quicker
                    continue
                done.append(failed)
        except QueueError as error:
            why = not_accepted(error, connected=queue.connected, what="changed")
            raise Refusal(503, "error_not_changed", why) from error
        if not done:
            raise Refusal(404, "error_gone", "error_gone_detail")
        return done


def _text(failed: Failed) -> str:
    """The item's text, where the change has one."""
    value = failed.failure.value
    is_text = failed.failure.field == "item" and isinstance(value, str) and value
    return visible(str(value)) if is_text else ""
