"""Makes items from rows, which other programs may have written: SQLite takes any value in any column."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    String,
    case,
    func,
    literal_column,
    select,
    text,
    type_coerce,
)

from todo.fields import (
    MAX_DUE_LENGTH,
    MAX_NOTES_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    checked_due,
    checked_tags,
)
from todo.items import MAX_ID_LENGTH, MAX_LENGTH, InvalidItem, Item, is_uuid
from todo.positions import added_position, is_position
from todo.store.tables import DONE, PLACE, UtcDateTime, todos

log = logging.getLogger("todo.store")

#: What has no date is shown with this one, where its id tells none.
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
#: PostgreSQL has earlier and later ones than Python. The driver takes Python's last for infinity, and so on.
_IN_TIME = (
    "{0} BETWEEN '0001-01-01 00:00:00Z' AND '9999-12-31 23:59:59.999999Z' OR NOT isfinite({0})"
)
#: Characters of what stands for a date.
_DATE_LENGTH = 64
#: Characters of what stands for tags: a space before and behind each.
_TAGS_LENGTH = MAX_TAGS * (MAX_TAG_LENGTH + 1) + 1


def place(kind: str) -> ColumnElement[str]:
    """Where an item stands, as the index has it. `kind` is the database's."""
    return literal_column(PLACE[kind], String)


def readable(kind: str) -> Select[Any]:
    """Every row that has an id, each value no longer than is to be shown. `kind` is the database's."""
    c = todos.c
    done: ColumnElement[Any] = literal_column(f"({DONE})").label("done")
    stands = place(kind).label("place")
    if kind == "postgresql":
        return select(
            c.id, c.item, _in_time("date_added").label("added"), done, c.due, c.tags,
            func.substr(c.notes, 1, MAX_NOTES_LENGTH + 1, type_=String).label("notes"),
            stands, _in_time("date_saved").label("saved"), c.version,
        )  # fmt: skip
    # One more than is kept, so that what was cut can be told.
    return select(
        c.id,
        func.substr(c.item, 1, MAX_LENGTH + 1, type_=String).label("item"),
        func.substr(c.date_added, 1, _DATE_LENGTH, type_=UtcDateTime).label("added"),
        done,
        func.substr(c.due, 1, MAX_DUE_LENGTH + 1, type_=String).label("due"),
        func.substr(c.tags, 1, _TAGS_LENGTH + 1, type_=String).label("tags"),
        func.substr(c.notes, 1, MAX_NOTES_LENGTH + 1, type_=String).label("notes"),
        stands,
        func.substr(c.date_saved, 1, _DATE_LENGTH, type_=UtcDateTime).label("saved"),
        func.substr(c.version, 1, MAX_ID_LENGTH, type_=String).label("version"),
    ).where(*has_id(kind))


def has_id(kind: str) -> Sequence[ColumnElement[bool]]:
    """What a row must be to be read at all."""
    if kind == "postgresql":
        return ()
    return func.typeof(todos.c.id) == "text", func.length(todos.c.id) <= MAX_ID_LENGTH


def _in_time(column: str) -> ColumnElement[Any]:
    return type_coerce(case((text(_IN_TIME.format(column)), todos.c[column])), UtcDateTime)


def item_of(row: Row[Any]) -> Item:
    """The item in a row of `readable`; what is wrong with it is logged once."""
    added = row.added
    if added is None:
        added = _moment_of(row.id)
        _complain(row.id, "a date that is none")
    item = _text(row.id, "text", row.item, MAX_LENGTH)
    position = row.place
    if position == added_position(row.id, added) or not is_position(position):
        position = ""
    return Item(
        row.id,
        item,
        added,
        done=bool(row.done),
        due=_due(row.id, row.due) if row.due is not None else None,
        tags=_tags(row.id, row.tags) if row.tags else (),
        notes=_text(row.id, "note", row.notes, MAX_NOTES_LENGTH) if row.notes else "",
        position=position,
        date_saved=row.saved,
        version=row.version if isinstance(row.version, str) else "",
    )


def joined(tags: Sequence[str]) -> str:
    """The tags as the table has them."""
    return f" {' '.join(tags)} " if tags else ""


def stored_position(item: Item) -> str:
    """The position as the table has it: empty where the id tells it, too."""
    if item.position or is_uuid(item.id):
        return item.position
    return added_position(item.id, item.date_added)


def _text(id: str, what: str, value: object, most: int) -> str:
    if not isinstance(value, str):
        value = value.decode(errors="replace") if isinstance(value, bytes) else ""
        _complain(id, f"a {what} that is none")
    if len(value) > most:
        value = f"{value[:most]}…"
        _complain(id, f"a {what} of more than {most} characters")
    return value


def _due(id: str, value: object) -> str | None:
    try:
        return checked_due(value)
    except InvalidItem:
        _complain(id, "a due date that is none")
        return None


def _tags(id: str, value: object) -> tuple[str, ...]:
    try:
        return checked_tags(value.split() if isinstance(value, str) else [value])
    except InvalidItem:
        _complain(id, "tags that are none")
        return ()


def _moment_of(id: str) -> datetime:
    """When this id was made, where it is a UUIDv7."""
    try:
        made = uuid.UUID(id)
        return (
            datetime.fromtimestamp((made.int >> 80) / 1000, UTC) if made.version == 7 else UNKNOWN
        )
    except (ValueError, OverflowError):
        return UNKNOWN


@lru_cache(maxsize=1000)  # pages are read several times a second
def _complain(id: str, what: str) -> None:
    log.warning("the row %s of the table todos has %s; it is shown as far as it can be", id, what)
