"""The embedded server, with the process that owns it: both end with the power."""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from benchmarks.power.load import Load
from benchmarks.power.messages import MessageLoad
from benchmarks.power.queues import version_of
from benchmarks.power.tested import Tested
from dovetail.embedded.child import dies_with_parent
from dovetail.embedded.ports import free_port
from dovetail.testing.servers import ServerFailed


class Embedded(Tested):
    """NATS, `embedded:` as it comes (synced every second)"""

    sync = "interval"

    def __init__(self, folders: list[Path]) -> None:
        super().__init__(folders)
        self._ports = free_port(), free_port()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the rest
        self._owner: asyncio.subprocess.Process | None = None
        self._url, self._server_pid = "", 0

    async def version(self) -> str:
        return await version_of(self._url)

    async def start(self) -> None:
        folder, ports = str(self.folders[0] / "data"), map(str, self._ports)
        self._owner = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.power.owner", folder, *ports, self.sync),
            stdout=asyncio.subprocess.PIPE,
            stderr=self._log,
            preexec_fn=dies_with_parent(),
        )
        assert self._owner.stdout is not None
        async with asyncio.timeout(60):
            line = (await self._owner.stdout.readline()).decode()
        if not line:
            raise ServerFailed("; ".join(self.said()[-3:]))
        self._url, pid = line.split()
        self._server_pid = int(pid)

    async def kill(self, which: list[int]) -> None:
        # The owner first is stopped: it would start the server again, and its end tells the server to end.
        assert self._owner is not None
        if self._owner.returncode is None:
            self._owner.send_signal(signal.SIGSTOP)
            await _killed(self._server_pid)
            self._owner.kill()
        await self._owner.wait()

    async def end(self) -> None:
        """In order."""
        assert self._owner is not None
        self._owner.terminate()
        await self._owner.wait()

    def load(self) -> Load:
        return MessageLoad(self._url)

    def said(self) -> list[str]:
        self._log.seek(0)
        # Numbers, dates and folders differ.
        lines = (re.sub(r"\d+|/\S+", "…", line.strip()) for line in self._log)
        return [line for line in lines if line]

    async def close(self) -> None:
        if self._owner is not None:
            await self.kill([0])
        self._log.close()


class EmbeddedAlways(Embedded):
    """NATS, `embedded:?sync=always`"""

    sync = "always"


async def _killed(pid: int) -> None:
    """SIGKILL, and wait until it is gone; it is no child of ours."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(select.select, [handle], [], [], 30)
        os.close(handle)


#: Each setting by its short name.
EMBEDDED: dict[str, type[Tested]] = {"embedded": Embedded, "embedded-always": EmbeddedAlways}
