"""The endpoints that change items. They read the database, and publish; they never write to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from dovetail import QueueError
from todo.changes import change_of
from todo.current_item import CurrentItem, read_current_item
from todo.events import Change, ItemRemoved, ItemRestored
from todo.items import InvalidItem, is_id
from todo.merge import WRITTEN as WRITTEN_FIELDS
from todo.merge import applied, field_of, value_of
from todo.store import StoreUnavailable
from todo.store.query import Query
from todo.web.answers import Accepted, Form, Refusal, accepted, form_of, not_accepted, refused
from todo.web.item_actions import VERBS, Done, brings_back
from todo.web.item_json import item_json
from todo.web.item_page import ItemPage
from todo.web.notices import Notice, Undo
from todo.web.site import Site
from todo.web.templating import segment, visible
from todo.web.viewer import viewer_of

Act = Callable[[Form], Awaitable[Response]]

#: Verbs of what somebody wrote: it is shown again where it was not accepted.
WRITTEN = frozenset({"edit", "due", "tags", "notes", "save"})
#: Characters of what somebody else wrote that are said again.
MAX_SAID = 300
#: Items that are removed, or restored, at once: as many ids fit into a form.
MOST = 1500


class ChangeEndpoints:
    """POST endpoints of the actions on items."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._item_page = ItemPage(site)

    async def change(self, request: Request) -> Response:
        """POST /items/{id}/{verb}."""
        return await self._answered(request, self._change)

    async def clear_completed(self, request: Request) -> Response:
        """POST /items/clear-completed: all that is done is removed."""
        return await self._answered(request, self._clear)

    async def restore_many(self, request: Request) -> Response:
        """POST /items/restore: those of `ids` come back."""
        return await self._answered(request, self._restore)

    async def _answered(self, request: Request, act: Act) -> Response:
        form = Form(request)
        try:
            form = await form_of(request)
            return await act(form)
        except ClientDisconnect:
            return Response(status_code=400)
        except Refusal as error:
            self._count(error)
            return refused(self._site, form, error)

    async def _change(self, form: Form) -> Response:
        site, path = self._site, form.request.path_params
        item_id, verb = path["id"], path["verb"]
        if not is_id(item_id) or verb not in VERBS:
            raise Refusal(404, "error_404", "error_404_detail")
        current = await read_current_item(site.queue, site.store, item_id, partial=True)
        if current.certain and current.item is None:
            raise Refusal(404, "error_gone", "error_gone_detail")
        try:
            done = await self._done(form, current, verb)
            replaced = await self._replaced(current, form, done)
            await self._publish(done.changes)
        except Refusal as error:
            if not _is_shown_again(form, verb):
                raise
            self._count(error)
            return await self._item_page.again(form, current, error)
        return self._said(form, current, done, replaced)

    async def _done(self, form: Form, current: CurrentItem, verb: str) -> Done:
        if current.certain and current.removed and not brings_back(verb, form.fields):
            again = _is_shown_again(form, verb)
            raise Refusal(
                404, "error_gone", "error_removed_detail" if again else "error_gone_detail"
            )
        viewer = viewer_of(form.request)
        try:
            return await VERBS[verb](current, form.fields, viewer, self._site.store)
        except InvalidItem as error:
            said = viewer.language.sentence(str(error))
            raise Refusal(422, "error_invalid", said=said) from error
        except StoreUnavailable as error:
            raise Refusal(503, "error_database", "error_database_detail") from error

    def _count(self, error: Refusal) -> None:
        metrics = self._site.metrics
        if error.status == 503:
            metrics.unavailable += 1
        else:
            metrics.refused += 1

    async def _replaced(self, current: CurrentItem, form: Form, done: Done) -> str | None:
        """The text that somebody else has given the item since its author looked at it."""
        seen = form.fields.get("seen")
        kinds = {field_of(one) for one in done.changes} & WRITTEN_FIELDS
        if not kinds or seen is None or seen >= current.version:
            return None
        try:
            past = await self._site.store.history(current.id)
        except StoreUnavailable:
            return None
        texts = {one.change: one.value for one in past if one.field in kinds}
        # What was accepted and is not saved yet counts as well.
        texts |= {one.change: value_of(one) for one in current.waiting if field_of(one) in kinds}
        later = [change for change in texts if change > seen]
        return str(texts[max(later)]) if later else None

    def _said(self, form: Form, current: CurrentItem, done: Done, replaced: str | None) -> Response:
        item = current.item
        for change in done.changes:
            item = applied(item or current.item, change)
        waiting = [*(current.shown.waiting if current.shown else ())]
        waiting += [change.change for change in done.changes]
        answer = Accepted(
            item_json(item, "accepted", waiting) if item else None,
            done.changes[-1].change if done.changes else "",
            done.undo,
            replaced=replaced,
            changes={field_of(change): change.change for change in done.changes},
        )
        shown = item or current.item
        values: dict[str, str | int] = {"item": visible(shown.item) if shown else ""}
        notice = Notice(done.said, values, done.undo)
        if replaced is not None:
            values = values | {"theirs": replaced[:MAX_SAID]}
            link = f"/items/{segment(current.id)}#history"
            notice = Notice(done.said, values, done.undo, "said_conflict", link)
        return accepted(self._site, form, answer, notice)

    async def _clear(self, form: Form) -> Response:
        try:
            page = await self._site.store.page(Query(status="done"), limit=MOST)
        except StoreUnavailable as error:
            raise Refusal(503, "error_database", "error_database_detail") from error
        changes = [change_of(ItemRemoved, one.id, after=one.version) for one in page.items]
        await self._publish(changes)
        ids = [one.id for one in page.items]
        if not ids:
            return self._many(form, changes, ids, Notice("said_none_completed"))
        undo = Undo("/items/restore", {"ids": ",".join(ids)})
        return self._many(form, changes, ids, Notice("said_cleared", {"n": len(ids)}, undo))

    async def _restore(self, form: Form) -> Response:
        ids = [one for one in form.fields.get("ids", "").split(",") if is_id(one)][:MOST]
        try:
            versions = {one.id: one.version for one in await self._site.store.removed(ids)}
        except StoreUnavailable:
            versions = {}
        changes = [change_of(ItemRestored, one, after=versions.get(one, "")) for one in ids]
        await self._publish(changes)
        return self._many(form, changes, ids, Notice("said_restored_many", {"n": len(ids)}))

    def _many(
        self, form: Form, changes: Sequence[Change], ids: list[str], notice: Notice
    ) -> Response:
        answer = Accepted(None, changes[-1].change if changes else "", notice.undo, ids)
        return accepted(self._site, form, answer, notice)

    async def _publish(self, changes: Sequence[Change]) -> None:
        queue = self._site.queue
        if not changes:
            return
        try:
            await queue.publish_many(changes, ids=[one.change for one in changes])
        except QueueError as error:
            why = not_accepted(error, connected=queue.connected, what="changed")
            raise Refusal(503, "error_not_changed", why) from error


def _is_shown_again(form: Form, verb: str) -> bool:
    """Whether what is not accepted is shown again, for its author to send it once more."""
    return verb in WRITTEN and not form.wants_json
