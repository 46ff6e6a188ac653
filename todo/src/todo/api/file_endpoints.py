"""POST /import and GET /export.…: lists as files."""

from __future__ import annotations

import asyncio
import hashlib
import uuid

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from dovetail import MessageQueue, NoGroup, QueueError, QueueUnavailable, new_id
from todo.api import problems
from todo.api.problems import FieldError, Refused
from todo.api.request_body import KEY, checked_key
from todo.api.schemas import ImportAccepted, ImportProgress
from todo.changes import derived_change_id, is_change_id
from todo.files.drafts import WrongFile
from todo.files.export_writer import FORMATS, exported
from todo.files.import_reader import MAX_FILE, read_file
from todo.http.body import BodyTooLarge, read_body
from todo.imports import Imports
from todo.items import Item
from todo.quick_add import all_languages
from todo.store import Store

#: What a file may be called; what it is shows in it.
KINDS = ("application/json", "text/csv", "text/markdown", "text/plain")


class FileEndpoints:
    """Accepts imports, and writes exports."""

    def __init__(self, queue: MessageQueue, store: Store) -> None:
        self._queue, self._store = queue, store
        self._imports = Imports(queue, store)

    async def export(self, request: Request) -> Response:
        """Every saved item as a file."""
        name = request.path_params["format"]
        if name not in FORMATS:
            return problems.problem(404, f"There is /export. with {', '.join(FORMATS)}.")
        parts = await exported(self._store, name)
        return StreamingResponse(parts, media_type=FORMATS[name].media_type)

    async def begin(self, request: Request) -> Response:
        """Accept a file; nothing of it where something in it is wrong."""
        key = _key(request)
        content = await _content(request)
        # Another file under the same key is another import.
        import_id = derived_change_id(key, hashlib.sha256(content).hexdigest())
        try:
            items = await asyncio.to_thread(_items, content, import_id)
        except WrongFile as error:
            errors = [FieldError(line) for line in error.lines]
            return problems.problem(422, error.lines[0], errors=errors)
        await self._begin(import_id, key, items)
        answer = msgspec.json.encode(ImportAccepted(import_id, len(items)))
        place = {"Location": f"/import/{import_id}"}
        return Response(answer, 202, place, media_type="application/json")

    async def progress(self, request: Request) -> Response:
        """How far an import is."""
        import_id = request.path_params["id"]
        if not is_change_id(import_id):
            return problems.problem(404, "No import has this id.")
        now = await self._imports.progress(import_id)
        content = ImportProgress(import_id, now.finished, now.total, now.saved, now.waiting)
        return Response(msgspec.json.encode(content), media_type="application/json")

    async def _begin(self, import_id: str, key: str, items: list[Item]) -> None:
        try:
            await self._imports.begin(import_id, items)
        except NoGroup:
            why = "The save-handler has never run, so nobody would import it: start it, and send it again."
            soon = {"Retry-After": str(problems.RETRY_AFTER)}
            raise Refused(problems.problem(503, why, headers=soon)) from None
        except QueueUnavailable:
            connected = self._queue.connected
            raise Refused(
                problems.queue_unavailable(key, "the file", connected=connected)
            ) from None
        except QueueError as error:
            raise Refused(problems.queue_refused(error)) from None


def _items(content: bytes, import_id: str) -> list[Item]:
    return read_file(content, all_languages()).items(import_id)


def _key(request: Request) -> str:
    """The id under which the same file may be sent again."""
    headers = request.scope["headers"]
    if not any(name == KEY for name, _ in headers):
        return new_id()
    what = "it must be of version 7, since it tells when the items were added"
    key = checked_key(headers, what)
    if uuid.UUID(key).version != 7 or not is_change_id(key):
        message = f"The Idempotency-Key of an import must be a UUIDv7: {what}."
        errors = [FieldError(message, parameter="Idempotency-Key")]
        raise Refused(problems.problem(400, message, errors=errors))
    return key


async def _content(request: Request) -> bytes:
    given = request.headers.get("content-type")
    if given is None or given.split(";", 1)[0].strip().lower() not in KINDS:
        taken = ", ".join(KINDS)
        raise Refused(
            problems.problem(
                415,
                f"The Content-Type must be one of {taken}; which file it is shows in it.",
                headers={"Accept": taken},
            )
        )
    length = request.headers.get("content-length")
    try:
        return await read_body(request.receive, length.encode() if length else None, MAX_FILE)
    except BodyTooLarge:
        most = f"{MAX_FILE // 1024**2} MiB"
        raise Refused(
            problems.problem(413, f"The file is over {most}: send it in parts.")
        ) from None
