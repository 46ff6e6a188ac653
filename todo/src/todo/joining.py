"""Finds the queue that a component is to use."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from todo.reminder import Reminder
from todo.settings import EMBEDDED, Settings

log = logging.getLogger("todo")

#: Between two looks for a queue that does not run.
_LOOK_SECONDS = 0.1


async def queue_url(settings: Settings) -> str:
    """The queue's address: for `embedded:` that of the queue of `todo up`, for which this waits."""
    folder = embedded_folder(settings)
    if folder is None:
        return settings.queue_url
    from dovetail.embedded import running  # noqa: PLC0415 - not for those who are told the address

    reminder = Reminder()
    while (url := running(folder)) is None:
        if reminder.due():
            log.warning(
                "waiting for the queue on the data folder %s (TODO_DATA_DIR): start it with "
                "`todo up`, or with `todo up --only queue`; or name another in TODO_QUEUE_URL",
                folder.absolute(),
            )
        await asyncio.sleep(_LOOK_SECONDS)
    return url


def embedded_folder(settings: Settings) -> Path | None:
    """Where the embedded queue keeps its messages; None where the queue is another."""
    if not settings.queue_url.startswith(EMBEDDED):
        return None
    return Path(settings.queue_url.removeprefix(EMBEDDED) or settings.data_dir)
