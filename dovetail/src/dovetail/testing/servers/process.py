"""A server that a test starts, stops, kills and starts again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict

from dovetail.embedded.child import dies_with_parent, guard
from dovetail.embedded.ports import free_port

#: How long a server may take to be ready, or to stop when it is asked to. Three nodes of RabbitMQ that start
#: together on a slow, busy machine take 20 seconds.
LIMIT_SECONDS = 60.0

#: Between two looks at a server that has no way to tell.
_LOOK_SECONDS = 0.01


class Identity(TypedDict, total=False):
    """Whom a process runs as, in the words of subprocess."""

    user: int
    group: int
    extra_groups: list[int]


class ServerMissing(Exception):
    """The server's program is not on this machine; the text says how to get it."""


class ServerFailed(Exception):
    """The server ended, or was not ready in time; the text has the end of its log."""


class Server(ABC):
    """A real server on a free port with its own data folder; ends with the process that started it.

    An async context manager. `stop` and `kill` keep store and port, so that `start` goes on with them.
    Its methods may be called from any event loop, one at a time.
    """

    stop_signal = signal.SIGTERM

    def __init__(self, *, folder: Path | None = None, port: int = 0) -> None:
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self._folder_is_ours = folder is None
        self.folder = folder or Path(
            tempfile.mkdtemp(prefix=f"dovetail-{type(self).__name__.lower()}-")
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for a client, with user and password where it wants them."""

    @abstractmethod
    def _command(self) -> list[str]:
        """Program and arguments. Raises ServerMissing."""

    @abstractmethod
    async def _is_ready(self) -> bool: ...

    async def _prepare(self) -> None:  # noqa: B027 - most have nothing to prepare
        """What comes before each start."""

    def _environment(self) -> dict[str, str] | None:
        """Its environment variables; None for those of the test."""
        return None

    def _identity(self) -> Identity:
        """Whom the server runs as; empty for the same as the test."""
        return {}

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start on the store as it is and wait until it serves. Raises ServerMissing, ServerFailed."""
        assert not self.running, "already running"
        await self._prepare()
        command, sign = self._command(), self.stop_signal
        with self.log.open("ab") as log:
            # Its own session: Ctrl-C in the terminal is for the tests, which then stop it.
            self._process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self._environment(),
                start_new_session=True,
                preexec_fn=dies_with_parent(sign),  # noqa: PLW1509 - it takes no lock
                **self._identity(),
            )
        self._guard = guard(self._process.pid, sign)
        await self._wait_ready()

    async def _wait_ready(self) -> None:
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                while self.running and not await self._is_ready():  # noqa: ASYNC110 - it has no signal
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            await self.kill()
        if not self.running:
            raise ServerFailed(f"{type(self).__name__} did not start: {self._log_end()}")

    def _log_end(self) -> str:
        return (
            "\n".join(self.log.read_text(errors="replace").splitlines()[-8:]) or "its log is empty"
        )

    async def stop(self) -> None:
        """Ask it to stop, as an operator would, and wait until it has. Does nothing if it does not run."""
        if self.running:
            self._signal(self.stop_signal)
        try:
            await self._wait_gone()
        except subprocess.TimeoutExpired:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL, as a crash would, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        await self._wait_gone()

    def _signal(self, sign: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(sign)

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers, as when its machine hangs."""
        self._signal(signal.SIGSTOP)
        # Its threads stop one after another; this returns when the last one has.
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._signal(signal.SIGCONT)

    async def _wait_gone(self) -> None:
        if self._process is not None:
            await asyncio.to_thread(self._process.wait, LIMIT_SECONDS)
        if self._guard is not None:
            self._guard.kill()
            self._guard.wait()
            self._guard = None

    async def restart(self) -> None:
        """`stop`, then `start`."""
        await self.stop()
        await self.start()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.resume()  # a frozen one would not hear
        await self._leave()

    async def _leave(self) -> None:
        """Nothing stays, also of one that did not start."""
        await self.stop()
        if self._folder_is_ours:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self.folder)
