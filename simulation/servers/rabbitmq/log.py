"""The disk: what is written to one queue counts, and is confirmed, some time later, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from simulation.servers.base import FakeServer

Apply = Callable[[], object]


class Log:
    """Of one queue. Where the server's `disk_seconds` are 0, a write counts at once."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server
        #: What is not on the disk yet, and when it will be.
        self._pending: deque[tuple[float, Apply]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def write(self, apply: Apply) -> None:
        """Call `apply` when this is written, after all that was written before."""
        if self._closed:
            return
        seconds = self._server.random.uniform(*self._server.disk_seconds)
        if not self._pending and seconds <= 0:
            apply()
            return
        loop = asyncio.get_running_loop()
        earliest = self._pending[-1][0] if self._pending else 0.0
        self._pending.append((max(earliest, loop.time() + seconds), apply))
        if self._timer is None:
            self._timer = loop.call_at(self._pending[0][0], self._written)

    def _written(self) -> None:
        """The first has been written, and what was written together with it."""
        self._timer = None
        if not self._pending:
            return
        due = self._pending[0][0]
        while self._pending and self._pending[0][0] <= due:
            self._pending.popleft()[1]()
        if self._pending and self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(self._pending[0][0], self._written)

    def finish(self) -> None:
        """Everything is written now."""
        while self._pending:
            self._pending.popleft()[1]()
        self.close()

    def crash(self) -> None:
        """Of what was on its way some is written, though nobody is told. Nothing else can be meanwhile."""
        survive = self._server.random.randint(0, len(self._pending)) if self._pending else 0
        self._closed = True
        for _ in range(survive):
            self._pending.popleft()[1]()
        self.close()

    def recover(self) -> None:
        """From now on it can be written to again."""
        self._closed = False

    def close(self) -> None:
        """What is on its way is lost, and nothing can be written any more."""
        self._closed = True
        self._pending.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
