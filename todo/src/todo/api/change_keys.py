"""The ids of changes, and what an Idempotency-Key stands for where an item is changed.

The changes of one request have ids that begin later than any change that was seen, and end in what is derived
from its key, the item and the field. So a repetition is known by those ends, among what waits and in the
item's history, whichever process was asked before.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from todo.changing import later_than
from todo.events import (
    Change,
    ItemCompleted,
    ItemDue,
    ItemEdited,
    ItemMoved,
    ItemNoted,
    ItemReopened,
    ItemTagged,
)
from todo.items import Item

#: Fields with their new values.
Values = Mapping[str, object]

#: The fields that a request can change.
FIELDS = ("item", "done", "due", "tags", "notes", "position")
#: Where the end of an id begins that is derived: behind the time and what counts within its milliseconds.
_END = 19
#: The end of the last id of its moment.
_LAST_END = "bfff-ffffffffffff"


class KeyTaken(Exception):
    """The key stands for another change of this item."""


def changes_of(item: Item, key: str, values: Values) -> list[Change]:
    """A change for each of the values; the same key gives ids with the same ends again."""
    seen = item.version
    begin = later_than(seen and seen[:_END] + _LAST_END)[:_END]
    return [
        _change(field, value, id=item.id, change=begin + _end(key, item.id, field), seen=seen)
        for field, value in values.items()
    ]


def used_before(key: str, id: str, values: Values, known: Mapping[str, object]) -> dict[str, str]:
    """The changes that the key stands for already, by their fields.

    `known` has the value of every change of the item, by its id. KeyTaken where the key stands for others.
    """
    ends = {change[_END:]: change for change in known}
    used = {field: ends[end] for field in FIELDS if (end := _end(key, id, field)) in ends}
    if any(field not in values or values[field] != known[used[field]] for field in used):
        raise KeyTaken
    return used


def _change(field: str, value: Any, **common: str) -> Change:
    match field:
        case "done":
            return (ItemCompleted if value else ItemReopened)(**common)
        case "item":
            return ItemEdited(item=value, **common)
        case "due":
            return ItemDue(due=value, **common)
        case "tags":
            return ItemTagged(tags=value, **common)
        case "notes":
            return ItemNoted(notes=value, **common)
        case _:
            return ItemMoved(position=value, **common)


def _end(key: str, id: str, field: str) -> str:
    """The last 64 bits of a UUID: its variant, and what is derived."""
    rest = int.from_bytes(sha256(f"{key}/{id}/{field}".encode()).digest()[:8]) >> 2
    text = f"{0b10 << 62 | rest:016x}"
    return f"{text[:4]}-{text[4:]}"
