"""Whether a reachable database can be used: its schema, its disk space, and whether it may be written to."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, exists, literal_column, select

from todo.store import NoSchema, StoreFull
from todo.store.address import Address
from todo.store.schema import HEAD, versions
from todo.store.tables import todos

#: For how long a write that failed says something: whoever has something to write tries sooner again.
_REMEMBERED_SECONDS = 30.0
#: Bytes that a transaction of SQLite needs at least: some pages in the file, and as many beside it.
_LEAST_BYTES = 65_536


def check_schema(connection: Connection) -> None:
    """Ask for everything at once. Raises NoSchema, and StoreFull where it may only be read."""
    on_postgresql = connection.dialect.name == "postgresql"
    read_only = "current_setting('transaction_read_only')" if on_postgresql else "'off'"
    statement = select(
        versions.c.version_num,
        exists(select(todos.c.id)),
        literal_column(read_only),
    )
    row = connection.execute(statement).first()
    if row is None or row[0] != HEAD:
        has = "none" if row is None else f"version {row[0]}"
        raise NoSchema(f"it has {has} of the schema, and this release needs {HEAD}")
    if row[2] == "on":
        raise StoreFull("it may only be read")


class WriteRoom:
    """Whether there is disk space to write."""

    def __init__(self, address: Address) -> None:
        self._file = address.file
        self._failure: StoreFull | None = None
        self._failed_at = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Writing, of which it learns."""
        try:
            yield
        except StoreFull as error:
            self._failure, self._failed_at = error, time.monotonic()
            raise
        self._failure = None

    def check(self) -> None:
        """Raises StoreFull."""
        if self._failure and time.monotonic() - self._failed_at < _REMEMBERED_SECONDS:
            raise StoreFull(str(self._failure))
        if self._file is not None:
            _check_disk(self._file)


def _check_disk(file: Path) -> None:
    try:
        disk = os.statvfs(file)
    except OSError:  # what it is about, reading will tell
        return
    if not os.access(file, os.W_OK):
        raise StoreFull("its file may only be read")
    if disk.f_bavail * disk.f_frsize < _LEAST_BYTES:
        raise StoreFull("its disk is full")
