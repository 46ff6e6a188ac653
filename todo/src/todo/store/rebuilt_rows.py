"""Replaces rows by what the history of events says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, bindparam, delete, or_, select, update

from todo.items import Item
from todo.store.change_rows import ADDED, changed_ids, keep_added
from todo.store.projection import columns, project
from todo.store.tables import changes, insert_into, todos


def put_back(connection: Connection, items: Sequence[Item]) -> None:
    """As `todo.store.Store.put_back` says."""
    now, ids = datetime.now(UTC), sorted(item.id for item in items)
    # In order, so that two who have the same ones do not wait for each other.
    there = (
        select(todos.c.id, todos.c.date_saved)
        .where(todos.c.id.in_(ids))
        .order_by(todos.c.id)
        .with_for_update(of=todos)
    )
    saved = {row.id: row.date_saved for row in connection.execute(there)}
    added = {
        item.id: msgspec.structs.replace(
            item, date_saved=saved.get(item.id) or item.date_saved or now
        )
        for item in items
    }
    of_these = (changes.c.item_id.in_(ids), changes.c.kind == ADDED)
    connection.execute(delete(changes).where(*of_these))
    connection.execute(delete(todos).where(todos.c.id.in_(ids)))
    changed = changed_ids(connection, ids)
    if plain := [columns(added[one]) for one in ids if one not in changed]:
        insert = insert_into(connection.dialect.name, todos)
        connection.execute(insert.on_conflict_do_nothing(), plain)
    if changed:
        keep_added(connection, [added[one] for one in sorted(changed)], now)
        project(connection, sorted(changed))


def saved_at(connection: Connection, dates: Mapping[str, datetime]) -> None:
    """As `todo.store.Store.saved_at` says."""
    date = bindparam("date", type_=todos.c.date_saved.type)
    later = or_(todos.c.date_saved.is_(None), todos.c.date_saved > date)
    statement = update(todos).where(todos.c.id == bindparam("of"), later).values(date_saved=date)
    rows = [{"of": one, "date": dates[one]} for one in sorted(dates)]
    if rows:
        connection.execute(statement, rows)
