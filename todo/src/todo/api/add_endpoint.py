"""POST /todo: an item is accepted once the queue has the event."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from dovetail import MessageQueue, QueueError, QueueUnavailable, new_id
from todo.api import problems
from todo.api.change_keys import FIELDS
from todo.api.headers import RAW, Headers
from todo.api.idempotency_keys import IdempotencyKeys, KeyTaken
from todo.api.item_json import answer
from todo.api.prefer_header import PREFER, wait_of
from todo.api.problems import Refused
from todo.api.request_body import CONTENT_TYPE, JSON, KEY, LENGTH, JsonBody, checked, checked_key
from todo.api.save_waits import SaveWaits
from todo.api.schemas import NewTodo, Todo
from todo.events import NewItem
from todo.http.body import BodyTooLarge, read_body
from todo.items import Item
from todo.monitoring.metrics import Metrics


class AddEndpoint:
    """Accepts new items. This is the hot path: one decode, one publish, one prepared response."""

    def __init__(
        self, queue: MessageQueue, keys: IdempotencyKeys, saves: SaveWaits, metrics: Metrics
    ) -> None:
        self._queue = queue
        self._keys = keys
        self._saves = saves
        self._publish = queue.publish
        self._metrics = metrics
        self._body = JsonBody(NewTodo, JSON)
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"]
        known = dict(headers)
        try:
            item = await self._read(headers, known, receive)
            keyed = KEY in known
            if PREFER in known and (wait := wait_of(headers))[0]:
                response = await self._take_and_wait(item, keyed, *wait)
                await response(scope, receive, send)
                return
            if keyed:
                item = await self._accept_once(item)
            else:
                await self._accept(item, item.id)
            start, body = self._confirmation(item)
            await send(start)
            await send(body)
        except Refused as refused:
            await refused.response(scope, receive, send)
        except ClientDisconnect:
            return

    async def _read(self, headers: Headers, known: dict[bytes, bytes], receive: Receive) -> Item:
        # Not by `Body.read`: one more coroutine would cost as much as reading the JSON.
        try:
            if known.get(CONTENT_TYPE) != JSON:
                self._body.check_type(known)
            new = self._body.decode(await read_body(receive, known.get(LENGTH)))
            if KEY in known:
                return _item(checked_key(headers, "it becomes the id of the item"), new)
            return _item(new_id(), new)
        except Refused:
            self._metrics.refused += 1
            raise
        except BodyTooLarge:
            self._metrics.refused += 1
            raise Refused(problems.too_large()) from None

    async def _accept_once(self, item: Item) -> Item:
        """The item that the key stands for, which need not have been added now."""
        try:
            use = await self._keys.use(item)
            if not use.accepted:
                await self._accept(use.item, use.message_id)
                await self._keys.accepted(use)
        except KeyTaken as taken:
            self._metrics.refused += 1
            raise Refused(problems.key_taken(taken.item.id, str(taken))) from None
        return use.item

    async def _accept(self, item: Item, message_id: str) -> None:
        try:
            await self._publish(NewItem(item), id=message_id)
        except QueueUnavailable:
            self._metrics.unavailable += 1
            connected = self._queue.connected
            raise Refused(
                problems.queue_unavailable("the item", item.id, connected=connected, id=item.id)
            ) from None
        except QueueError as error:
            self._metrics.unavailable += 1
            raise Refused(problems.queue_refused(error, id=item.id)) from None
        self._metrics.created += 1

    async def _take_and_wait(
        self, item: Item, keyed: bool, seconds: int, applied_wait: dict[str, str]
    ) -> Response:
        """The same for a client that waits for the database to have it."""
        headers = {"Location": f"/todo/{item.id}"} | applied_wait
        with self._saves.awaited(item.id) as waiting:
            if keyed:
                item = await self._accept_once(item)
            else:
                await self._accept(item, item.id)
            if await self._saves.until_saved(waiting, seconds) and (
                saved := await self._saves.read(item.id)
            ):
                return answer(201, saved, "saved", headers)
        return answer(202, item, "accepted", headers)

    def _confirmation(self, item: Item) -> tuple[Message, Message]:
        # As `todo_of` has it: all the ids here are UUIDs in lower case.
        body = self._encode(
            Todo(
                item.id,
                item.item,
                item.done,
                item.due,
                item.tags,
                item.notes,
                item.position or f"{item.id.replace('-', '')}h",
                item.date_added,
                None,
                "accepted",
            )
        )
        headers = [
            (CONTENT_TYPE, JSON),
            (b"content-length", b"%d" % len(body)),
            (b"location", b"/todo/" + item.id.encode()),
            *RAW,
        ]
        return (
            {"type": "http.response.start", "status": 202, "headers": headers},
            {"type": "http.response.body", "body": body},
        )


def _item(id: str, new: NewTodo) -> Item:
    text = checked("item", new.item)
    added = datetime.now(UTC)
    if new.due is not None or new.done or new.tags or new.notes or new.position:
        values = {name: checked(name, getattr(new, name)) for name in FIELDS[1:]}
        return Item(id, text, added, **values)
    return Item(id, text, added)
