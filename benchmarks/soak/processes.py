"""The processes of a soak: workers that are killed, frozen and drained, and one that no fault touches."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.process import ROOT

#: What a process may take to end when it is asked to: a worker its time to drain, and some; the publisher
#: until the queue takes what it has begun to publish.
END_SECONDS = 60.0
#: What it may take to handle its first message, with the server killed meanwhile.
BEGIN_SECONDS = 60.0
#: Between two looks at its journal.
LOOK_SECONDS = 0.05


class Processes:
    """Ends what it started. Each process writes a journal and a log into the folder."""

    def __init__(self, address: str, folder: Path) -> None:
        self._address = address
        self._folder = folder
        self._all: list[subprocess.Popen[bytes]] = []
        self._journals: dict[int, Path] = {}
        #: Never touched, so that what its memory does can be seen.
        self.untouched: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        #: How those ended that were asked to, the publisher among them.
        self.statuses: list[int] = []

    def start_worker(self, *, untouched: bool = False) -> None:
        """One more."""
        process = self.start("worker", f"handled-{len(self._all)}")
        if untouched:
            self.untouched = process
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
        self._journals[process.pid] = self._folder / journal
        return process

    async def end(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """Send the signal and wait until the process is gone; SIGKILL where it does not go."""
        process.send_signal(number)
        try:
            status = await asyncio.to_thread(process.wait, END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = await asyncio.to_thread(process.wait)
        if number != signal.SIGKILL:
            self.statuses.append(status)

    async def at_work(self, process: subprocess.Popen[bytes]) -> None:
        """Return when it has handled something: before, a signal to stop may find it without its handlers."""
        path = self._journals[process.pid]
        async with asyncio.timeout(BEGIN_SECONDS):
            while True:
                if path.exists() and path.stat().st_size:
                    return
                await asyncio.sleep(LOOK_SECONDS)

    async def replace(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """End a worker, and start another in its place."""
        await self.end(process, number)
        self.workers.remove(process)
        self.start_worker()

    def ended_by_themselves(self) -> int:
        """How many of those that should run do not."""
        return sum(one is None or one.poll() is not None for one in (self.untouched, *self.workers))

    async def end_all(self) -> None:
        """Ask all workers to stop."""
        ending = [one for one in (self.untouched, *self.workers) if one is not None]
        await asyncio.gather(*(self.end(one, signal.SIGTERM) for one in ending))
        self.untouched = None
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
