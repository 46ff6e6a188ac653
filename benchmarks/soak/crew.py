"""The processes of a soak: workers that are killed, frozen and drained, and one that is spared."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.process import ROOT

#: What a worker may take to end when it is asked to: its time to drain, and some.
END_SECONDS = 20.0


class Crew:
    """Ends what it started. Each process writes a journal and a log into the folder."""

    def __init__(self, address: str, folder: Path) -> None:
        self._address = address
        self._folder = folder
        self._all: list[subprocess.Popen[bytes]] = []
        #: Never touched, so that what its memory does can be seen.
        self.spared: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        #: How those ended that were asked to, the publisher among them.
        self.statuses: list[int] = []

    def start_worker(self, *, spared: bool = False) -> None:
        """One more."""
        process = self.start("worker", f"handled-{len(self._all)}")
        if spared:
            self.spared = process
        else:
            self.workers.append(process)

    def start(self, program: str, journal: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Run one of our programs on the queue."""
        command = [sys.executable, "-m", f"benchmarks.soak.{program}", self._address]
        with (self._folder / f"{program}-{len(self._all)}.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, str(self._folder / journal), *arguments], cwd=ROOT, stderr=log
            )
        self._all.append(process)
        return process

    async def end(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """Send the signal and wait until the process is gone."""
        process.send_signal(number)
        status = await asyncio.to_thread(process.wait, END_SECONDS)
        if number != signal.SIGKILL:
            self.statuses.append(status)

    async def replace(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """End a worker, and start another in its place."""
        await self.end(process, number)
        self.workers.remove(process)
        self.start_worker()

    def ended_by_themselves(self) -> int:
        """How many of those that should run do not."""
        return sum(one is None or one.poll() is not None for one in (self.spared, *self.workers))

    async def end_all(self) -> None:
        """Ask all workers to stop."""
        ending = [one for one in (self.spared, *self.workers) if one is not None]
        await asyncio.gather(*(self.end(one, signal.SIGTERM) for one in ending))
        self.spared = None
        self.workers.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._all:
            if process.poll() is None:
                process.kill()
                process.wait()


def memory(process: subprocess.Popen[bytes]) -> int:
    """The bytes that it has in memory at this moment; 0 where it has ended."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = (int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line)
    return next(found, 0) * 1024
