"""POST /todo: an item is accepted once the queue has the event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dovetail import MessageQueue, QueueError, QueueUnavailable, new_id
from todo.api import problems
from todo.api.schemas import NewTodo, Todo
from todo.events import NewItem
from todo.items import InvalidItem, Item, checked_text
from todo.monitoring.metrics import Metrics
from todo.serving.body import BodyTooLarge, read_body

UUID_PATTERN = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_UUID = re.compile(UUID_PATTERN)
_JSON = b"application/json"

Headers = Iterable[tuple[bytes, bytes]]


class Refused(Exception):
    """The request cannot be accepted; `response` says why."""

    def __init__(self, response: Response) -> None:
        self.response = response


class Adding:
    """Takes items. This is the hot path: one decode, one publish, one prepared response."""

    def __init__(self, queue: MessageQueue, metrics: Metrics) -> None:
        self._queue = queue
        self._publish = queue.publish
        self._metrics = metrics
        self._decode = msgspec.json.Decoder(NewTodo).decode
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST."""
        try:
            item = await self._read(scope["headers"], receive)
            await self._accept(item)
        except Refused as refused:
            await refused.response(scope, receive, send)
        except ClientDisconnect:
            return
        else:
            await self._confirm(item, send)

    async def _read(self, headers: Headers, receive: Receive) -> Item:
        try:
            return await self._checked(headers, receive)
        except Refused:
            self._metrics.refused += 1
            raise

    async def _checked(self, headers: Headers, receive: Receive) -> Item:
        known = dict(headers)
        content_type = known.get(b"content-type")
        if content_type != _JSON and not _is_json(content_type):
            raise Refused(problems.wrong_content_type(content_type))
        key = known.get(b"idempotency-key")
        item_id = new_id() if key is None else _checked_key(key)
        try:
            body = await read_body(receive, known.get(b"content-length"))
        except BodyTooLarge:
            raise Refused(problems.too_large()) from None
        return Item(item_id, self._text(body), datetime.now(UTC))

    def _text(self, body: bytes) -> str:
        try:
            return checked_text(self._decode(body).item)
        except InvalidItem as error:
            raise Refused(problems.invalid_item(str(error))) from None
        except msgspec.ValidationError as error:
            raise Refused(_misshapen(str(error))) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refused(problems.broken_json(error)) from None

    async def _accept(self, item: Item) -> None:
        try:
            await self._publish(NewItem(item), id=item.id)
        except QueueUnavailable:
            self._metrics.unavailable += 1
            connected = self._queue.connected
            raise Refused(problems.queue_unavailable(item.id, connected=connected)) from None
        except QueueError as error:
            self._metrics.unavailable += 1
            raise Refused(problems.queue_refused(item.id, error)) from None
        self._metrics.created += 1

    async def _confirm(self, item: Item, send: Send) -> None:
        body = self._encode(Todo(item.id, item.item, item.date_added, "accepted"))
        headers = [
            (b"content-type", _JSON),
            (b"content-length", b"%d" % len(body)),
            (b"location", b"/todo/" + item.id.encode()),
        ]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def is_uuid(text: str) -> bool:
    """Whether it is a UUID in its usual form."""
    return _UUID.fullmatch(text) is not None


def _is_json(content_type: bytes | None) -> bool:
    return content_type is not None and content_type.split(b";", 1)[0].strip().lower() == _JSON


def _checked_key(key: bytes) -> str:
    """The UUID of an Idempotency-Key header, with or without the quotes of a structured field."""
    text = key.decode("latin-1").strip().strip('"')
    if not is_uuid(text):
        message = "The Idempotency-Key must be a UUID: it becomes the id of the item."
        raise Refused(
            problems.problem(
                400, message, errors=[problems.FieldError(message, parameter="Idempotency-Key")]
            )
        )
    return text.lower()


def _misshapen(error: str) -> Response:
    """msgspec's words, such as "Expected `str`, got `int` - at `$.item`", made useful."""
    if "missing required" in error:
        return problems.invalid_item('The member "item" is missing. Send {"item": "…"}.')
    if "unknown field" in error:
        return problems.invalid_item(
            f'{error}. "item" is the only member that is taken.', pointer="#"
        )
    if error.endswith("`$.item`"):
        return problems.invalid_item('The item must be text, as in {"item": "Buy milk"}.')
    return problems.invalid_item('The body must be an object, as in {"item": "…"}.', pointer="#")
