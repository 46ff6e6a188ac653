"""Translates errors of the database's driver into those of the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dovetail import plain_error
from todo.store import (
    NoSchema,
    StoreChanged,
    StoreDamaged,
    StoreFull,
    StoreRefused,
    StoreUnavailable,
)
from todo.store.sqlite_file import FileChanged

#: SQLSTATE, or how it begins: connection lost, shut down or not up yet, no memory or no connection left.
_UNAVAILABLE = ("08", "57P", "53")
#: No room on the disk, read only.
_FULL = ("53100", "25006")
#: No such table, no such column.
_NO_SCHEMA = ("42P01", "42703")
#: Login refused, no such database.
_REFUSED = ("28", "3D000")
#: Deadlock, serialization failure.
_DEADLOCK = ("40P01", "40001")
_SQLITE_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


@contextmanager
def translated() -> Iterator[None]:
    """Raises StoreUnavailable or one of its kinds for what they mean; other errors pass."""
    try:
        yield
    except FileChanged as error:
        raise StoreChanged(str(error)) from error
    except (OSError, PoolTimeout) as error:
        raise StoreUnavailable(plain_error(error)) from error
    except DBAPIError as error:
        why = reason(error)
        if _damaged(error.orig):
            raise StoreDamaged(f"{why}; restore its file from a backup") from error
        if _refused(error.orig):
            raise StoreRefused(why) from error
        if _full(error.orig):
            raise StoreFull(why) from error
        if _no_schema(error.orig):
            raise NoSchema(why) from error
        if error.connection_invalidated or _unavailable(error.orig):
            raise StoreUnavailable(why) from error
        raise


def is_deadlock(error: DBAPIError) -> bool:
    """Whether the database gave up this transaction for the sake of another: it may be tried again."""
    return _state(error.orig) in _DEADLOCK


def _damaged(error: BaseException | None) -> bool:
    # The lower eight bits: there are several reasons for each.
    return isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF in _SQLITE_DAMAGED


def _refused(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CANTOPEN
    return _state(error).startswith(_REFUSED)


def _full(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        # The last: no room for the memory that its connections share, which is a file beside it.
        return (
            error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY)
            or error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHMSIZE
        )
    return _state(error).startswith(_FULL)


def _no_schema(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith("no such ")
    return _state(error).startswith(_NO_SCHEMA)


def _unavailable(error: BaseException | None) -> bool:
    return isinstance(error, sqlite3.OperationalError) or _state(error).startswith(_UNAVAILABLE)


def _state(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""


def reason(error: DBAPIError) -> str:
    """The driver's own words, on one line, without the statement and its parameters."""
    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHMSIZE:
        return "its disk is full"
    words = str(error.orig).partition("\n")[0].rpartition("'>: ")[2]
    return words or type(error.orig).__name__
