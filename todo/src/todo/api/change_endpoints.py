"""PATCH and DELETE /todo/{id}: a change is accepted once the queue has its events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote
from weakref import WeakValueDictionary

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from dovetail import MessageQueue, QueueError, QueueUnavailable, new_id
from todo.api import problems
from todo.api.change_keys import FIELDS, KeyTaken, Values, changes_of, used_before
from todo.api.item_json import answer, as_json, todo_of
from todo.api.preconditions import check_preconditions
from todo.api.prefer_header import wait_of
from todo.api.problems import Refused
from todo.api.request_body import JSON, KEY, MERGE_PATCH, JsonBody, checked, checked_key
from todo.api.save_waits import SaveWaits
from todo.api.schemas import TodoPatch
from todo.changes import change_of
from todo.current_item import CurrentItem, read_current_item
from todo.events import Change, ItemRemoved
from todo.items import Item, is_id
from todo.merge import applied, field_of, value_of
from todo.store import Store

#: What null makes of a field.
_EMPTY: Values = {"due": None, "tags": (), "notes": "", "position": ""}


class ChangeEndpoints:
    """Accepts changes of existing items. Its methods raise Refused and StoreUnavailable."""

    def __init__(self, queue: MessageQueue, store: Store, saves: SaveWaits) -> None:
        self._queue = queue
        self._store = store
        self._saves = saves
        self._body = JsonBody(TodoPatch, MERGE_PATCH, JSON, header="Accept-Patch")
        #: By key and item, as long as somebody has it.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def patch(self, request: Request) -> Response:
        """Change some fields of an item (RFC 7396)."""
        known = dict(headers := request.scope["headers"])
        values = _values(await self._body.read(known, request.receive))
        keyed = KEY in known
        key = checked_key(headers, "it is that of one request") if keyed else new_id()
        # Sent again before it was answered, it has to find what the first attempt has published.
        turn = self._turns.setdefault(f"{key}/{request.path_params['id']}", asyncio.Lock())
        async with turn:
            return await self._patch(request, values, key, keyed=keyed)

    async def _patch(self, request: Request, values: Values, key: str, *, keyed: bool) -> Response:
        headers = request.scope["headers"]
        found, item = await self._find(request)
        used = await self._used(key, found, values) if keyed else {}
        if not used:
            check_preconditions(headers, found)
        changes = [
            change for change in changes_of(item, key, values) if field_of(change) not in used
        ]
        if not changes and (not used or found.status == "saved"):
            return answer(200, item, found.status)
        for change in changes:
            item = applied(item, change) or item
        ids = [*used.values(), *(change.change for change in changes)]
        seconds, applied_wait = wait_of(headers)
        if await self._take(item.id, changes, ids, key, seconds) and (
            saved := await self._saves.read(item.id)
        ):
            return answer(200, saved, "saved", applied_wait)
        place = {"Location": f"/todo/{quote(item.id, safe='')}"}
        return answer(202, item, "accepted", place | applied_wait)

    async def delete(self, request: Request) -> Response:
        """Remove an item."""
        headers = request.scope["headers"]
        found, item = await self._find(request)
        check_preconditions(headers, found)
        change = change_of(ItemRemoved, item.id, after=item.version)
        seconds, applied_wait = wait_of(headers)
        if await self._take(item.id, [change], [change.change], None, seconds):
            return Response(status_code=204, headers=applied_wait)
        return as_json(todo_of(item, "accepted"), 202, applied_wait)

    async def _find(self, request: Request) -> tuple[CurrentItem, Item]:
        found = await read_current_item(self._queue, self._store, request.path_params["id"])
        if found.there is None:
            known = found.certain or not is_id(found.id)
            raise Refused(problems.not_there() if known else problems.perhaps_not_there())
        return found, found.there

    async def _used(self, key: str, found: CurrentItem, values: Values) -> dict[str, str]:
        """The changes that the key stands for already, by their fields."""
        known = {one.change: one.value for one in await self._store.history(found.id)}
        known |= {change.change: value_of(change) for change in found.waiting}
        try:
            return used_before(key, found.id, values, known)
        except KeyTaken:
            what = f"another change of the item {found.id}"
            raise Refused(problems.key_taken(found.id, what)) from None

    async def _take(
        self, id: str, changes: Sequence[Change], ids: Sequence[str], key: str | None, seconds: int
    ) -> bool:
        """Accept the changes; whether the database has all of `ids` in so many seconds."""
        if not seconds:
            await self._publish(changes, key)
            return False
        with self._saves.awaited(id, ids) as waiting:
            await self._publish(changes, key)
            return await self._saves.until_saved(waiting, seconds)

    async def _publish(self, changes: Sequence[Change], key: str | None) -> None:
        if not changes:
            return
        try:
            await self._queue.publish_many(changes, ids=[change.change for change in changes])
        except QueueUnavailable:
            connected = self._queue.connected
            raise Refused(
                problems.queue_unavailable("the change", key, connected=connected)
            ) from None
        except QueueError as error:
            raise Refused(problems.queue_refused(error)) from None


def _values(patch: TodoPatch) -> Values:
    """The new value of each field that the patch has."""
    values: dict[str, object] = {}
    for name in FIELDS:
        value = getattr(patch, name)
        if value is None:
            values[name] = _EMPTY[name]
        elif value is not UNSET:
            values[name] = checked(name, value)
    return values
