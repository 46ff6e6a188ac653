"""The page of one item: all of its fields, and its history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from todo.changes import moment_of
from todo.current_item import CurrentItem, read_current_item
from todo.items import is_id
from todo.merge import Value, field_of, value_of
from todo.store import StoreUnavailable
from todo.store.query import Past
from todo.waiting_changes import ShownItem
from todo.web.answers import Form, Refusal
from todo.web.failures import latest_by_item, never_added
from todo.web.item_actions import digest, undo_of
from todo.web.notices import Undo
from todo.web.site import RETRY_AFTER, Site
from todo.web.templating import segment
from todo.web.viewer import Viewer, viewer_of

#: Changes that are shown, the newest.
MOST = 100


@dataclass(frozen=True)
class Entry:
    """One change, in words; `again` is the form that makes it anew."""

    label: str
    value: str
    at: datetime
    current: bool
    superseded: bool
    waiting: bool
    again: Undo | None


class ItemPage:
    """Shows the page, also with a text that was not accepted."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """GET /items/{id}."""
        item_id = request.path_params["id"]
        if not is_id(item_id):
            raise HTTPException(404)
        current = await read_current_item(self._site.queue, self._site.store, item_id, partial=True)
        if current.item is None:
            current = await self._lost(current)
        if current.item is None and current.certain:
            return self._site.error(request, 404, "error_gone", "error_gone_detail")
        if current.item is None:
            response = self._site.error(request, 503, "error_database", "error_database_detail")
            response.headers.update(RETRY_AFTER)
            return response
        return await self._page(request, current, {}, 200)

    async def _lost(self, current: CurrentItem) -> CurrentItem:
        """The same, where it is an item that could not be added."""
        found = never_added(await self._site.failures.read(), ())
        items = [item for item in found if item.id == current.id]
        return replace(current, shown=ShownItem(items[0])) if items else current

    async def again(self, form: Form, current: CurrentItem, error: Refusal) -> Response:
        """The same with what was written, and why it was not accepted."""
        said = error.sentence(viewer_of(form.request).language)
        if current.item is None:
            return self._site.page(form.request, "error.html", error.status, title=said, detail="")
        return await self._page(form.request, current, form.fields, error.status, said)

    async def _page(
        self,
        asked_by: HTTPConnection,
        current: CurrentItem,
        written: Mapping[str, str],
        status: int,
        error: str = "",
    ) -> Response:
        assert current.item is not None
        viewer = viewer_of(asked_by)
        held = fields_of(current, viewer)
        return self._site.page(
            asked_by,
            "item.html",
            status,
            RETRY_AFTER if status == 503 else None,
            current=current,
            item=current.item,
            fields=held | {name: written[name] for name in held if name in written},
            was=_digests(held) | {key: text for key, text in written.items() if key[:4] == "was_"},
            seen=written.get("seen", current.version),
            history=await self._history(current, viewer),
            error=error,
            written=bool(written),
            failure=latest_by_item(await self._site.failures.read()).get(current.id),
            next=f"/items/{segment(current.id)}",
        )

    async def _history(self, current: CurrentItem, viewer: Viewer) -> list[Entry] | None:
        """Newest first; None where it cannot be read."""
        try:
            past = await self._site.store.history(current.id)
        except StoreUnavailable:
            return None
        return list(_entries(current, past[-MOST:], viewer))[::-1]


def fields_of(current: CurrentItem, viewer: Viewer) -> dict[str, str]:
    """What the fields of the form hold."""
    item = current.item
    assert item is not None
    due = viewer.due(item.due)
    return {
        "item": item.item,
        "due_date": due.day.isoformat() if due else "",
        "due_time": f"{due.at:%H:%M}" if due and due.at else "",
        "tags": " ".join(item.tags),
        "notes": item.notes,
    }


def _digests(held: Mapping[str, str]) -> dict[str, str]:
    due = f"{held['due_date']} {held['due_time']}".strip()
    texts = {name: held[name] for name in ("item", "tags", "notes")} | {"due": due}
    return {f"was_{name}": digest(text) for name, text in texts.items()}


def _entries(current: CurrentItem, past: Sequence[Past], viewer: Viewer) -> Iterator[Entry]:
    for one in past:
        again = None if one.current else _again(current, one.field, one.value)
        label, value = _words(one.field, one.value, viewer)
        yield Entry(label, value, one.at, one.current, one.superseded, False, again)
    saved = {one.change for one in past}
    for change in current.waiting:
        if change.change not in saved:
            label, value = _words(field_of(change), value_of(change), viewer)
            yield Entry(label, value, moment_of(change.change), False, False, True, None)


def _words(field: str, value: Value, viewer: Viewer) -> tuple[str, str]:
    """What was changed, and what to."""
    said = viewer.language.text
    if field == "done":
        return said("past_done" if value else "past_undone"), ""
    if field == "removed":
        return said("past_removed" if value else "past_restored"), ""
    if field == "position":
        return said("past_position"), ""
    if field == "due":
        due = viewer.due(value if isinstance(value, str) else None)
        return (said("past_due"), due.words) if due else (said("past_due_none"), "")
    if not value:
        return said(f"past_{field}_none" if field in ("tags", "notes") else "past_added"), ""
    if isinstance(value, tuple | list):
        return said("past_tags"), " ".join(f"#{tag}" for tag in value)
    return said(f"past_{field}"), str(value)


def _again(current: CurrentItem, field: str, value: Value) -> Undo | None:
    """The form that gives a field this value again; None for what there are buttons for."""
    if field in ("item", "added") and value:
        return undo_of(current, "edit", item=str(value))
    if field == "due":
        return undo_of(current, "due", due=str(value or ""))
    if field == "tags" and isinstance(value, tuple | list):
        return undo_of(current, "tags", tags=" ".join(value))
    if field == "notes":
        return undo_of(current, "notes", notes=str(value))
    return None
