"""Whether the disk of the data folder is full; the embedded queue then takes nothing."""

from __future__ import annotations

import os

from todo.queue_address import embedded_folder
from todo.settings import Settings

#: Below this it counts as full, as it does for the embedded queue. Bytes.
_LEAST_BYTES = 65_536


class QueueDisk:
    """The disk of an embedded queue; never full where the queue is another."""

    def __init__(self, settings: Settings) -> None:
        self._folder = embedded_folder(settings)

    @property
    def full(self) -> bool:
        """As it is now."""
        if self._folder is None:
            return False
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return False
        return disk.f_bavail * disk.f_frsize < _LEAST_BYTES
