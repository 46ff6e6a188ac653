"""A disk for a server of a test, in a process of its own: `async with PowerDisk(folder) as disk`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.power.content import Dropped
from benchmarks.power.disk import Names
from benchmarks.power.mounting import missing, unmount

#: How long the disk may take for a command.
LIMIT_SECONDS = 30.0


class NoDisk(Exception):
    """Nothing can be mounted on this machine; the text says why."""


class PowerDisk:
    """Mounted on `folder`, an empty one. Whatever ends this process, it is unmounted."""

    def __init__(self, folder: Path, names: Names = "xfs") -> None:
        self.folder = folder
        self._names = names
        self._process: asyncio.subprocess.Process | None = None

    async def off(self, seed: int) -> Dropped:
        """The power goes. End those who use it first: a machine does not outlive its disk."""
        return Dropped(**await self._ask("off", seed))

    async def sync(self) -> None:
        """All that was written is on the disk, as the kernel does it some time."""
        await self._ask("sync")

    async def on(self) -> None:
        """The power is back, and the disk mounted again: nothing of it is in the kernel's memory."""
        await self._ask("on")

    async def flip(self, seed: int, pattern: str, bits: int = 1) -> list[str]:
        """Flip bits of files whose path fits, while the power is off; returns where."""
        said: list[str] = await self._ask("flip", seed, bits, pattern)
        return said

    async def _ask(self, *words: object) -> Any:
        process = self._process
        assert process is not None, "not entered"
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        async with asyncio.timeout(LIMIT_SECONDS):
            answer = await process.stdout.readline()
        assert answer, "the process of the disk has ended"
        return json.loads(answer)

    async def __aenter__(self) -> Self:
        if why := missing():
            raise NoDisk(why)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.power.drive", self.folder, self._names),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for its parent, which unmounts
        )
        try:
            await self.on()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        finally:
            unmount(self.folder)  # also where its process was killed
