"""The list as JSON for scripts, with the position in the live stream that it was read at."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from todo.waiting_changes import ShownItem
from todo.web.failures import Failed, latest_by_item
from todo.web.item_json import ItemJson, item_json
from todo.web.list_contents import ListContents, read_contents
from todo.web.list_query import ListQuery, list_query_of
from todo.web.shared_reads import SharedReads
from todo.web.site import RETRY_AFTER, Site, pack
from todo.web.viewer import Viewer, viewer_of

_encode = msgspec.json.Encoder().encode


class ItemsJson(msgspec.Struct, frozen=True):
    """One page of the list."""

    now: list[ItemJson]
    items: list[ItemJson]
    next: str | None
    counts: dict[str, int] | None
    tags: list[tuple[str, int]]
    search: str
    cursor: str


class ItemsForScripts:
    """Answers `GET /items`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._shared_reads = SharedReads[tuple[bytes, bool]]()

    async def answer(self, request: Request) -> Response:
        """The list as the address asks for it; 503 where neither queue nor database can be read."""
        asked, viewer = list_query_of(request.query_params), viewer_of(request)
        body, unreadable = await self._shared_reads.share(
            (asked, viewer.today, viewer.zone), lambda: self._read(asked, viewer)
        )
        status, headers = (503, RETRY_AFTER) if unreadable else (200, None)
        response = Response(body, status, headers, "application/json")
        pack(response, request)
        return response

    async def _read(self, asked: ListQuery, viewer: Viewer) -> tuple[bytes, bool]:
        """The answer, and whether it has nothing to show because nothing can be read."""
        site = self._site
        # First the place, then the list: what changes in between is told, though the list has it already.
        cursor = await site.live.place()
        scrolled = bool(asked.after)
        contents = await read_contents(
            site.queue, site.store, asked, viewer.today, zone=viewer.zone, scrolled=scrolled
        )
        failed = await site.failures.read()
        if not asked.after and not asked.narrowed:
            contents = contents.with_lost(failed)
        return _encode(_page(contents, failed, cursor)), contents.unreadable


def _page(contents: ListContents, failed: Sequence[Failed], cursor: str) -> ItemsJson:
    by_item = latest_by_item(failed)

    def json(shown: ShownItem) -> ItemJson:
        failure = by_item[shown.item.id].failure if shown.item.id in by_item else None
        return item_json(shown.item, shown.state, shown.waiting, failure)

    now, items = [json(one) for one in contents.now], [json(one) for one in contents.rest]
    return ItemsJson(
        now,
        items,
        contents.next,
        _counts(contents),
        list(contents.tags),
        contents.search,
        cursor,
    )


def _counts(contents: ListContents) -> dict[str, int] | None:
    """Active and done ones as they will be; what is saved of them, and what waits."""
    if contents.counts is None or contents.saved is None:
        return None
    counts, saved = contents.counts, contents.saved
    return {
        "active": counts.active,
        "done": counts.done,
        "saved": saved,
        "waiting": contents.waiting,
    }
