"""The store on SQLite and PostgreSQL, by SQLAlchemy Core."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, func, select
from sqlalchemy.exc import DBAPIError

from todo.events import Change, ChangeSaved
from todo.items import Item
from todo.store import ALL, StoreUnavailable
from todo.store.address import Address
from todo.store.connections import Connections
from todo.store.counts import read_counts, read_tags
from todo.store.driver_errors import is_deadlock, translated
from todo.store.health import WriteRoom, check_schema
from todo.store.history import (
    read_changed_since,
    read_history,
    read_kept_and_removed,
    read_removed,
    read_removed_since,
    read_saved,
)
from todo.store.insertion import add
from todo.store.outage_log import OutageLog
from todo.store.pages import read_page
from todo.store.preparation import prepare
from todo.store.projection import Vanished, amend, apply
from todo.store.query import Added, Counts, KeptAndRemoved, Page, Past, Query
from todo.store.rebuilt_rows import put_back, saved_at
from todo.store.rows import item_of, readable
from todo.store.sqlite_file import FileChanged, SqliteFile
from todo.store.tables import todos

Result = TypeVar("Result")
Work = Callable[[Connection], Result]

#: How long reading may take, the connection included, so that a page can say in time that it cannot.
READ_SECONDS = 1.4
#: How long writing may take: many rows, and other writers before us.
WRITE_SECONDS = 10.0
#: Values in one statement; SQLite takes 32,766.
_CHUNK = 1000
#: How often a transaction is tried that others are in the way of.
_TRIES = 6


class SqlStore:
    """Items in a table. `todo.store.Store` says what its methods promise."""

    def __init__(self, address: Address, connections: int, name: str) -> None:
        self.address = address
        self._file = SqliteFile(address.file) if address.file else None
        self._connections = Connections(address, connections, name, self._file)
        self._writing = self._connections.engine
        # Reading needs no transaction of ours: that saves two of three round trips.
        self._reading = self._writing.execution_options(isolation_level="AUTOCOMMIT")
        self._room = WriteRoom(address)
        #: None before the database was ready for the first time: who prepares it says what is wrong.
        self._outages: OutageLog | None = None
        self._readable = readable(address.kind)

    async def prepare(self) -> None:
        await prepare(self._connections, self.address)
        if self._file:
            self._file.required = True
        self._outages = OutageLog(self.address)

    async def check(self) -> None:
        self._room.check()
        await self._attempt(self._reading, check_schema, READ_SECONDS)

    async def close(self) -> None:
        await self._connections.close()

    async def add(self, items: Sequence[Item]) -> Added:
        return await self._transaction(lambda it: add(it, items)) if items else Added([], [])

    async def apply(self, changes: Sequence[Change]) -> Sequence[ChangeSaved]:
        return await self._transaction(lambda it: apply(it, changes)) if changes else ()

    async def amend(self, id: str, change: Callable[[str], str]) -> Item | None:
        return await self._transaction(lambda it: amend(it, id, change))

    async def put_back(self, items: Sequence[Item]) -> None:
        if items:
            await self._transaction(lambda it: put_back(it, items))

    async def saved_at(self, dates: Mapping[str, datetime]) -> None:
        if dates:
            await self._transaction(lambda it: saved_at(it, dates))

    async def count(self) -> int:
        statement = select(func.count()).select_from(todos)
        return await self._read(lambda connection: connection.execute(statement).scalar_one())

    async def get(self, id: str) -> Item | None:
        found = await self._items(self._readable.where(todos.c.id == id))
        return found[0] if found else None

    async def items(self, ids: Sequence[str]) -> list[Item]:
        found: dict[str, Item] = {}
        for start in range(0, len(ids), _CHUNK):
            some = self._readable.where(todos.c.id.in_(ids[start : start + _CHUNK]))
            found |= {item.id: item for item in await self._items(some)}
        return [found[one] for one in dict.fromkeys(ids) if one in found]

    async def page(self, query: Query = ALL, *, after: str | None = None, limit: int = 100) -> Page:
        return await self._read(lambda connection: read_page(connection, query, after, limit))

    async def newest(self, limit: int, *, before: str | None = None) -> list[Item]:
        statement = self._readable.order_by(todos.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(todos.c.id < before)
        return (await self._items(statement))[::-1]

    async def counts(self, due_until: str = "") -> Counts:
        return await self._read(lambda connection: read_counts(connection, due_until))

    async def tags(self) -> list[tuple[str, int]]:
        return await self._read(read_tags)

    async def history(self, id: str) -> list[Past]:
        return await self._read(lambda connection: read_history(connection, id))

    async def removed(self, ids: Sequence[str]) -> list[Item]:
        return await self._read(lambda connection: read_removed(connection, ids))

    async def kept_and_removed(self, ids: Sequence[str]) -> KeptAndRemoved:
        return await self._read(lambda connection: read_kept_and_removed(connection, ids))

    async def changed_since(self, moment: datetime, limit: int = 100) -> list[Item]:
        return await self._read(lambda connection: read_changed_since(connection, moment, limit))

    async def removed_since(self, moment: datetime, limit: int = 100) -> list[str]:
        return await self._read(lambda connection: read_removed_since(connection, moment, limit))

    async def missing(self, ids: Sequence[str]) -> set[str]:
        missing = set(ids)
        for start in range(0, len(ids), _CHUNK):
            missing -= await self._present(ids[start : start + _CHUNK])
        return missing

    async def saved_changes(self, changes: Sequence[Change]) -> set[str]:
        saved: set[str] = set()
        for start in range(0, len(changes), _CHUNK):
            some = changes[start : start + _CHUNK]
            saved |= await self._read(partial(read_saved, some=some))
        return saved

    async def _present(self, ids: Sequence[str]) -> set[str]:
        statement = select(todos.c.id).where(todos.c.id.in_(ids))
        return set(await self._read(lambda connection: connection.scalars(statement).all()))

    async def _items(self, statement: Select[Any]) -> list[Item]:
        rows = await self._read(lambda connection: connection.execute(statement).all())
        return [item_of(row) for row in rows]

    async def _read(self, work: Work[Result]) -> Result:
        return await self._run(self._reading, work, READ_SECONDS)

    async def _transaction(self, work: Work[Result]) -> Result:
        """Write, from the beginning where another transaction is in the way of this one."""
        for _ in range(_TRIES - 1):
            try:
                return await self._write(work)
            except Vanished:
                continue
            except DBAPIError as error:
                if not is_deadlock(error):
                    raise
        return await self._write(work)

    async def _write(self, work: Work[Result]) -> Result:
        with self._room.watched():
            return await self._run(self._writing, work, WRITE_SECONDS)

    async def _run(self, engine: Engine, work: Work[Result], limit: float) -> Result:
        try:
            result = await self._attempt(engine, work, limit)
        except StoreUnavailable as error:
            if self._outages:
                self._outages.failed(error)
            raise
        if self._outages:
            self._outages.worked(wrote=engine is self._writing)
        return result

    async def _attempt(self, engine: Engine, work: Work[Result], limit: float) -> Result:
        with translated():
            async with asyncio.timeout(limit):
                try:
                    return await self._connections.run(engine, work)
                except FileChanged:
                    await self._connections.renew()
                    raise
                except DBAPIError as error:
                    if not error.connection_invalidated:
                        raise
                # The server was restarted since this connection was last used. Everything here may be
                # done twice, and a new connection may serve.
                return await self._connections.run(engine, work)
