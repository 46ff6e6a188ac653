"""The database of items, behind an interface that names no database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Protocol

from todo.items import Item
from todo.store.address import parse


class StoreUnavailable(Exception):
    """The database cannot be reached, refuses connections, or did not answer in time."""


class StoreRefused(StoreUnavailable):
    """The database is there and does not take what the address says: the login, the name, the file."""


class StoreFull(StoreUnavailable):
    """The database takes nothing more: its disk is full, or it may only be read."""


class NoSchema(StoreUnavailable):
    """The table is not there yet, or another release of this program made it."""


class SchemaTooNew(Exception):
    """A newer release of this program has changed the schema."""


class Store(Protocol):
    """A table of items. Its methods may be called from many tasks of one event loop at once.

    Every method raises StoreUnavailable, within 2 seconds, where the database cannot be reached. An
    error in the data passes as it is. Whoever opened the store closes it.
    """

    async def prepare(self) -> None:
        """Wait for the database if it is not up, then bring its schema up to date.

        Any number of processes may do so at once. Raises StoreRefused, and SchemaTooNew where a newer
        release made the schema.
        """

    async def check(self) -> None:
        """Return where items can be read, and written as far as that is known.

        Raises NoSchema, and StoreFull. A full disk of a server shows in what is written only: the store
        knows of it for half a minute after that failed.
        """

    async def close(self) -> None:
        """Give up every connection. Idempotent."""

    async def add(self, items: Sequence[Item]) -> None:
        """Insert in one transaction; those whose id the table has already stay as they are."""

    async def amend(self, id: str, change: Callable[[str], str]) -> Item | None:
        """Change the text of one item; None where nothing changed or there is no such item."""

    async def count(self) -> int:
        """How many items there are."""

    async def get(self, id: str) -> Item | None:
        """One item, or None."""

    async def page(self, *, after: str | None = None, limit: int = 100) -> list[Item]:
        """Items in the order of their ids, oldest first, from behind the id `after`."""

    async def newest(self, limit: int, *, before: str | None = None) -> list[Item]:
        """The last `limit` items, newest last; those ahead of the id `before`, where it is given."""

    async def missing(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that the table does not have."""


def open_store(url: str, *, connections: int = 1, name: str = "todo") -> Store:
    """The store at this address, with at most so many connections; nothing connects before it is used.

    `name` is what PostgreSQL shows of each connection, as `application_name`.

    Addresses: `sqlite:///path` and `postgresql://user:password@host/database`; ValueError for others.
    """
    address = parse(url)
    # Imported only by those who open a store: it is half of a component's memory and start-up time.
    store: Store = import_module("todo.store.sql").SqlStore(address, connections, name)
    return store
