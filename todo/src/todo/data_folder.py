"""The data folder, which only the account that runs the application may read."""

from __future__ import annotations

import logging
from pathlib import Path

from todo.settings import DEFAULT_DATABASE, EMBEDDED, Settings

log = logging.getLogger("todo")

#: Sessions that were signed out.
SIGNED_OUT = "signed-out"
#: What the application makes there.
_FOLDERS = ("queue", "up")
#: Of these there are files with more behind the name.
_FILES = ("todo.db", "queue.known", "calendar-secret", SIGNED_OUT)
#: For the process: what it and its children make is for nobody else.
UMASK = 0o077


def keep_to_ourselves(settings: Settings) -> None:
    """Take from others what an earlier release, or somebody by hand, let them do there.

    A folder that holds other things, too, keeps its own rights.
    """
    if not uses_data_folder(settings) or not _others_may(settings.data_dir):
        return
    from dovetail.embedded import close_data_folder  # noqa: PLC0415 - 60 ms, and seldom needed

    if left := close_data_folder(settings.data_dir, _is_ours):
        log.warning(
            "others may read %s (TODO_DATA_DIR): the rights cannot be taken from them", left
        )


def uses_data_folder(settings: Settings) -> bool:
    """Whether queue or database are in the data folder; else it need not be there."""
    return settings.database_url == DEFAULT_DATABASE or settings.queue_url == EMBEDDED


def _others_may(folder: Path) -> bool:
    """Whether others may do anything with the folder, or with what is in it."""
    try:
        return any(path.stat().st_mode & UMASK for path in (folder, *folder.iterdir()))
    except OSError:  # it is not there yet, or something in it has just gone
        return folder.is_dir()


def _is_ours(name: str) -> bool:
    return name in _FOLDERS or name.startswith(_FILES)
