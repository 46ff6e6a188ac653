"""Updates the rows of items from their changes, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from todo.changes import change_of
from todo.events import Change, ChangeSaved, ItemEdited
from todo.items import Item
from todo.merge import REMOVED, latest, merged, superseded
from todo.store.change_rows import ItemChanges, keep, keep_added, read
from todo.store.rows import item_of, joined, readable, stored_position
from todo.store.tables import IDS, insert_into, todos

_DELETE = delete(todos).where(todos.c.id.in_(IDS))
#: What stands in the row of an item that is not there, while a transaction works on it.
_PLACEHOLDER: dict[str, Any] = {"item": "", "date_added": datetime(1970, 1, 1, tzinfo=UTC)}


class Vanished(Exception):
    """Another transaction removed an item at this moment: begin again."""


@dataclass(frozen=True)
class Projected:
    """An item as its row is now, and the changes that it follows from."""

    item: Item | None
    known: ItemChanges


def apply(connection: Connection, changes: Sequence[Change]) -> list[ChangeSaved]:
    """As `todo.store.Store.apply` says."""
    keep(connection, changes, datetime.now(UTC))
    by_item: dict[str, list[Change]] = {}
    for change in changes:
        by_item.setdefault(change.id, []).append(change)
    projected = project(connection, list(by_item))
    return [_saved(item_id, new, projected[item_id]) for item_id, new in by_item.items()]


def amend(connection: Connection, id: str, change: Callable[[str], str]) -> Item | None:
    """Change its text as the function says; None where nothing is to be changed."""
    item = _lock(connection, [id]).get(id)
    if item is None:
        connection.execute(_DELETE, {"ids": [id]})
        return None
    text = change(item.item)
    if text == item.item or not _is_as_shown(connection, item):
        return None
    edit = change_of(ItemEdited, id, after=item.version, item=text)
    keep(connection, [edit], datetime.now(UTC))
    return project(connection, [id])[id].item


def project(connection: Connection, ids: Sequence[str]) -> dict[str, Projected]:
    """Make the rows of these items as their changes want them."""
    rows = _lock(connection, ids)
    known = read(connection, ids)
    # Of one that is changed for the first time it is kept how it was.
    unchanged = [item for item in rows.values() if known[item.id].added is None]
    keep_added(connection, unchanged, datetime.now(UTC))
    for item in unchanged:
        known[item.id].added = item
    projected = {
        item_id: Projected(merged(one.added, one.changes), one) for item_id, one in known.items()
    }
    _write(connection, rows, projected)
    return projected


def _lock(connection: Connection, ids: Sequence[str]) -> dict[str, Item]:
    """Have these items to ourselves until the transaction ends; those of them that there are.

    In PostgreSQL rows are what can be waited for, so each of the others has one for as long: without it,
    one transaction could add an item and another change it, and neither see what the other does. SQLite has
    one writer at a time.
    """
    ordered = sorted(ids)
    insert = _insert(connection.dialect.name)
    rows = [{"id": one, **_PLACEHOLDER} for one in ordered]
    placeholders = set(connection.execute(insert, rows).scalars())
    rows_there = connection.execute(_locking(connection.dialect.name), {"ids": ordered})
    found = [item_of(row) for row in rows_there]
    if len(found) < len(ordered):
        raise Vanished
    return {item.id: item for item in found if item.id not in placeholders}


def _write(
    connection: Connection, rows: Mapping[str, Item], projected: Mapping[str, Projected]
) -> None:
    gone = [item_id for item_id, one in projected.items() if one.item is None]
    if gone:
        connection.execute(_DELETE, {"ids": gone})
    # Rows that have the same columns to write go together.
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for item_id, one in projected.items():
        if one.item is not None:
            values = columns(one.item)
            # What nobody has changed stays as it is, whatever that is.
            changed = [*latest(one.known.changes), "version"] if item_id in rows else values
            fields = tuple(field for field in changed if field != REMOVED)
            row = {f"new_{field}": values[field] for field in fields}
            alike.setdefault(fields, []).append({"of": item_id, **row})
    for written, several in alike.items():
        connection.execute(_update(written), several)


def columns(item: Item) -> dict[str, Any]:
    """The row of an item."""
    return {
        "id": item.id,
        "item": item.item,
        "date_added": item.date_added,
        "done": item.done,
        "due": item.due,
        "tags": joined(item.tags),
        "notes": item.notes,
        "position": stored_position(item),
        "date_saved": item.date_saved,
        "version": item.version,
    }


def _saved(id: str, new: Sequence[Change], now: Projected) -> ChangeSaved:
    changes, ids = now.known.changes, {change.change for change in new}
    before = [change for change in changes if change.change not in ids]
    lost = superseded(changes) - superseded(before)
    return ChangeSaved(
        id,
        tuple(change.change for change in new),
        now.item,
        tuple(sorted(lost)),
        early=now.known.added is None,
    )


def _is_as_shown(connection: Connection, item: Item) -> bool:
    same = select(todos.c.id).where(todos.c.id == item.id, todos.c.item == item.item)
    return connection.execute(same).first() is not None


@lru_cache(maxsize=2)
def _insert(kind: str) -> Any:
    insert = insert_into(kind, todos)
    return insert.on_conflict_do_nothing(index_elements=["id"]).returning(todos.c.id)


@lru_cache(maxsize=2)
def _locking(kind: str) -> Any:
    return readable(kind).where(todos.c.id.in_(IDS)).order_by(todos.c.id).with_for_update(of=todos)


@lru_cache(maxsize=100)
def _update(fields: tuple[str, ...]) -> Any:
    values: dict[str, Any] = {field: bindparam(f"new_{field}") for field in fields}
    return update(todos).where(todos.c.id == bindparam("of")).values(values)
