"""Moves a damaged SQLite file away, so that a new one can be made."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from todo.settings import Settings
from todo.store.address import parse

log = logging.getLogger("todo.rebuild")

#: What SQLite has beside a database.
_BESIDE = ("-wal", "-shm", "-journal")


def set_damaged_aside(settings: Settings) -> None:
    """Rename the file of the database, where there is one and it is damaged. Reads all of it."""
    path = parse(settings.database).file
    if path is None or not path.is_file():
        return
    if complaint := _complaint(path):
        aside = path.with_name(f"{path.name}.damaged-{datetime.now():%Y%m%d-%H%M%S}")  # noqa: DTZ005 - for a person here
        for end in ("", *_BESIDE):
            beside = Path(f"{path}{end}")
            if beside.exists():
                beside.rename(f"{aside}{end}")
        log.warning(
            "the database %s is damaged (%s): it is set aside as %s", path, complaint, aside
        )


def _complaint(path: Path) -> str:
    """What SQLite says of the whole file; "" where it finds nothing, or cannot look now."""
    try:
        with closing(sqlite3.connect(path, timeout=5)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:  # locked, not permitted
        return ""
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else str(found)
