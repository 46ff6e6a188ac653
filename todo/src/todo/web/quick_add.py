"""Due date and tags in the text of a new item, for forms and for the field above the list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from todo import quick_add
from todo.web.viewer import ZONE_COOKIE, viewer_of, zone_of


class FoundJson(msgspec.Struct, frozen=True):
    """One phrase that was found; `at` counts UTF-16 code units, as JavaScript does."""

    kind: quick_add.Kind
    at: tuple[int, int]
    words: str
    value: str


class ReadJson(msgspec.Struct, frozen=True):
    """The answer of `/words`."""

    text: str
    due: str | None
    tags: tuple[str, ...]
    found: list[FoundJson]


def read_fields(asked_by: HTTPConnection, fields: Mapping[str, str]) -> quick_add.Read:
    """The field `item`, read: for a due date and for tags, where these are not given otherwise.

    A script gives `due` and `tags`, empty ones where there are to be none. In a form that has fields for
    them, they are given where something is filled in.
    """
    form = "due_date" in fields
    return quick_add.all_languages().read(
        fields.get("item", ""),
        _now(asked_by),
        due=not fields["due_date"].strip() if form else "due" not in fields,
        tags=not fields.get("tags", "").strip() if form else "tags" not in fields,
    )


async def answer_words(request: Request) -> Response:
    """GET /words: what a text says, while it is written.

    `today` and `zone` are the viewer's; where they are wrong or missing, it is as for a form.
    """
    asked = request.query_params
    text = asked.get("text", "")
    read = quick_add.all_languages().read(
        text, _now(request), due="due" not in asked, tags="tags" not in asked
    )
    found = [
        FoundJson(
            one.kind, (_units(text[: one.start]), _units(text[: one.end])), one.words, one.value
        )
        for one in read.found
    ]
    content = ReadJson(read.text, read.due, read.tags, found)
    return Response(msgspec.json.encode(content), media_type="application/json")


def _now(asked_by: HTTPConnection) -> datetime:
    """The moment where the viewer is; the beginning of the day that the viewer says it is."""
    asked = asked_by.query_params
    zone = zone_of({ZONE_COOKIE: asked["zone"]}) if "zone" in asked else None
    now = datetime.now(zone).astimezone(zone) if zone else viewer_of(asked_by).now
    try:
        today = date.fromisoformat(asked.get("today", ""))
    except ValueError:
        return now
    return now if today == now.date() else datetime.combine(today, time(), now.tzinfo)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
