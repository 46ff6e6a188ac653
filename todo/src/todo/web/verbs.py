"""What one can do to an item by a form: each verb as the changes that it is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from todo.changing import change_of
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
from todo.web.known import Known
from todo.web.notices import Undo
from todo.web.places import position_for
from todo.web.reader import Reader
from todo.web.templating import segment

Fields = Mapping[str, str]


@dataclass(frozen=True)
class Done:
    """What a verb makes: the changes to publish, what is said of them, and how to take them back."""

    changes: list[Change]
    said: str
    undo: Undo | None = None


Verb = Callable[[Known, Fields, Reader, Store], Awaitable[Done]]
#: A verb that needs no look at the rest of the list.
Simple = Callable[[Known, Fields, Reader], Done]


def complete(known: Known, fields: Fields, reader: Reader) -> Done:
    """It is done."""
    change = change_of(ItemCompleted, known.id, after=known.version)
    return Done([change], "said_completed", undo_of(known, "reopen"))


def reopen(known: Known, fields: Fields, reader: Reader) -> Done:
    """It is not done after all."""
    change = change_of(ItemReopened, known.id, after=known.version)
    return Done([change], "said_reopened", undo_of(known, "complete"))


def edit(known: Known, fields: Fields, reader: Reader) -> Done:
    """Another text; `seen` is the version that its author had before them."""
    text = checked_text(fields.get("item", ""))
    change = change_of(ItemEdited, known.id, after=known.version, item=text, **_seen(fields))
    undo = undo_of(known, "edit", item=known.item.item) if known.item else None
    return Done([change], "said_edited", undo)


def due(known: Known, fields: Fields, reader: Reader) -> Done:
    """Due on another day, or whenever."""
    # A time alone is one of today; but who takes the day away wants it due no more.
    alone = "" if known.item and known.item.due else reader.today.isoformat()
    value = due_of(fields, reader, alone)
    change = change_of(ItemDue, known.id, after=known.version, due=value)
    undo = undo_of(known, "due", due=known.item.due or "") if known.item else None
    return Done([change], "said_due", undo)


def tags(known: Known, fields: Fields, reader: Reader) -> Done:
    """These tags and no others."""
    change = change_of(ItemTagged, known.id, after=known.version, tags=tags_of(fields))
    undo = undo_of(known, "tags", tags=" ".join(known.item.tags)) if known.item else None
    return Done([change], "said_tags", undo)


def notes(known: Known, fields: Fields, reader: Reader) -> Done:
    """Other notes."""
    text = checked_notes(fields.get("notes", ""))
    change = change_of(ItemNoted, known.id, after=known.version, notes=text, **_seen(fields))
    undo = undo_of(known, "notes", notes=known.item.notes) if known.item else None
    return Done([change], "said_notes", undo)


def remove(known: Known, fields: Fields, reader: Reader) -> Done:
    """Gone, until it is restored."""
    change = change_of(ItemRemoved, known.id, after=known.version)
    return Done([change], "said_removed", undo_of(known, "restore"))


def restore(known: Known, fields: Fields, reader: Reader) -> Done:
    """Back, with everything it had."""
    change = change_of(ItemRestored, known.id, after=known.version)
    return Done([change], "said_restored", undo_of(known, "remove"))


def save(known: Known, fields: Fields, reader: Reader) -> Done:
    """All fields of an item's page: those that its reader has changed.

    With each comes, as `was_…`, what it held when the page was shown. `removed` is "no" where the item is
    to be brought back with them, and "yes" where that is taken back.
    """
    made = {
        name: verb(known, fields, reader)
        for name, verb in (("item", edit), ("due", due), ("tags", tags), ("notes", notes))
        if _is_given(name, fields) and fields.get(f"was_{name}") != digest(_written(name, fields))
    }
    moved = _removal(known, fields)
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
    undo = undo_of(known, "save", **before) if before else None
    return Done(changes, said, undo)


def brings_back(verb: str, fields: Fields) -> bool:
    """Whether this is meant for an item that was removed."""
    return verb == "restore" or (verb == "save" and fields.get("removed") == "no")


def _removal(known: Known, fields: Fields) -> Change | None:
    """The change that brings the item back, or takes it away; None where it stays what it is."""
    wanted = fields.get("removed")
    if wanted == "no" and known.removed:
        return change_of(ItemRestored, known.id, after=known.version)
    if wanted == "yes" and not known.removed:
        return change_of(ItemRemoved, known.id, after=known.version)
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


def due_of(fields: Fields, reader: Reader, alone: str = "") -> str | None:
    """The due date of a form: `due` as an item has it, or `due_date` and `due_time` in the reader's zone.

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
        zoned = local.replace(tzinfo=reader.zone) if reader.zone else local.astimezone()
        return checked_due(zoned.isoformat(timespec="seconds"))
    except (ValueError, OverflowError) as error:
        raise InvalidItem(f"There is no such date as {day} {at}.") from error


def tags_of(fields: Fields) -> tuple[str, ...]:
    """The tags of a form, with spaces or commas between them."""
    words = re.split(r"[\s,]+", fields.get("tags", ""))
    return checked_tags([bare for word in words if (bare := word.lstrip("#"))])


def undo_of(known: Known, verb: str, **fields: str) -> Undo:
    """The form that sends this verb."""
    return Undo(f"/items/{segment(known.id)}/{verb}", fields)


def _seen(fields: Fields) -> dict[str, str]:
    return {"seen": fields["seen"]} if "seen" in fields else {}


def _simple(verb: Simple) -> Verb:
    async def act(known: Known, fields: Fields, reader: Reader, store: Store) -> Done:
        return verb(known, fields, reader)

    return act


async def move(known: Known, fields: Fields, reader: Reader, store: Store) -> Done:
    """Another place in the list."""
    position = await position_for(store, known.item, fields)
    if position is None:
        return Done([], "said_nothing")
    change = change_of(ItemMoved, known.id, after=known.version, position=position)
    back = {"position": position_of(known.item)} if known.item else {}
    return Done([change], "said_moved", undo_of(known, "move", **back) if back else None)


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
