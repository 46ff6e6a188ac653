"""Counts items, by state and by tag."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, func, select, text

from todo.store.filters import is_due
from todo.store.query import Counts
from todo.store.tables import ACTIVE, DONE, todos

#: Characters of the tags of one row that are looked at.
_TAGS_LENGTH = 2000


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
