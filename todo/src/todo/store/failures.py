"""What an error of the database's driver means to those who use the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from todo.store import NoSchema, StoreFull, StoreRefused, StoreUnavailable

#: SQLSTATE, or how it begins: connection lost, shut down or not up yet, no memory or no connection left.
_UNAVAILABLE = ("08", "57P", "53")
#: No room on the disk, read only.
_FULL = ("53100", "25006")
#: No such table, no such column.
_NO_SCHEMA = ("42P01", "42703")
#: Login refused, no such database.
_REFUSED = ("28", "3D000")


@contextmanager
def translated() -> Iterator[None]:
    """Raises StoreUnavailable or one of its kinds for what they mean; other errors pass."""
    try:
        yield
    except (OSError, PoolTimeout) as error:
        raise StoreUnavailable(str(error) or "it does not answer") from error
    except DBAPIError as error:
        reason = _reason(error)
        if _refused(error.orig):
            raise StoreRefused(reason) from error
        if _full(error.orig):
            raise StoreFull(reason) from error
        if _no_schema(error.orig):
            raise NoSchema(reason) from error
        if error.connection_invalidated or _unavailable(error.orig):
            raise StoreUnavailable(reason) from error
        raise


def _refused(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        return error.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN)
    return _state(error).startswith(_REFUSED)


def _full(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        # The lower eight bits: there are several reasons for being read only.
        return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY)
    return _state(error).startswith(_FULL)


def _no_schema(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith("no such ")
    return _state(error).startswith(_NO_SCHEMA)


def _unavailable(error: BaseException | None) -> bool:
    return isinstance(error, sqlite3.OperationalError) or _state(error).startswith(_UNAVAILABLE)


def _state(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""


def _reason(error: DBAPIError) -> str:
    """The driver's own words, on one line, without the statement and its parameters."""
    return str(error.orig).splitlines()[0].rpartition("'>: ")[2]
