"""Validates what other publishers sent, before it is saved or shown: not all of them check it."""

from __future__ import annotations

from datetime import UTC

import msgspec

from todo.changes import is_change_id
from todo.events import (
    Change,
    ItemDue,
    ItemEdited,
    ItemMoved,
    ItemNoted,
    ItemTagged,
)
from todo.fields import checked_due, checked_notes, checked_tags
from todo.items import MAX_ID_LENGTH, InvalidItem, Item, checked_text, is_id
from todo.positions import checked_position


def validated_item(item: Item) -> Item:
    """The item as it is to be kept, its text trimmed, its date in UTC; or InvalidItem.

    What only the database can tell of it is left out.
    """
    text = checked_text(item.item)
    if not is_id(item.id):
        raise InvalidItem("The id holds characters that cannot be kept.")
    added = item.date_added
    if added.tzinfo is not UTC:
        try:
            added = added.astimezone(UTC)
        except OverflowError:
            raise InvalidItem(
                f"The date {added.isoformat()} is in UTC outside the years from 1 to 9999."
            ) from None
    if is_plain(item):
        return (
            item if text == item.item and added is item.date_added else Item(item.id, text, added)
        )
    return Item(
        item.id,
        text,
        added,
        done=item.done,
        due=checked_due(item.due),
        tags=checked_tags(item.tags),
        notes=checked_notes(item.notes),
        position=checked_position(item.position) if item.position else "",
    )


def is_plain(item: Item) -> bool:
    """Whether it has no more than an id, a text and a date, as most do when they are added."""
    return not (
        item.done
        or item.due
        or item.tags
        or item.notes
        or item.position
        or item.date_saved
        or item.version
    )


def validated_change(change: Change) -> Change:
    """The change as it is to be kept, or InvalidItem."""
    if not is_id(change.id):
        raise InvalidItem("The id holds characters that cannot be kept.")
    if not is_change_id(change.change):
        raise InvalidItem(f"The change {change.change!r} is no UUIDv7 of this age.")
    if change.seen and not (len(change.seen) <= MAX_ID_LENGTH and is_id(change.seen)):
        raise InvalidItem("What was seen before this change is no version of an item.")
    match change:
        case ItemEdited():
            return msgspec.structs.replace(change, item=checked_text(change.item))
        case ItemDue():
            return msgspec.structs.replace(change, due=checked_due(change.due))
        case ItemTagged():
            return msgspec.structs.replace(change, tags=checked_tags(change.tags))
        case ItemNoted():
            return msgspec.structs.replace(change, notes=checked_notes(change.notes))
        case ItemMoved() if change.position:
            return msgspec.structs.replace(change, position=checked_position(change.position))
        case _:
            return change
