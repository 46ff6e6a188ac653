"""What is tested: a server, or a program, whose store is on disks that lose their power."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from benchmarks.power.load import Load


class Tested(ABC):
    """Of one setting. `start` may be called again after `kill`, and finds what the disks have kept."""

    #: How many disks it needs, and how many of them lose their power in a cut-off.
    disks = 1
    cut_off = 1

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders

    @abstractmethod
    async def version(self) -> str:
        """Of the software."""

    @abstractmethod
    async def start(self) -> None:
        """Return when it serves. Raises ServerFailed."""

    @abstractmethod
    async def kill(self, which: list[int]) -> None:
        """SIGKILL, of those on these disks."""

    @abstractmethod
    def load(self) -> Load:
        """What publishes, or writes, and counts. To be entered once it serves."""

    @abstractmethod
    async def close(self) -> None:
        """Leave nothing, also after `start` has failed."""

    def said(self) -> list[str]:
        """What it warned of or complained of in its log, where that is the library's own."""
        return []
