"""Worker processes of the suite, which outlive no test."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dovetail.testing.conformance.waiting import LIMIT_SECONDS, until

_FOLDER = Path(__file__).parent


def start(program: str, *arguments: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
    """Run a file of this folder, without the import of pytest and of the whole suite."""
    # -P: its neighbours here are not to be found in place of modules of the same name.
    command = [sys.executable, "-P", str(_FOLDER / program), *arguments]
    return subprocess.Popen(command, stdout=stdout)


class WorkerProcesses:
    """Processes of one group, and what they handled."""

    def __init__(self, address: str, group: str, subject: str, path: Path) -> None:
        self._arguments = (address, group, subject, str(path))
        self._path = path
        self._running: list[subprocess.Popen[bytes]] = []
        #: The process ids of those that `end_oldest` ended.
        self.ended: set[int] = set()

    def start(self) -> None:
        """One more."""
        self._running.append(start("worker_process.py", *self._arguments))

    async def end_oldest(self, number: signal.Signals) -> int:
        """Send the signal; returns the exit status."""
        process = self._running[0]
        process.send_signal(number)
        status = await asyncio.to_thread(process.wait, LIMIT_SECONDS)
        self.ended.add(self._running.pop(0).pid)
        return status

    def handled(self) -> list[tuple[int, int]]:
        """Who handled which message, as (process id, number), in that order."""
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        return [(int(member), int(number)) for member, number in map(bytes.split, lines)]

    async def have_handled(self, count: int) -> None:
        """Wait for so many."""

        async def enough() -> bool:
            return len(self.handled()) >= count

        await until(enough, f"{count} handled by worker processes", within=2 * LIMIT_SECONDS)

    def end_all(self) -> None:
        """Kill those that still run."""
        for process in self._running:
            process.kill()
            process.wait()


@contextmanager
def worker_processes(
    address: str, group: str, subject: str, path: Path
) -> Iterator[WorkerProcesses]:
    """Nobody at first; whoever still runs in the end is killed."""
    members = WorkerProcesses(address, group, subject, path)
    try:
        yield members
    finally:
        members.end_all()
