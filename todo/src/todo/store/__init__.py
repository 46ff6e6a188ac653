"""The database of items, behind an interface that names no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from typing import Protocol

from todo.events import Change, ChangeSaved
from todo.items import Item
from todo.store.address import parse
from todo.store.query import Added, Counts, KeptAndRemoved, Page, Past, Query


class StoreUnavailable(Exception):
    """The database cannot be reached, refuses connections, or did not answer in time."""


class StoreRefused(StoreUnavailable):
    """The database is there and does not take what the address says: the login, the name, the file."""


class StoreDamaged(StoreRefused):
    """The file is no database, or a damaged one."""


class StoreFull(StoreUnavailable):
    """The database takes nothing more: its disk is full, or it may only be read."""


class StoreChanged(StoreUnavailable):
    """The database's file was removed, replaced or cut short while it was in use; nothing was written."""


class NoSchema(StoreUnavailable):
    """The table is not there yet, or another release of this program made it."""


class SchemaTooNew(Exception):
    """A newer release of this program has changed the schema."""


#: Every item, in the order of adding.
ALL = Query()


class Store(Protocol):
    """A table of items. Its methods may be called from many tasks of one event loop at once.

    Every method raises StoreUnavailable, within 2 seconds, where the database cannot be reached. An
    error in the data passes as it is. Whoever opened the store closes it.

    A row that something else has put into the table is shown as far as it can be, whatever is in it, and
    hurts no other. It is left out where its id is no text of at most 64 characters.
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
        """Close every connection, and return when none is open, also where this is cancelled. Idempotent.

        What is being done has five seconds to end, and is given up then: it raises StoreUnavailable. Only
        a disk or server that does not answer for fifteen seconds is not waited for, which the log says.
        """

    async def add(self, items: Sequence[Item]) -> Added:
        """Insert in one transaction; those whose id the table has already, or had, stay as they are.

        An item that was changed before it came is added with these changes. `date_saved` is now, where an
        item has none. One that comes again is not lost, though it was changed meanwhile.
        """

    async def apply(self, changes: Sequence[Change]) -> Sequence[ChangeSaved]:
        """Keep these changes in one transaction, and bring their items up to date.

        In whatever order changes and items come, and however often, also from several processes at once:
        the outcome is that of `todo.merge.merged`. One answer for each item, in the order of the changes.
        """

    async def put_back(self, items: Sequence[Item]) -> None:
        """Add these, one of each id, as the only ones that ever had it, with the changes that are kept.

        What stands in the rows of those that are there does not count, but for when they were saved.
        """

    async def saved_at(self, dates: Mapping[str, datetime]) -> None:
        """By id, when items were saved first, where the table has a later date."""

    async def amend(self, id: str, change: Callable[[str], str]) -> Item | None:
        """Change the text of one item; None where nothing changed or there is no such item."""

    async def count(self) -> int:
        """How many items there are."""

    async def get(self, id: str) -> Item | None:
        """One item, or None."""

    async def items(self, ids: Sequence[str]) -> list[Item]:
        """Those of these that there are, in this order."""

    async def page(self, query: Query = ALL, *, after: str | None = None, limit: int = 100) -> Page:
        """What the query asks for, from behind `after`: the `next` of the page before, an id in the order
        of adding, a position in that order. Raises InvalidCursor for what is none of these.
        """

    async def counts(self, due_until: str = "") -> Counts:
        """How many there are, active and done; and active ones due until this day, where it is given."""

    async def tags(self) -> list[tuple[str, int]]:
        """Every tag, and how many active items have it; in the order of the alphabet."""

    async def history(self, id: str) -> list[Past]:
        """What became of an item, also of one that was removed, oldest first; empty where it is unknown."""

    async def removed(self, ids: Sequence[str]) -> list[Item]:
        """Those of these that were removed, as they would be if they were restored now."""

    async def kept_and_removed(self, ids: Sequence[str]) -> KeptAndRemoved:
        """Both at once: an item that is removed or restored meanwhile is in one of the two."""

    async def changed_since(self, moment: datetime, limit: int = 100) -> list[Item]:
        """Items that were changed in the database since then, by its clients' clocks; and of the 5,000 that
        were added last, those that were saved since then.
        """

    async def removed_since(self, moment: datetime, limit: int = 100) -> list[str]:
        """The ids of items whose removal was saved since then."""

    async def newest(self, limit: int, *, before: str | None = None) -> list[Item]:
        """The last `limit` items, newest last; those ahead of the id `before`, where it is given."""

    async def missing(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that the table does not have."""

    async def saved_changes(self, changes: Sequence[Change]) -> set[str]:
        """The ids of those of these changes that are kept."""


def open_store(
    url: str,
    *,
    connections: int = 1,
    name: str = "todo",
    setting: str = "TODO_DATABASE_URL",
    searchable: bool = False,
) -> Store:
    """The store at this address, with at most so many connections; nothing connects before it is used.

    `name` is what PostgreSQL shows of each connection, as `application_name`; `setting` is what messages
    call the address. A `searchable` one is a `todo.store.search_index.SearchableStore`.

    Addresses: `sqlite:///path` and `postgresql://user:password@host/database`; ValueError for others.
    """
    address = replace(parse(url), setting=setting)
    # Imported only by those who open a store: it is half of a component's memory and start-up time.
    module, kind = ("search_index", "SearchableStore") if searchable else ("sql_store", "SqlStore")
    make = getattr(import_module(f"todo.store.{module}"), kind)
    store: Store = make(address, connections, name)
    return store
