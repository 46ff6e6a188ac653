"""The file of a SQLite database: whether it is still the one that a connection has open.

A file that was removed or replaced stays open and takes every write, which is lost when it is closed. So
it is compared with the file at its path before and after each transaction. That takes some microseconds.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

log = logging.getLogger("todo.store")

#: Where a connection keeps its OpenFile.
_KEY = "todo.store.sqlite_file"
#: Copies that are made within so many seconds are of the same file: several connections had it open.
_SAME_SECONDS = 60.0


class FileChanged(Exception):
    """The file that a connection has open is not the one at its path any more; the text says how."""


@dataclass
class OpenFile:
    """The file as it was when a connection opened it."""

    path: Path
    #: Of the database and of its log, as far as there is one: device and number.
    identity: tuple[tuple[int, int] | None, ...]
    #: Bytes. It only grows, unless someone else makes it smaller.
    size: int

    def check(self) -> None:
        """Raises FileChanged."""
        size, database, wal = _look(self.path)
        if database is None:
            raise FileChanged(f"its file {self.path} was removed while it was in use")
        if database != self.identity[0]:
            raise FileChanged(f"its file {self.path} was replaced by another while it was in use")
        if size < self.size:
            raise FileChanged(f"its file {self.path} was cut short while it was in use")
        if wal != self.identity[1] is not None:
            raise FileChanged(f"the file {self.path}-wal beside it was removed while it was in use")
        self.size = size


class SqliteFile:
    """The file of one store, for all of its connections."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: It was there, and no connection makes it anew.
        self.required = False
        #: It was changed from outside, so that it is read as a whole before it is used again.
        self._suspect = False

    def watch(self, engine: Engine) -> None:
        """Look at the file of each connection. Call it after what sets connections up."""
        event.listen(engine, "do_connect", self._before)
        event.listen(engine, "connect", self._connected)

    def check(self, connection: Connection) -> OpenFile:
        """The file of this connection. FileChanged, after saving what it held."""
        file: OpenFile = connection.info[_KEY]
        try:
            file.check()
        except FileChanged as change:
            self._suspect = True
            copy = _save(connection, file.path)
            raise FileChanged(f"{change}. {_kept_or_lost(file.path, copy)}") from None
        return file

    def _before(self, *_: object) -> None:
        if self.required and not self.path.exists():
            told = _kept_or_lost(self.path, _newest_copy(self.path))
            raise FileChanged(f"its file {self.path} was removed. {told}")

    def _connected(self, connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM sqlite_master")  # opens the log
        if self._suspect:
            cursor.execute("PRAGMA quick_check(1)")
            if (found := cursor.fetchone()) != ("ok",):
                raise FileChanged(
                    f"its file {self.path} is damaged ({found and found[0]}): restore it from a backup"
                )
            self._suspect = False
        cursor.close()
        size, *identity = _look(self.path)
        entry.info[_KEY] = OpenFile(self.path, tuple(identity), size)


def _look(path: Path) -> tuple[int, tuple[int, int] | None, tuple[int, int] | None]:
    try:
        found = os.stat(path)
    except OSError:
        return 0, None, None
    return found.st_size, (found.st_dev, found.st_ino), _identity(f"{path}-wal")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _save(connection: Connection, path: Path) -> Path | None:
    """Copy what only this connection can still read, unless another has just done so; where it is."""
    copy = _newest_copy(path)
    try:
        if copy is not None and time.time() - copy.stat().st_mtime < _SAME_SECONDS:
            return copy
        copy = Path(f"{path}.rescued-{datetime.now():%Y%m%d-%H%M%S}")  # noqa: DTZ005 - for a person here
        copy.parent.mkdir(parents=True, exist_ok=True)
        connection.exec_driver_sql("VACUUM INTO ?", (str(copy),))
    except (SQLAlchemyError, OSError) as error:
        log.debug("not copied: %s", error)
    return copy if copy is not None and copy.exists() else None


def _newest_copy(path: Path) -> Path | None:
    return max(path.parent.glob(f"{path.name}.rescued-*"), default=None)


def _kept_or_lost(path: Path, copy: Path | None) -> str:
    """What became of its items, and what to do."""
    held = f"What it held is in {copy}. " if copy else ""
    if path.exists():
        return f"{held}From now on the file is used that is there now, if it is a database of ours"
    back = f"move that file to {path}" if copy else "put the file back, or a backup of it"
    return (
        f"{held}What waits in the queue is kept until there is a database again: {back}, or restart to "
        "begin with an empty one"
    )
