"""Changes as rows of the table `changes`, which other programs may have written, too."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, case, func, or_, select, tuple_

from todo.changes import is_change_id
from todo.events import CHANGES, Change
from todo.items import Item
from todo.merge import FIELDS, REMOVED, WRITTEN, Value, value_of, with_value
from todo.store.tables import IDS, changes, insert_into

log = logging.getLogger("todo.store")

#: What stands for the adding of an item; its `change` is empty, and so earlier than all.
ADDED = "added"
#: The last part of each kind's subject.
KINDS = {subject.rpartition(".")[2]: kind for subject, kind in CHANGES.items()}
_NAMES = {kind: name for name, kind in KINDS.items()}
_WRITTEN = [name for name, kind in KINDS.items() if FIELDS[kind] in WRITTEN]
#: Asked for every item that is added, so past SQLAlchemy, and with one parameter.
_CHANGED_SQLITE = (
    "SELECT DISTINCT item_id FROM changes WHERE item_id IN (SELECT value FROM json_each(?))"
)
_CHANGED_POSTGRESQL = "SELECT DISTINCT item_id FROM changes WHERE item_id = ANY($1::text[])"
_LIKE_A_CHANGE = "0_______-____-7___-____-____________"
_TYPES: dict[str, Any] = {
    "done": bool,
    REMOVED: bool,
    "due": str | None,
    "tags": tuple[str, ...],
}
_ITEM = msgspec.json.Decoder(Item)


class ItemChanges(msgspec.Struct):
    """What the table of changes has of one item."""

    #: As it was added; None where that is in `todos` only, or where the item has yet to come.
    added: Item | None = None
    #: Those that count, and all of a text, of which those that do not count may be without it.
    changes: list[Change] = msgspec.field(default_factory=list)


def keep(connection: Connection, new: Sequence[Change], now: datetime) -> None:
    """Put changes into the table. Where one id stands for two of a kind, the greater value is kept."""
    # In order, so that two who write the same ones do not wait for each other.
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for change in new:
        row = _row(change, now)
        known = rows.setdefault((change.id, change.change, row["kind"]), row)
        if (known["value"], known["seen"]) < (row["value"], row["seen"]):
            known.update(row)
    connection.execute(_upsert(connection.dialect.name), [rows[key] for key in sorted(rows)])


def keep_added(connection: Connection, items: Iterable[Item], now: datetime) -> None:
    """Put items as they were added into the table."""
    rows = [
        {"item_id": item.id, "change": "", "kind": ADDED, "seen": "", "date_saved": now}
        | {"value": msgspec.json.encode(item).decode()}
        for item in items
    ]
    if rows:
        connection.execute(_upsert(connection.dialect.name), rows)


def read(connection: Connection, ids: Sequence[str]) -> dict[str, ItemChanges]:
    """What there is of each of these items."""
    found = {one: ItemChanges() for one in ids}
    for row in connection.execute(_counting(), {"ids": ids}):
        known = found[row.item_id]
        if row.kind == ADDED:
            known.added = added_of(row)
        elif (change := change_of(row)) is not None:
            known.changes.append(change)
    return found


def changed_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Those of these that have any."""
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(_CHANGED_POSTGRESQL, (ids,))
    else:
        found = connection.exec_driver_sql(_CHANGED_SQLITE, (msgspec.json.encode(ids).decode(),))
    return {row[0] for row in found}


def added_of(row: Row[Any]) -> Item | None:
    """The item of a row for its adding; None where it is none."""
    try:
        return _ITEM.decode(row.value)
    except (msgspec.MsgspecError, TypeError, UnicodeError):
        _complain(row.item_id, row.kind)
        return None


def change_of(row: Row[Any]) -> Change | None:
    """The change of a row; None where it is none."""
    kind = KINDS.get(row.kind)
    if kind is not None and isinstance(row.change, str) and is_change_id(row.change):
        try:
            value = _value(FIELDS[kind], row.value)
            return with_value(kind, value, id=row.item_id, change=row.change, seen=row.seen)
        except (msgspec.MsgspecError, TypeError, ValueError):
            pass
    _complain(row.item_id, row.kind)
    return None


def _value(field: str, stored: str | None) -> Value:
    """From JSON; of a text that does not count, and so was not read, the empty one."""
    if stored is None:
        return ""
    value: Value = msgspec.json.decode(stored, type=_TYPES.get(field, str))
    return value


def _row(change: Change, now: datetime) -> dict[str, Any]:
    return {
        "item_id": change.id,
        "change": change.change,
        "kind": _NAMES[type(change)],
        "value": msgspec.json.encode(value_of(change)).decode(),
        "seen": change.seen,
        "date_saved": now,
    }


@lru_cache(maxsize=2)
def _upsert(kind: str) -> Any:
    insert = insert_into(kind, changes)
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=["item_id", "change", "kind"],
        set_={"value": new.value, "seen": new.seen},
        where=tuple_(new.value, new.seen) > tuple_(changes.c.value, changes.c.seen),
    )


@lru_cache(maxsize=1)
def _counting() -> Select[Any]:
    """Of each item those that count, with their values, and without them the others of a text."""
    c = changes.c
    same = {"reopened": "completed", "restored": "removed"}  # as in todo.merge.FIELDS
    age = func.row_number().over(
        partition_by=(c.item_id, case(same, value=c.kind, else_=c.kind)),
        order_by=(c.change.desc(), c.kind.desc()),
    )
    # What is no id of a change might else be later than all.
    one = or_(c.kind == ADDED, c.change.like(_LIKE_A_CHANGE))
    ranked = select(changes, age.label("age")).where(c.item_id.in_(IDS), one).subquery()
    r = ranked.c
    value = case((r.age == 1, r.value)).label("value")
    return select(r.item_id, r.change, r.kind, r.seen, value).where(
        (r.age == 1) | r.kind.in_(_WRITTEN)
    )


@lru_cache(maxsize=1000)
def _complain(id: str, kind: str) -> None:
    log.warning("the table changes has a row %s of %s that is none; it is left out", kind, id)
