"""How far the readers of a stream have come, as the server keeps it: a file for each.

The server replaces it several times a second without a sync, unless it syncs always. So it may be cut short
when the power fails, and then the server refuses to have that reader at all, also a new one of that name.
"""

from __future__ import annotations

import logging
from pathlib import Path

log = logging.getLogger("dovetail.embedded")


def forget_progress(store: Path, account: str, stream: str, consumer: str) -> None:
    """Remove that file, so that the reader is taken again, from the beginning of what is kept."""
    file = store / "jetstream" / account / "streams" / stream / "obs" / consumer / "o.dat"
    try:
        file.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        log.error(
            "%s is damaged and cannot be removed, so that its reader gets nothing: %s", file, error
        )
        return
    log.error(
        "how far %s had come in the stream %s is lost: its file was damaged, or cut short when the power "
        "failed. It is handed all again that is kept of the stream, under the same ids",
        consumer,
        stream,
    )
