"""The ids of changes, and what an Idempotency-Key stands for where an item is changed.

The ids of one request's changes begin with a time later than any change that was seen. Their ends are
derived: the first part from the key, the item and the field, the last part from everything that the
request sets. So a repeated request is recognised by these ends, and so is another request under the same
key. They are looked up in the waiting changes and in the item's history, so it does not matter which
process was asked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from todo.changes import later_than
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
#: Bits of an end that tell which request it is of; what is before them tells the key and the field.
_REQUEST_BITS = 22
#: The end of the last id of its moment.
_LAST_END = "bfff-ffffffffffff"


class KeyTaken(Exception):
    """The key stands for another change of this item."""


def changes_of(item: Item, key: str, values: Values) -> list[Change]:
    """A change for each of the values; the same key and values give ids with the same ends again."""
    seen = item.version
    begin = later_than(seen and seen[:_END] + _LAST_END)[:_END]
    return [
        _change(
            field, value, id=item.id, change=begin + _end(key, item.id, field, values), seen=seen
        )
        for field, value in values.items()
    ]


def used_before(key: str, id: str, values: Values, known: Mapping[str, object]) -> dict[str, str]:
    """The changes that the key stands for already, by their fields.

    `known` has the value of every change of the item, by its id. KeyTaken where the key stands for another
    request: the values are not the same, or not the same fields have one.
    """
    by_key = {_key_part(change[_END:]): change for change in known}
    ends = {field: _end(key, id, field, values) for field in FIELDS}
    used = {
        field: by_key[part] for field, end in ends.items() if (part := _key_part(end)) in by_key
    }
    for field, change in used.items():
        if field not in values or values[field] != known[change] or change[_END:] != ends[field]:
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


def _end(key: str, id: str, field: str, values: Values) -> str:
    """The last 64 bits of a UUID: its variant, and what is derived."""
    request = msgspec.json.encode(sorted(values.items()))
    mask = (1 << _REQUEST_BITS) - 1
    rest = _bits(f"{key}/{id}/{field}".encode()) & ~mask | _bits(key.encode() + request) & mask
    text = f"{0b10 << 62 | rest:016x}"
    return f"{text[:4]}-{text[4:]}"


def _bits(content: bytes) -> int:
    return int.from_bytes(sha256(content).digest()[:8]) >> 2


def _key_part(end: str) -> int:
    """What of an end is the same in every request with this key; of what is no end of ours, anything."""
    try:
        return int(end.replace("-", ""), 16) >> _REQUEST_BITS
    except ValueError:
        return -1
