"""What is wrong with the file of a database, as far as that can be seen without opening it."""

from __future__ import annotations

import os
from pathlib import Path

from todo.store.address import parse

#: How every SQLite database begins.
_BEGINNING = b"SQLite format 3\0"


def wrong_database(url: str) -> str:
    """Why the database at this address can never be used; "" where nothing is known against it."""
    path = parse(url).file
    return wrong_file(path) if path else ""


def wrong_file(path: Path) -> str:
    """Why this can be no database of ours."""
    try:
        if path.is_dir():
            return f"{path} is a folder; name a file in it, such as {path / 'todo.db'}"
        if not path.exists():
            return _wrong_folder(path.parent)
        if not os.access(path, os.R_OK):
            return f"this user is not permitted to read {path}"
        if not path.is_file():
            return f"{path} is no ordinary file"
        # Nobody has it open here yet: closing it gives up the locks of this process.
        with path.open("rb") as file:
            beginning = file.read(len(_BEGINNING))
    except OSError:
        return ""  # opening it will tell
    if beginning and beginning != _BEGINNING:
        return f"{path} is no SQLite database, or a damaged one; restore it from a backup, or name another"
    return ""


def _wrong_folder(folder: Path) -> str:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is a file, not a folder; name a file in a folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"this user is not permitted to write to {folder}"
    return ""
