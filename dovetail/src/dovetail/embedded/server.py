"""The embedded server: one for each data folder, whoever starts it, and started again when it crashes."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from dovetail.embedded.binary import find_server
from dovetail.embedded.folder import QueueFolder, ServerState
from dovetail.embedded.orphan import LOOK_SECONDS, take_server_lock
from dovetail.embedded.ports import check_free, free_port
from dovetail.embedded.process import ServerProcess, answers
from dovetail.errors import ConfigurationError, DovetailError, QueueUnavailable
from dovetail.retry import Backoff

log = logging.getLogger("dovetail.embedded")

#: How long to wait for the server of another process to be ready.
JOIN_SECONDS = 20.0
#: A server that ran for this long had started well: the pauses between restarts begin anew.
STEADY_SECONDS = 30.0

_RESTARTS = Backoff(first=0.1, most=5.0)


@dataclass(frozen=True)
class SettingNames:
    """What the user calls the settings, for errors that say which one to change."""

    data_dir: str = "data_dir"
    port: str = "port"
    monitor_port: str = "monitor_port"


class EmbeddedServer:
    """A NATS server with JetStream, its store below `data_dir`, for the life of this object.

    An async context manager. The first on a data folder starts the server and ends it; those that come
    while it runs, from any process, join it, take its ports and leave it running. It is started again
    when it crashes, and ends with this process even if that is killed. Use it from the main thread,
    or one that lives as long: to the kernel, the thread that starts a child is its parent.

    Port 0 takes a free one. `start` raises ConfigurationError (no nats-server, a port in use, a folder
    that cannot be written to; `setting` names which) or QueueUnavailable.
    """

    def __init__(
        self,
        data_dir: str | os.PathLike[str],
        port: int = 4222,
        monitor_port: int = 8222,
        host: str = "127.0.0.1",
        names: SettingNames | None = None,
    ) -> None:
        self.folder = QueueFolder(data_dir)
        self.names = names or SettingNames()
        #: Whether another process's server is used.
        self.joined = False
        name = "dovetail-" + hashlib.sha256(str(self.folder.path).encode()).hexdigest()[:12]
        self._own_state = ServerState(name, host, port, monitor_port, pid=0, ready=False)
        self._state = self._own_state
        self._program = Path()
        self._server: ServerProcess | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The address for `connect`. Right once started: it may be another's server, on other ports."""
        return self._state.url

    @property
    def monitor_port(self) -> int:
        """The port of the server's monitor, over HTTP."""
        return self._state.monitor_port

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._state.pid

    async def start(self) -> None:
        """Start the server and wait until it serves, or join the one that runs on this folder."""
        self.folder.make(self.names.data_dir)
        if not await self._own():
            return
        try:
            self._program = find_server()
            os.close(await take_server_lock(self.folder))  # its ports are free only then
            self._choose_ports()
            await self._launch()
        except BaseException:
            await self.stop()
            raise
        log.info("the queue is at %s, its store in %s", self.url, self.folder.path)
        self._keeper = asyncio.create_task(self._keep_running(), name="embedded NATS server")

    async def stop(self) -> None:
        """End the server, if it is ours. May be called again."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            self._keeper = None
        await self._end_server()
        self.folder.release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _own(self) -> bool:
        """Become the owner of the folder; False after joining the server of another that is."""
        until = time.monotonic() + JOIN_SECONDS
        while not self.folder.take():
            state = self.folder.read()
            if state is not None and state.ready and await answers(state):
                self._state, self.joined = state, True
                log.info("joined the queue that runs at %s", self.url)
                return False
            if time.monotonic() > until:
                raise QueueUnavailable(
                    f"another process owns {self.folder.path}, but its server does not answer; "
                    f"see {self.folder.log}"
                )
            await asyncio.sleep(LOOK_SECONDS)
        self._state, self.joined = self._own_state, False
        return True

    def _choose_ports(self) -> None:
        state = self._state
        self._check_ports()  # with 0, the host alone
        state.port = state.port or free_port(state.host)
        state.monitor_port = state.monitor_port or free_port(state.host)
        if state.port == state.monitor_port:
            raise ConfigurationError(
                f"{self.names.port} and {self.names.monitor_port} are both {state.port}; change one",
                setting=self.names.monitor_port,
            )

    def _check_ports(self) -> None:
        check_free(self._state.host, self._state.port, self.names.port)
        check_free(self._state.host, self._state.monitor_port, self.names.monitor_port)

    async def _launch(self) -> None:
        try:
            await self._start_server()
        except OSError as error:
            await self._end_server()
            raise QueueUnavailable(f"cannot start {self._program}: {error}") from error
        except QueueUnavailable:
            await self._end_server()
            self._check_ports()  # the likeliest reason, and one that says what to change
            raise

    async def _start_server(self) -> None:
        lock = await take_server_lock(self.folder)
        try:
            self._server = await ServerProcess.start(self._program, self.folder, self._state, lock)
        finally:
            os.close(lock)  # the server has its own
        await self._server.wait_ready(self._state)

    async def _keep_running(self) -> None:
        crashes = 0
        while self._server is not None:
            started = time.monotonic()
            code = await self._server.process.wait()
            crashes = 1 if time.monotonic() - started > STEADY_SECONDS else crashes + 1
            pause = _RESTARTS.pause(crashes)
            log.warning("the queue server ended with %s; starting it again in %.1f s", code, pause)
            await asyncio.sleep(pause)
            await self._end_server()
            try:
                await self._launch()
            except DovetailError as error:
                log.error("the queue server cannot be started again yet: %s", error)
            else:
                log.info("the queue is back at %s", self.url)

    async def _end_server(self) -> None:
        if self._server is not None:
            await self._server.end()


def running(data_dir: str | os.PathLike[str]) -> str | None:
    """The address of the server that a living process runs on this data folder; None where none does."""
    folder = QueueFolder(data_dir)
    state = folder.read()
    return state.url if state is not None and state.ready and folder.owned() else None
