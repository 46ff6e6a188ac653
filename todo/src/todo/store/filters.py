"""The SQL conditions of a query."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, func, not_, or_, text

from todo.store.query import Query
from todo.store.tables import ACTIVE, DONE, todos

#: Words that are looked for, and characters of each, at most.
_MOST_WORDS, _LONGEST_WORD = 10, 100
#: Behind every date and time of a day.
_END_OF_DAY = "~"


def conditions(kind: str, query: Query) -> Iterator[ColumnElement[bool]]:
    """What a row must be. `kind` is the database's."""
    if query.status != "all":
        yield text(ACTIVE if query.status == "active" else DONE)  # type: ignore[misc]
    if query.tag:
        yield todos.c.tags != ""
        yield _has(kind, todos.c.tags, f" {query.tag} ")
    for word in query.q.split()[:_MOST_WORDS]:
        yield _mentions(kind, word[:_LONGEST_WORD])
    if query.due_until:
        yield is_due(query.due_until)
    if query.no_due_until:
        yield not_(func.coalesce(is_due(query.no_due_until), False))


def is_due(until: str) -> ColumnElement[bool]:
    """Active, and due until the end of this day."""
    return and_(text(ACTIVE), todos.c.due.is_not(None), todos.c.due < until + _END_OF_DAY)


def _mentions(kind: str, word: str) -> ColumnElement[bool]:
    columns = [_has(kind, column, word) for column in (todos.c.item, todos.c.notes, todos.c.tags)]
    if word.startswith("#") and len(word) > 1:
        columns.append(_has(kind, todos.c.tags, f" {word[1:]}"))
    return or_(*columns)


def _has(kind: str, column: ColumnElement[str], words: str) -> ColumnElement[bool]:
    """Whether they are in it, whatever their case."""
    if kind == "postgresql":
        return column.ilike(_pattern(words), escape="\\")
    if words.isascii() or words.lower() == words.upper():
        return column.like(_pattern(words), escape="\\")  # of ASCII, SQLite knows the case
    return func.folded(column).like(_pattern(words.casefold()), escape="\\")


def _pattern(words: str) -> str:
    for character in "\\%_":
        words = words.replace(character, f"\\{character}")
    return f"%{words}%"
