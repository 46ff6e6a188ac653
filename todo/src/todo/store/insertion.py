"""Inserts new items in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from todo.items import Item, is_uuid
from todo.store.change_rows import ADDED, added_of, changed_ids
from todo.store.projection import columns, project
from todo.store.query import Added
from todo.store.rows import item_of, readable
from todo.store.tables import IDS, changes, insert_into, todos
from todo.validation import is_plain

#: Most items have a text and no more. They are written past SQLAlchemy, which takes longer than the database.
_SQLITE = (
    "INSERT INTO todos (id, item, date_added, date_saved) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (id) DO NOTHING"
)
_POSTGRESQL = (
    "INSERT INTO todos (id, item, date_added, date_saved) "
    "SELECT new.id, new.item, new.date_added, $4::timestamptz "
    "FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS new (id, item, date_added) "
    "ON CONFLICT (id) DO NOTHING"
)


def add(connection: Connection, items: Sequence[Item]) -> Added:
    """As `todo.store.Store.add` says."""
    now = datetime.now(UTC)
    plain: list[Item] = []
    others: list[Item] = []
    saved: list[Item | None] = []
    for item in items:
        if is_plain(item):
            one = Item(item.id, item.item, item.date_added, date_saved=now)
            # The other ids do not tell where an item stands.
            (plain if is_uuid(item.id) else others).append(one)
        else:
            one = msgspec.structs.replace(item, date_saved=item.date_saved or now)
            others.append(one)
        saved.append(one)
    inserted = _insert_plain(connection, plain, now) + _insert_others(connection, others)
    early = changed_ids(connection, [item.id for item in items])
    if inserted == len(items) and not early:
        return Added(saved, [])
    if early:
        project(connection, list(early))
    return _settled(connection, items)


def _insert_plain(connection: Connection, items: list[Item], now: datetime) -> int:
    """How many of them were new."""
    if not items:
        return 0
    # In order, so that two who add the same ones do not wait for each other.
    items.sort(key=_id)
    if connection.dialect.name == "sqlite":
        moment = _iso(now)
        rows = [(item.id, item.item, _iso(item.date_added), moment) for item in items]
        return connection.exec_driver_sql(_SQLITE, rows).rowcount
    ids, texts = [item.id for item in items], [item.item for item in items]
    dates = [item.date_added for item in items]
    return connection.exec_driver_sql(_POSTGRESQL, (ids, texts, dates, now)).rowcount


def _insert_others(connection: Connection, items: list[Item]) -> int:
    if not items:
        return 0
    rows = [columns(item) for item in sorted(items, key=_id)]
    return len(connection.execute(_insert(connection.dialect.name), rows).all())


def _settled(connection: Connection, items: Sequence[Item]) -> Added:
    """What became of items of which not all were new."""
    ids = list({item.id for item in items})
    rows = connection.execute(_readable(connection.dialect.name), {"ids": ids})
    now = {row.id: item_of(row) for row in rows}
    statement = select(changes).where(changes.c.item_id.in_(ids), changes.c.kind == ADDED)
    added = {row.item_id: added_of(row) for row in connection.execute(statement)}
    first = [added.get(item.id) or now.get(item.id) for item in items]
    lost = [item for item, there in zip(items, first, strict=True) if _differs(item, there)]
    return Added([now.get(item.id) for item in items], lost)


def _differs(item: Item, there: Item | None) -> bool:
    return there is None or (there.item != item.item and there.date_added != item.date_added)


def _iso(moment: datetime) -> str:
    """As `todo.store.tables.UtcDateTime` has it in SQLite."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(" ", "microseconds")


def _id(item: Item) -> str:
    return item.id


@lru_cache(maxsize=2)
def _insert(kind: str) -> Any:
    insert = insert_into(kind, todos)
    return insert.on_conflict_do_nothing(index_elements=["id"]).returning(todos.c.id)


@lru_cache(maxsize=2)
def _readable(kind: str) -> Any:
    return readable(kind).where(todos.c.id.in_(IDS))
