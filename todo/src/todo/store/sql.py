"""The store on SQLite and PostgreSQL, by SQLAlchemy Core."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import import_module
from typing import TypeVar

from sqlalchemy import Connection, Engine, Row, func, select, update
from sqlalchemy.exc import DBAPIError

from todo.items import Item
from todo.store import StoreUnavailable
from todo.store.address import Address
from todo.store.checking import Room, check_schema
from todo.store.engine import dispose, make_engine, run
from todo.store.failures import translated
from todo.store.preparation import prepare
from todo.store.table import todos
from todo.store.trouble import Trouble

Result = TypeVar("Result")
Work = Callable[[Connection], Result]

#: How long reading may take, the connection included, so that a page can say in time that it cannot.
READ_SECONDS = 1.4
#: How long writing may take: many rows, and other writers before us.
WRITE_SECONDS = 10.0
#: Values in one statement; SQLite takes 32,766.
_CHUNK = 1000


class SqlStore:
    """Items in a table. `todo.store.Store` says what its methods promise."""

    def __init__(self, address: Address, connections: int, name: str) -> None:
        self.address = address
        self._writing = make_engine(address, connections, name)
        # Reading needs no transaction of ours: that saves two of three round trips.
        self._reading = self._writing.execution_options(isolation_level="AUTOCOMMIT")
        self._room = Room(address)
        #: None before the database was ready for the first time: who prepares it says what is wrong.
        self._trouble: Trouble | None = None
        dialect = import_module(f"sqlalchemy.dialects.{address.kind}")
        self._insert = dialect.insert(todos).on_conflict_do_nothing(index_elements=["id"])

    async def prepare(self) -> None:
        await prepare(self._writing, self.address)
        self._trouble = Trouble(self.address.shown)

    async def check(self) -> None:
        self._room.check()
        await self._attempt(self._reading, check_schema, READ_SECONDS)

    async def close(self) -> None:
        await dispose(self._writing)

    async def add(self, items: Sequence[Item]) -> None:
        rows = [{"id": one.id, "item": one.item, "date_added": one.date_added} for one in items]
        if rows:
            await self._write(lambda connection: connection.execute(self._insert, rows))

    async def amend(self, id: str, change: Callable[[str], str]) -> Item | None:
        while (found := await self.get(id)) and (text := change(found.item)) != found.item:
            # False where somebody else changed it since it was read: then from the start.
            if await self._replace(found, text):
                return Item(id, text, found.date_added)
        return None

    async def count(self) -> int:
        statement = select(func.count()).select_from(todos)
        return await self._read(lambda connection: connection.execute(statement).scalar_one())

    async def get(self, id: str) -> Item | None:
        statement = select(todos).where(todos.c.id == id)
        row = await self._read(lambda connection: connection.execute(statement).first())
        return None if row is None else _item(row)

    async def page(self, *, after: str | None = None, limit: int = 100) -> list[Item]:
        statement = select(todos).order_by(todos.c.id).limit(limit)
        if after is not None:
            statement = statement.where(todos.c.id > after)
        rows = await self._read(lambda connection: connection.execute(statement).all())
        return [_item(row) for row in rows]

    async def newest(self, limit: int, *, before: str | None = None) -> list[Item]:
        statement = select(todos).order_by(todos.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(todos.c.id < before)
        rows = await self._read(lambda connection: connection.execute(statement).all())
        return [_item(row) for row in reversed(rows)]

    async def missing(self, ids: Sequence[str]) -> set[str]:
        missing = set(ids)
        for start in range(0, len(ids), _CHUNK):
            missing -= await self._present(ids[start : start + _CHUNK])
        return missing

    async def _present(self, ids: Sequence[str]) -> set[str]:
        statement = select(todos.c.id).where(todos.c.id.in_(ids))
        return set(await self._read(lambda connection: connection.scalars(statement).all()))

    async def _replace(self, found: Item, text: str) -> bool:
        same = (todos.c.id == found.id, todos.c.item == found.item)
        statement = update(todos).where(*same).values(item=text)
        return await self._write(lambda connection: connection.execute(statement).rowcount) == 1

    async def _read(self, work: Work[Result]) -> Result:
        return await self._run(self._reading, work, READ_SECONDS)

    async def _write(self, work: Work[Result]) -> Result:
        with self._room.watched():
            return await self._run(self._writing, work, WRITE_SECONDS)

    async def _run(self, engine: Engine, work: Work[Result], limit: float) -> Result:
        try:
            result = await self._attempt(engine, work, limit)
        except StoreUnavailable as error:
            if self._trouble:
                self._trouble.failed(error)
            raise
        if self._trouble:
            self._trouble.worked(wrote=engine is self._writing)
        return result

    async def _attempt(self, engine: Engine, work: Work[Result], limit: float) -> Result:
        with translated():
            async with asyncio.timeout(limit):
                try:
                    return await run(engine, work)
                except DBAPIError as error:
                    if not error.connection_invalidated:
                        raise
                # The server was restarted since this connection was last used. Everything here may be
                # done twice, and a new connection may serve.
                return await run(engine, work)


def _item(row: Row[tuple[str, str, datetime]]) -> Item:
    return Item(row.id, row.item, row.date_added)
