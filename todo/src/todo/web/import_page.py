"""The import page and exports: an uploaded file becomes an import, and the list a file."""

from __future__ import annotations

import asyncio
import hashlib
import re
import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.types import Message

from dovetail import NoGroup, QueueError, new_id
from todo.changes import derived_change_id, is_change_id
from todo.files.drafts import WrongFile
from todo.files.export_writer import FORMATS, exported
from todo.files.import_reader import MAX_FILE, read_file
from todo.http.body import BodyTooLarge, read_body
from todo.imports import Imports, Progress
from todo.items import Item
from todo.quick_add import all_languages
from todo.store import StoreUnavailable
from todo.web.answers import Refusal, not_accepted
from todo.web.forms import is_cross_site
from todo.web.language import Language
from todo.web.site import RETRY_AFTER, Site
from todo.web.viewer import viewer_of

#: Bytes of a form with a file, beside the file.
_FRAME = 16 * 1024
#: Seconds after which a page that shows the progress is read again.
_AGAIN = {"Refresh": "1"}
_PLACE = re.compile(r"((?:Line|Item) \d+): ")


@dataclass(frozen=True)
class Upload:
    """The items of a file, and the id under which sending it again adds nothing."""

    items: list[Item]
    id: str


class ImportPage:
    """Begins imports, and shows their progress."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._imports = Imports(site.queue, site.store)

    async def answer(self, request: Request) -> Response:
        """GET shows the form, and with `id` the progress; POST begins an import."""
        if request.method != "POST":
            return await self._show(request)
        try:
            upload = await _upload(request)
            await self._begin(upload)
        except ClientDisconnect:
            return Response(status_code=400)
        except WrongFile as error:
            return self._refused(request, 422, list(error.lines))
        except Refusal as error:
            said = error.sentence(viewer_of(request).language)
            return self._refused(request, error.status, [said])
        place = f"/import?{urlencode({'id': upload.id})}"
        if _wants_json(request):
            content = {"import": upload.id, "items": len(upload.items)}
            return _json(content, 202, {"Location": place})
        return RedirectResponse(place, 303)

    async def _begin(self, upload: Upload) -> None:
        queue = self._site.queue
        try:
            await self._imports.begin(upload.id, upload.items)
        except NoGroup as error:
            raise Refusal(503, "", "import_no_handler") from error
        except QueueError as error:
            why = not_accepted(error, connected=queue.connected)
            raise Refusal(503, "", why) from error

    async def _show(self, request: Request) -> Response:
        progress = None
        if is_change_id(asked := request.query_params.get("id", "")):
            try:
                progress = await self._imports.progress(asked)
            except StoreUnavailable:
                progress = Progress(finished=False)
        if _wants_json(request):
            return _json(progress)
        headers = _AGAIN if progress and not progress.finished else None
        return self._page(request, 200, headers, progress=progress)

    def _refused(self, request: Request, status: int, lines: list[str]) -> Response:
        headers = RETRY_AFTER if status == 503 else None
        language = viewer_of(request).language
        said = [_said(language, line) for line in lines]
        if _wants_json(request):
            return _json({"error": said[0], "lines": said[1:]}, status, headers)
        return self._page(request, status, headers, said=said)

    def _page(
        self, request: Request, status: int, headers: dict[str, str] | None, **context: object
    ) -> Response:
        shown = {"progress": None, "said": [], "form": new_id(), "formats": [*FORMATS]} | context
        return self._site.page(request, "import.html", status, headers, here="/import", **shown)

    async def export(self, request: Request) -> Response:
        """Every saved item as a file."""
        name = request.path_params["format"]
        if name not in FORMATS:
            raise HTTPException(404)
        try:
            parts = await exported(self._site.store, name)
        except StoreUnavailable:
            return self._site.error(request, 503, "error_database", "error_database_detail")
        day = viewer_of(request).today
        return StreamingResponse(
            parts,
            media_type=FORMATS[name].media_type,
            headers={"Content-Disposition": f'attachment; filename="todo-{day}.{name}"'},
        )


async def _upload(request: Request) -> Upload:
    """The items of the file that was sent. Raises WrongFile and Refusal."""
    if is_cross_site(request):
        raise Refusal(403, "", "error_cross_detail")
    form, content = await _file(request)
    if not content:
        raise Refusal(422, "", "import_no_file")
    # Another file is another import, though the form is the same.
    cause = form if is_change_id(form) and uuid.UUID(form).version == 7 else new_id()
    upload_id = derived_change_id(cause, hashlib.sha256(content).hexdigest())
    # It may take a second, and others are not to wait.
    items = await asyncio.to_thread(lambda: read_file(content, all_languages()).items(upload_id))
    return Upload(items, upload_id)


async def _file(request: Request) -> tuple[str, bytes]:
    """The id that the form had, and the file."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Refusal(415, "", "error_form_detail")
    announced = request.headers.get("content-length")
    length = announced.encode() if announced else None
    try:
        body = await read_body(request.receive, length, MAX_FILE + _FRAME)
    except BodyTooLarge as error:
        raise Refusal(413, "", "import_large", n=MAX_FILE // 1024**2) from error

    async def again() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Request(request.scope, again).form(max_files=1, max_fields=5) as fields:
            form, file = fields.get("form", ""), fields.get("file")
            content = await file.read() if isinstance(file, UploadFile) else b""
            return str(form), content
    except (MultiPartException, HTTPException) as error:
        raise Refusal(400, "", "error_form_detail") from error


def _said(language: Language, line: str) -> str:
    """A line about a file in this language; many begin with the place that they are about."""
    if found := _PLACE.match(line):
        return f"{language.sentence(found[1])}: {language.sentence(line[found.end() :])}"
    return language.sentence(line)


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def _json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")
