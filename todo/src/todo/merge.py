"""Merges the changes of an item, in whatever order they come, and however often.

The changes of an item are a set that only grows. In each field the change with the latest id counts;
where one id stands for several, kind and value decide, so that there is always exactly one. What an item
was added with is earlier than all of them. A removal is a field like the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias

import msgspec

from todo.events import (
    Change,
    ItemCompleted,
    ItemDue,
    ItemEdited,
    ItemMoved,
    ItemNoted,
    ItemRemoved,
    ItemReopened,
    ItemRestored,
    ItemTagged,
)
from todo.items import Item

Value: TypeAlias = bool | str | tuple[str, ...] | None

#: The field that each kind of change sets; REMOVED is one that an item itself does not show.
REMOVED = "removed"
FIELDS: dict[type[Change], str] = {
    ItemCompleted: "done",
    ItemReopened: "done",
    ItemEdited: "item",
    ItemDue: "due",
    ItemTagged: "tags",
    ItemNoted: "notes",
    ItemMoved: "position",
    ItemRemoved: REMOVED,
    ItemRestored: REMOVED,
}
#: Those that people write: one that replaces another unseen has lost something.
WRITTEN = frozenset({"item", "notes"})
#: What a change says of a field that has no value of its own.
_SAID: dict[type[Change], bool] = {
    ItemCompleted: True,
    ItemReopened: False,
    ItemRemoved: True,
    ItemRestored: False,
}


def field_of(change: Change) -> str:
    """The field that it sets."""
    return FIELDS[type(change)]


def value_of(change: Change) -> Value:
    """What it sets it to."""
    kind = type(change)
    if kind in _SAID:
        return _SAID[kind]
    value: Value = getattr(change, FIELDS[kind])
    return value


def with_value(kind: type[Change], value: Value, *, id: str, change: str, seen: str = "") -> Change:
    """The change of this kind that sets its field to this value."""
    fields = {} if kind in _SAID else {FIELDS[kind]: value}
    return kind(id=id, change=change, seen=seen, **fields)


def stamp(change: Change) -> tuple[str, str, bytes]:
    """What orders changes of one field: the greater one counts."""
    return change.change, type(change).__subject__, msgspec.json.encode(value_of(change))


def latest(changes: Iterable[Change]) -> dict[str, Change]:
    """Of the changes of one item, the one that counts in each field."""
    found: dict[str, Change] = {}
    for change in changes:
        field = field_of(change)
        if field not in found or stamp(found[field]) < stamp(change):
            found[field] = change
    return found


def merged(added: Item | None, changes: Iterable[Change]) -> Item | None:
    """The item, by what it was added with and all of its changes.

    None where it was removed, or has yet to come.
    """
    counting = latest(changes)
    values = {field: value_of(change) for field, change in counting.items()}
    if added is None or values.pop(REMOVED, False):
        return None
    version = max((change.change for change in counting.values()), default=added.version)
    return msgspec.structs.replace(added, **values, version=version)


def applied(item: Item | None, change: Change) -> Item | None:
    """The item as it will be with this change, if no later one of its field is known.

    None where it is not there. For changes that wait to be saved: give them oldest first.
    """
    if item is None:
        return None
    item, there = after_all(item, [change])
    return item if there else None


def after_all(item: Item, changes: Iterable[Change]) -> tuple[Item, bool]:
    """The item with these changes, oldest first, as if it were restored at the end; whether it is there."""
    there = True
    for change in changes:
        values = {field_of(change): value_of(change)}
        if REMOVED in values:
            there = not values.pop(REMOVED)
        item = msgspec.structs.replace(item, **values, version=max(item.version, change.change))
    return item, there


def superseded(changes: Collection[Change]) -> set[str]:
    """Those whose text or notes somebody has replaced later without having seen them."""
    lost: set[str] = set()
    for field in WRITTEN:
        seen = ""
        latest_first = sorted((one for one in changes if field_of(one) == field), key=stamp)[::-1]
        for number, change in enumerate(latest_first):
            if number and seen < change.change:
                lost.add(change.change)
            seen = max(seen, change.seen)
    return lost
