"""Reads pages of items, and makes the cursor of the next page."""

from __future__ import annotations

import base64
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    or_,
)

from todo.items import MAX_LENGTH, is_unicode
from todo.positions import MAX_POSITION_LENGTH, is_position
from todo.store.filters import conditions
from todo.store.query import InvalidCursor, Page, Query
from todo.store.rows import item_of, place, readable
from todo.store.tables import todos

#: Characters of a due date by which items are in order; what is longer is none.
_DUE_LENGTH = 64

#: The number of a run, what the row is in order by, and the row.
_Found = tuple[int, tuple[str, str], Row[Any]]


@dataclass(frozen=True)
class _Run:
    """Rows that the database has in order, by this and their id; by their id alone where it is None."""

    key: ColumnElement[Any] | None = None
    where: tuple[ColumnElement[bool], ...] = ()


class _Cursor(msgspec.Struct, array_like=True, frozen=True):
    """Where a page ends."""

    sort: str
    #: How many runs are behind it altogether.
    run: int = 0
    #: The last row of each of the others: what it is in order by, and its id.
    ends: tuple[tuple[str, str] | None, ...] = ()
    #: Or the position that it ends with.
    place: str = ""

    def end(self, run: int) -> tuple[str, str] | None:
        """The last row of this run."""
        number = run - self.run
        return self.ends[number] if 0 <= number < len(self.ends) else None


def read_page(connection: Connection, query: Query, after: str | None, limit: int) -> Page:
    """As `todo.store.Store.page` says."""
    cursor = _Cursor(query.sort) if after is None else _cursor(query, after)
    if not all(map(_is_clean, (query.q, query.tag, query.due_until, query.no_due_until))):
        return Page([])
    # One more than asked for tells whether there is a next page.
    found = _Reader(connection, query, limit + 1).read(cursor)
    items = [item_of(row) for _, _, row in found[:limit]]
    return Page(items, _next(cursor, found[:limit]) if len(found) > limit else None)


class _Reader:
    """Reads the runs of a query."""

    def __init__(self, connection: Connection, query: Query, limit: int) -> None:
        self._connection = connection
        self._kind = connection.dialect.name
        self._query = query
        self._limit = limit
        self._descending = query.sort.startswith("-")
        self._field = query.sort.removeprefix("-")

    def read(self, cursor: _Cursor) -> list[_Found]:
        """The rows behind the cursor."""
        runs = list(enumerate(self._runs()))[cursor.run :]
        if self._field == "position":
            if cursor.place:
                runs = [(number, self._beyond(run, cursor.place)) for number, run in runs]
            each = [self._rows(number, run, cursor.end(number)) for number, run in runs]
            merged = heapq.merge(*each, key=_stands, reverse=self._descending)
            return list(islice(merged, self._limit))
        found: list[_Found] = []
        for number, run in runs:
            if len(found) < self._limit:
                rows = self._rows(number, run, cursor.end(number))
                found += islice(rows, self._limit - len(found))
        return found

    def _runs(self) -> list[_Run]:
        """One after the other; of positions, those that were moved beside those that were not."""
        if self._field == "position":
            moved: ColumnElement[bool] = todos.c.position != ""
            if self._kind == "sqlite":
                moved = and_(moved, *_is_text(todos.c.position, MAX_POSITION_LENGTH))
            unmoved = not_(func.coalesce(moved, False))
            return [_Run(todos.c.position, (moved,)), _Run(None, (unmoved,))]
        if self._field == "due":
            dated: ColumnElement[bool] = todos.c.due.is_not(None)
            if self._kind == "sqlite":
                dated = and_(dated, *_is_text(todos.c.due, _DUE_LENGTH))
            return [_Run(todos.c.due, (dated,)), _Run(None, (not_(dated),))]
        return [_Run(self._text() if self._field == "item" else None)]

    def _beyond(self, run: _Run, position: str) -> _Run:
        """Those of its rows that stand behind this position."""
        stands = place(self._kind)
        where = stands < position if self._descending else stands > position
        return replace(run, where=(*run.where, where))

    def _text(self) -> ColumnElement[Any]:
        if self._kind == "postgresql":
            return func.lower(todos.c.item)
        beginning = func.substr(todos.c.item, 1, MAX_LENGTH + 1)
        is_text = func.typeof(todos.c.item) == "text"
        return case((is_text, beginning), else_="").collate("NOCASE")

    def _rows(self, number: int, run: _Run, end: tuple[str, str] | None) -> list[_Found]:
        keys = [todos.c.id] if run.key is None else [run.key, todos.c.id]
        order = [one.desc() if self._descending else one.asc() for one in keys]
        statement = (
            readable(self._kind)
            .add_columns(self._carried(run.key))
            .where(*conditions(self._kind, self._query), *run.where)
            .order_by(*order)
            .limit(self._limit)
        )
        if end:
            statement = statement.where(self._behind(run.key, *end))
        rows = self._connection.execute(statement).all()
        return [(number, (row.sort_key, row.id), row) for row in rows]

    def _behind(
        self, key: ColumnElement[Any] | None, last_key: str, last_id: str
    ) -> ColumnElement[bool]:
        """Comes after this row."""
        further = todos.c.id < last_id if self._descending else todos.c.id > last_id
        if key is None:
            return further
        last = self._given(last_key)
        if self._descending:
            return and_(key <= last, or_(key < last, further))
        return and_(key >= last, or_(key > last, further))

    def _carried(self, key: ColumnElement[Any] | None) -> ColumnElement[str]:
        """The key as a text: in SQLite any bytes may be one, so it is given as hexadecimal digits."""
        if key is None:
            return literal("").label("sort_key")
        return (func.hex(key) if self._kind == "sqlite" else key).label("sort_key")

    def _given(self, key: str) -> ColumnElement[Any]:
        if self._kind == "postgresql":
            return literal(key, String)
        try:
            return cast(literal(bytes.fromhex(key), LargeBinary), String)
        except ValueError:
            raise InvalidCursor("This is no cursor that a page has given.") from None


def _is_text(column: ColumnElement[Any], most: int) -> tuple[ColumnElement[bool], ...]:
    """In SQLite it may be anything."""
    return func.typeof(column) == "text", func.length(column) <= most


def _stands(found: _Found) -> tuple[str, str]:
    return found[2].place, found[2].id


def _next(cursor: _Cursor, found: Sequence[_Found]) -> str:
    """The cursor behind these rows."""
    ends = {number: end for number, end, _ in found}
    last, (_, last_id), _ = found[-1]
    if cursor.sort.endswith("added"):
        return last_id
    if cursor.sort.endswith("position"):
        both = tuple(ends.get(number, cursor.end(number)) for number in range(2))
        content = _Cursor(cursor.sort, 0, both, cursor.place)
    else:
        content = _Cursor(cursor.sort, last, (ends[last],))
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).decode().rstrip("=")


def _cursor(query: Query, after: str) -> _Cursor:
    if query.sort.endswith("added"):
        cursor = _Cursor(query.sort, 0, (("", after),))
    elif query.sort.endswith("position") and is_position(after):
        cursor = _Cursor(query.sort, place=after)
    else:
        try:
            content = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4))
            cursor = msgspec.json.decode(content, type=_Cursor)
        except (ValueError, msgspec.MsgspecError):
            raise InvalidCursor("This is no cursor that a page has given.") from None
    texts = cursor.place + "".join(map("".join, filter(None, cursor.ends)))
    if cursor.sort != query.sort or not 0 <= cursor.run < 2 or not _is_clean(texts):
        raise InvalidCursor("This cursor is of a page in another order.")
    return cursor


def _is_clean(text: str) -> bool:
    """PostgreSQL takes no NUL, and nothing holds one."""
    return "\0" not in text and is_unicode(text)
