"""An item as JSON for the scripts of a page."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from todo.fields import MAX_NOTES_LENGTH
from todo.items import MAX_LENGTH, Item
from todo.merge import Value
from todo.positions import position_of


class Failure(msgspec.Struct, frozen=True):
    """Why a change became a dead letter, and which; the value that it would have set, to be copied."""

    reason: str
    letter: str
    field: str = ""
    value: Value = None


class ItemJson(msgspec.Struct, frozen=True):
    """All that is known of an item; `waiting` are changes that are accepted and not yet saved."""

    id: str
    item: str
    done: bool
    due: str | None
    tags: Sequence[str]
    notes: str
    position: str
    date_added: str
    date_saved: str | None
    version: str
    state: str
    waiting: Sequence[str] = ()
    failure: Failure | None = None


def item_json(
    item: Item, state: str = "saved", waiting: Sequence[str] = (), failure: Failure | None = None
) -> ItemJson:
    """The item for scripts, its dates as RFC 3339."""
    saved = item.date_saved
    return ItemJson(
        item.id,
        _cut(item.item, MAX_LENGTH),
        item.done,
        item.due,
        item.tags,
        _cut(item.notes, MAX_NOTES_LENGTH),
        position_of(item),
        item.date_added.isoformat(),
        saved.isoformat() if saved else None,
        item.version,
        "failed" if failure else state,
        waiting,
        failure,
    )


def _cut(text: str, most: int) -> str:
    """What others have written may be longer than anything that is kept."""
    return text if len(text) <= most + 1 else f"{text[:most]}…"
