"""An item as the API shows it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from todo.api.headers import HEADERS
from todo.api.preconditions import entity_tag
from todo.api.schemas import Status, Todo
from todo.items import Item
from todo.positions import position_of


def todo_of(item: Item, status: Status) -> Todo:
    """All that is shown of it."""
    return Todo(
        item.id,
        item.item,
        item.done,
        item.due,
        item.tags,
        item.notes,
        position_of(item),
        item.date_added,
        item.date_saved,
        status,
    )


def answer(
    code: int, item: Item, status: Status, headers: Mapping[str, str] | None = None
) -> Response:
    """A response that shows one item, with its entity tag."""
    return as_json(
        todo_of(item, status), code, {"ETag": entity_tag(item, status), **(headers or {})}
    )


def as_json(content: object, code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response with this content."""
    return Response(
        msgspec.json.encode(content),
        code,
        {**HEADERS, **(headers or {})},
        media_type="application/json",
    )
