"""Reads what became of items: their changes, those that were removed, and those that changed lately."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, and_, select

from todo.changes import moment_of
from todo.events import Change
from todo.items import Item
from todo.merge import REMOVED, field_of, latest, merged, stamp, superseded, value_of
from todo.store.change_rows import ADDED, added_of, change_of, read
from todo.store.query import KeptAndRemoved, Past
from todo.store.rows import item_of, readable
from todo.store.tables import IDS, changes, todos

#: Among so many items, by their ids, those that were saved last are looked for.
_NEWEST = 5000


def read_history(connection: Connection, id: str) -> list[Past]:
    """As `todo.store.Store.history` says."""
    c = changes.c
    rows = connection.execute(
        select(changes).where(c.item_id == id).order_by(c.change, c.kind)
    ).all()
    found = [change for row in rows if row.kind != ADDED and (change := change_of(row))]
    added = next((added_of(row) for row in rows if row.kind == ADDED), None)
    if added is None:
        row = connection.execute(readable(connection.dialect.name).where(todos.c.id == id)).first()
        added = item_of(row) if row else None
    counting, lost = latest(found), superseded(found)
    past = [
        Past(
            change.change,
            moment_of(change.change),
            field_of(change),
            value_of(change),
            change.seen,
            current=counting[field_of(change)] is change,
            superseded=change.change in lost,
        )
        for change in sorted(found, key=stamp)
    ]
    if added is None:
        return past
    first = Past("", added.date_added, "added", added.item, current="item" not in counting)
    return [first, *past]


def read_removed(connection: Connection, ids: Sequence[str]) -> list[Item]:
    """As `todo.store.Store.removed` says."""
    found = []
    for known in read(connection, ids).values():
        if known.added is not None and merged(known.added, known.changes) is None:
            others = [change for change in known.changes if field_of(change) != REMOVED]
            item = merged(known.added, others) or known.added
            version = max(change.change for change in known.changes)
            found.append(msgspec.structs.replace(item, version=version))
    return found


def read_kept_and_removed(connection: Connection, ids: Sequence[str]) -> KeptAndRemoved:
    """As `todo.store.Store.kept_and_removed` says."""
    kept = _read_kept(connection, ids)
    others = [one for one in ids if one not in kept]
    removed = read_removed(connection, others) if others else []
    gone = {item.id for item in removed}
    # One that is in neither may have been restored between the two statements.
    if restored := [one for one in others if one not in gone]:
        kept |= _read_kept(connection, restored)
    return KeptAndRemoved([kept[one] for one in dict.fromkeys(ids) if one in kept], removed)


def _read_kept(connection: Connection, ids: Sequence[str]) -> dict[str, Item]:
    statement = readable(connection.dialect.name).where(todos.c.id.in_(IDS))
    return {row.id: item_of(row) for row in connection.execute(statement, {"ids": ids})}


def read_saved(connection: Connection, some: Sequence[Change]) -> set[str]:
    """As `todo.store.Store.saved_changes` says."""
    c, wanted = changes.c, {change.change for change in some}
    statement = select(c.change).where(c.item_id.in_({change.id for change in some}))
    return wanted & set(connection.scalars(statement.where(c.change.in_(wanted))))


def read_changed_since(connection: Connection, moment: datetime, limit: int) -> list[Item]:
    """As `todo.store.Store.changed_since` says."""
    items = readable(connection.dialect.name).limit(limit)
    changed = select(changes.c.item_id).where(changes.c.date_saved >= moment)
    # What is saved has an index only once it is changed.
    newest = select(todos.c.id).order_by(todos.c.id.desc()).limit(_NEWEST).subquery()
    added = and_(todos.c.id.in_(select(newest.c.id)), todos.c.date_saved >= moment)
    found: dict[str, Item] = {}
    for where in (added, todos.c.id.in_(changed)):
        found |= {row.id: item_of(row) for row in connection.execute(items.where(where))}
    return list(found.values())[:limit]


def read_removed_since(connection: Connection, moment: datetime, limit: int) -> list[str]:
    """As `todo.store.Store.removed_since` says."""
    c = changes.c
    there = select(todos.c.id).where(todos.c.id == c.item_id).exists()
    removal = (c.kind == "removed", c.date_saved >= moment)
    statement = select(c.item_id).where(*removal, ~there).distinct().limit(limit)
    return list(connection.scalars(statement))
