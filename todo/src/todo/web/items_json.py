"""The list for scripts: what the page shows for the same address, and the place in the live stream from which
they are told of everything that changes it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from todo.serving.waiting import Shown
from todo.web.asked import Asked, asked_for
from todo.web.contents import Contents, read_contents
from todo.web.failures import Failed, latest_by_item
from todo.web.flights import Flights
from todo.web.item_json import ItemJson, item_json
from todo.web.reader import Reader, reader_of
from todo.web.site import RETRY_AFTER, Site, pack

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
        self._flights = Flights[tuple[bytes, bool]]()

    async def answer(self, request: Request) -> Response:
        """The list as the address asks for it; 503 where neither queue nor database can be read."""
        asked, reader = asked_for(request.query_params), reader_of(request)
        body, unreadable = await self._flights.share(
            (asked, reader.today, reader.zone), lambda: self._read(asked, reader)
        )
        status, headers = (503, RETRY_AFTER) if unreadable else (200, None)
        response = Response(body, status, headers, "application/json")
        pack(response, request)
        return response

    async def _read(self, asked: Asked, reader: Reader) -> tuple[bytes, bool]:
        """The answer, and whether it has nothing to show because nothing can be read."""
        site = self._site
        # First the place, then the list: what changes in between is told, though the list has it already.
        cursor = await site.live.place()
        scrolled = bool(asked.after)
        contents = await read_contents(
            site.queue, site.store, asked, reader.today, zone=reader.zone, scrolled=scrolled
        )
        failed = await site.failures.read()
        if not asked.after and not asked.narrowed:
            contents = contents.with_lost(failed)
        return _encode(_page(contents, failed, cursor)), contents.unreadable


def _page(contents: Contents, failed: Sequence[Failed], cursor: str) -> ItemsJson:
    by_item = latest_by_item(failed)

    def json(shown: Shown) -> ItemJson:
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


def _counts(contents: Contents) -> dict[str, int] | None:
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
