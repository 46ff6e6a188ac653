"""What else is read: how many items there are, their tags, and what became of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, and_, func, select, text

from todo.changing import moment_of
from todo.items import Item
from todo.merging import REMOVED, field_of, latest, merged, stamp, superseded, value_of
from todo.store.change_rows import ADDED, added_of, change_of, read
from todo.store.filters import is_due
from todo.store.query import Counts, Past
from todo.store.rows import item_of, readable
from todo.store.table import ACTIVE, DONE, changes, todos

#: Characters of the tags of one row that are looked at.
_TAGS_LENGTH = 2000
#: Among so many items, by their ids, those that were saved last are looked for.
_NEWEST = 5000


def read_counts(connection: Connection, due_until: str) -> Counts:
    """As `todo.store.Store.counts` says."""
    # Each has an index of its own.
    count = select(func.count()).select_from(todos)
    parts = [count.where(text(ACTIVE)), count.where(text(DONE)), count.where(is_due(due_until))]
    wanted = parts if due_until else parts[:2]
    found = connection.execute(select(*(one.scalar_subquery() for one in wanted))).one()
    return Counts(*found)


def read_tags(connection: Connection) -> list[tuple[str, int]]:
    """As `todo.store.Store.tags` says."""
    done = text(DONE)
    kept = func.substr(todos.c.tags, 1, _TAGS_LENGTH)
    statement = select(kept, done, func.count()).where(todos.c.tags != "").group_by(kept, done)
    counts: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    for tags, is_done, number in connection.execute(statement):
        for tag in set(str(tags).split()):
            folded = tag.casefold()
            # Of several spellings always the same one, in lower case where there is that.
            spelled[folded] = max(tag, spelled.get(folded, tag))
            counts[folded] += 0 if is_done else number
    return [(spelled[tag], counts[tag]) for tag in sorted(spelled)]


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
