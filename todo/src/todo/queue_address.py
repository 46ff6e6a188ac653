"""Finds the address of the queue that a component uses."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from urllib.parse import unquote

from todo.log_backoff import LogBackoff
from todo.settings import EMBEDDED, QUEUE_OF_UP, Settings
from todo.settings_reader import SettingsInvalid

log = logging.getLogger("todo")

#: Between two looks for a queue that does not run.
_LOOK_SECONDS = 0.1


async def queue_url(settings: Settings) -> str:
    """The queue's address: for `embedded:` that of the queue of `todo up`, for which this waits."""
    folder = embedded_folder(settings)
    if folder is None:
        return settings.queue_url
    if told := os.environ.get(QUEUE_OF_UP):
        return told
    from dovetail.embedded import running  # noqa: PLC0415 - not for those who are told the address

    if folder.exists() and not folder.is_dir():
        raise SettingsInvalid([f"TODO_DATA_DIR: {folder} is a file; allowed is a folder"])
    _check_it_is_ours(folder)
    log_backoff = LogBackoff()
    while (url := running(folder)) is None:
        if log_backoff.due():
            log.warning(
                "waiting for the queue on the data folder %s (TODO_DATA_DIR): start it with "
                "`todo up`, or with `todo up --only queue`; or name another in TODO_QUEUE_URL",
                folder.absolute(),
            )
        await asyncio.sleep(_LOOK_SECONDS)
    return url


def _check_it_is_ours(folder: Path) -> None:
    """Raises SettingsInvalid where this user may not enter the folder: waiting would not help."""
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
        raise SettingsInvalid(
            [
                f"TODO_DATA_DIR: the data folder {folder.absolute()} is another user's, as is the queue "
                "that runs on it; allowed is a folder of this user's, or the address of a queue in "
                "TODO_QUEUE_URL"
            ]
        )


def embedded_folder(settings: Settings) -> Path | None:
    """Where the embedded queue keeps its messages; None where the queue is another."""
    if not settings.queue_url.startswith(EMBEDDED):
        return None
    return Path(unquote(settings.queue_url.removeprefix(EMBEDDED)) or settings.data_dir)
