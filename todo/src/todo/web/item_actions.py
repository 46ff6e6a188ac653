"""What can be done to an item by a form: each action as the changes that it publishes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from todo.changes import change_of
from todo.current_item import CurrentItem
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
from todo.fields import checked_due, checked_notes, checked_tags
from todo.items import InvalidItem, checked_text
from todo.positions import position_of
from todo.store import Store
from todo.web.move_position import position_for
from todo.web.notices import Undo
from todo.web.templating import segment
from todo.web.viewer import Viewer

Fields = Mapping[str, str]


@dataclass(frozen=True)
class Done:
    """The changes to publish, the notice about them, and how to undo them."""

    changes: list[Change]
    said: str
    undo: Undo | None = None


Verb = Callable[[CurrentItem, Fields, Viewer, Store], Awaitable[Done]]
#: A verb that needs no look at the rest of the list.
Simple = Callable[[CurrentItem, Fields, Viewer], Done]


def complete(current: CurrentItem, fields: Fields, viewer: Viewer) -> Done:
    """It is done."""
    change = change_of(ItemCompleted, current.id, after=current.version)
    return Done([change], "said_completed", undo_of(current, "reopen"))


def reopen(current: CurrentItem, fields: Fields, viewer: Viewer) -> Done:
    """It is not done after all."""
    change = change_of(ItemReopened, current.id, after=current.version)
    return Done([change], "said_reopened", undo_of(current, "complete"))


def edit(current: CurrentItem, fields: Fields, viewer: Viewer) -> Done:
    """Another text; `seen` is the version that its author had before them."""
    text = checked_text(fields.get("item", ""))
    change = change_of(ItemEdited, current.id, after=current.version, item=text, **_seen(fields))
    undo = undo_of(current, "edit", item=current.item.item) if current.item else None
    return Done([change], "said_edited", undo)


def due(current: CurrentItem, fields: Fields, viewer: Viewer) -> Done:
    """Due on another day, or whenever."""
    # A time alone is one of today; but who takes the day away wants it due no more.
    alone = "" if current.item and current.item.due else viewer.today.isoformat()
    value = due_of(fields, viewer, alone)
    change = change_of(ItemDue, current.id, after=current.version, due=value)
    undo = undo_of(current, "due", due=current.item.due or "") if current.item else None
    return Done([change], "said_due", undo)


def tags(current: CurrentItem, fields: Fields, viewer: Viewer) -> Done:
    """These tags and no others."""
    change = change_of(ItemTagged, current.id, after=current.version, tags=tags_of(fields))
    undo = undo_of(current, "tags", tags=" ".join(current.item.tags)) if current.item else None
    return Done([change], "said_tags", undo)


def notes(current: CurrentItem, fields: Fields, viewer: Viewer) -> Done:
    """Other notes."""
    text = checked_notes(fields.get("notes", ""))
    change = change_of(ItemNoted, current.id, after=current.version, notes=text, **_seen(fields))
    undo = undo_of(current, "notes", notes=current.item.notes) if current.item else None
    return Done([change], "said_notes", undo)


def remove(current: CurrentItem, fields: Fields, viewer: Viewer) -> Done:
    """Gone, until it is restored."""
    change = change_of(ItemRemoved, current.id, after=current.version)
    return Done([change], "said_removed", undo_of(current, "restore"))


def restore(current: CurrentItem, fields: Fields, viewer: Viewer) -> Done:
    """Back, with everything it had."""
    change = change_of(ItemRestored, current.id, after=current.version)
    return Done([change], "said_restored", undo_of(current, "remove"))


def save(current: CurrentItem, fields: Fields, viewer: Viewer) -> Done:
    """All fields of an item's page: those that its viewer has changed.

    With each comes, as `was_…`, what it held when the page was shown. `removed` is "no" where the item is
    to be brought back with them, and "yes" where that is taken back.
    """
    made = {
        name: verb(current, fields, viewer)
        for name, verb in (("item", edit), ("due", due), ("tags", tags), ("notes", notes))
        if _is_given(name, fields) and fields.get(f"was_{name}") != digest(_written(name, fields))
    }
    moved = _removal(current, fields)
    if not made and moved is None:
        return Done([], "said_nothing")
    if len(made) == 1 and moved is None:
        return next(iter(made.values()))
    before = {name: one.undo.fields[name] for name, one in made.items() if one.undo}
    changes = [change for one in made.values() for change in one.changes]
    said = "said_saved"
    if moved is not None:
        back = isinstance(moved, ItemRestored)
        before["removed"] = "yes" if back else "no"
        said = "said_restored" if back else "said_removed"
        changes.append(moved)
    undo = undo_of(current, "save", **before) if before else None
    return Done(changes, said, undo)


def brings_back(verb: str, fields: Fields) -> bool:
    """Whether this is meant for an item that was removed."""
    return verb == "restore" or (verb == "save" and fields.get("removed") == "no")


def _removal(current: CurrentItem, fields: Fields) -> Change | None:
    """The change that brings the item back, or takes it away; None where it stays what it is."""
    wanted = fields.get("removed")
    if wanted == "no" and current.removed:
        return change_of(ItemRestored, current.id, after=current.version)
    if wanted == "yes" and not current.removed:
        return change_of(ItemRemoved, current.id, after=current.version)
    return None


def _is_given(name: str, fields: Fields) -> bool:
    return name in fields or (name == "due" and "due_date" in fields)


def _written(name: str, fields: Fields) -> str:
    if name == "due" and "due_date" in fields:
        return f"{fields['due_date']} {fields.get('due_time', '')}".strip()
    return fields.get(name, "").replace("\r\n", "\n")


def digest(text: str) -> str:
    """Tells whether a field was changed, without sending what it held."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:12]


def due_of(fields: Fields, viewer: Viewer, alone: str = "") -> str | None:
    """The due date of a form: `due` as an item has it, or `due_date` and `due_time` in the viewer's zone.

    `alone` is the day of a time that has none; without it such a time is as good as nothing.
    """
    if "due_date" not in fields:
        return checked_due(fields.get("due", ""))
    day, at = fields["due_date"].strip(), fields.get("due_time", "").strip()
    day = day or (alone if at else "")
    if not day or not at:
        return checked_due(day)
    try:
        local = datetime.combine(date.fromisoformat(day), time.fromisoformat(at))
        zoned = local.replace(tzinfo=viewer.zone) if viewer.zone else local.astimezone()
        return checked_due(zoned.isoformat(timespec="seconds"))
    except (ValueError, OverflowError) as error:
        raise InvalidItem(f"There is no such date as {day} {at}.") from error


def tags_of(fields: Fields) -> tuple[str, ...]:
    """The tags of a form, with spaces or commas between them."""
    words = re.split(r"[\s,]+", fields.get("tags", ""))
    return checked_tags([bare for word in words if (bare := word.lstrip("#"))])


def undo_of(current: CurrentItem, verb: str, **fields: str) -> Undo:
    """The form that sends this verb."""
    return Undo(f"/items/{segment(current.id)}/{verb}", fields)


def _seen(fields: Fields) -> dict[str, str]:
    return {"seen": fields["seen"]} if "seen" in fields else {}


def _simple(verb: Simple) -> Verb:
    async def act(current: CurrentItem, fields: Fields, viewer: Viewer, store: Store) -> Done:
        return verb(current, fields, viewer)

    return act


async def move(current: CurrentItem, fields: Fields, viewer: Viewer, store: Store) -> Done:
    """Another place in the list."""
    position = await position_for(store, current.item, fields)
    if position is None:
        return Done([], "said_nothing")
    change = change_of(ItemMoved, current.id, after=current.version, position=position)
    back = {"position": position_of(current.item)} if current.item else {}
    return Done([change], "said_moved", undo_of(current, "move", **back) if back else None)


VERBS: Mapping[str, Verb] = {
    "complete": _simple(complete),
    "reopen": _simple(reopen),
    "edit": _simple(edit),
    "due": _simple(due),
    "tags": _simple(tags),
    "notes": _simple(notes),
    "remove": _simple(remove),
    "restore": _simple(restore),
    "save": _simple(save),
    "move": move,
}
