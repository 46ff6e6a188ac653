"""The rules for each field of an item, as the API applies them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from todo.fields import MAX_TAGS, checked_due, checked_notes, checked_tags
from todo.items import InvalidItem, checked_text
from todo.positions import checked_position


def _due(due: str | None) -> str | None:
    if due == "":
        raise InvalidItem("The due date must not be an empty text. Where there is none it is null.")
    return checked_due(due)


def _tags(tags: Sequence[str]) -> tuple[str, ...]:
    if len(tags) > MAX_TAGS:
        raise InvalidItem(f"These are {len(tags)} tags; {MAX_TAGS} are the most.")
    return checked_tags(tags)


def _position(position: str) -> str:
    return position and checked_position(position)


#: By the names of fields: what makes of a value what is kept, or raises InvalidItem.
CHECKS: dict[str, Callable[[Any], Any]] = {
    "item": checked_text,
    "done": bool,
    "due": _due,
    "tags": _tags,
    "notes": checked_notes,
    "position": _position,
}
