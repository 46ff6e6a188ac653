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

from dovetail.checks.arguments import check_all
from dovetail.checks.rules import Rule, an_object, one_of, optional, text, yes_or_no
from dovetail.embedded.binary import find_server
from dovetail.embedded.checksums import HEAD_START_SECONDS, Checksums
from dovetail.embedded.folder import QueueFolder, ServerState, Sync
from dovetail.embedded.orphan import LOOK_SECONDS, take_server_lock
from dovetail.embedded.ports import check_free, free_port
from dovetail.embedded.process import ServerProcess, answers
from dovetail.embedded.store_watch import StoreWatch
from dovetail.errors import ConfigurationError, DovetailError, QueueUnavailable
from dovetail.network.os_errors import OF_THE_DISK, plain_error
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
    sync: str = "sync"


_PATH = an_object((str, os.PathLike), "the path of a folder")
_PORT = an_object(int, "a whole number from 0 to 65535")
_RULES: dict[str, Rule] = {
    "data_dir": _PATH,
    "port": _PORT,
    "monitor_port": _PORT,
    "host": text,
    "names": optional(an_object(SettingNames, "SettingNames")),
    "sync": optional(one_of("interval", "always")),
    "open": yes_or_no,
}


class EmbeddedServer:
    """A NATS server with JetStream, its store below `data_dir`, for the life of this object.

    An async context manager. The first on a data folder starts the server and ends it; those that come
    while it runs, from any process, join it, take its ports and leave it running. It is started again
    when it crashes, and ends with this process even if that is killed. Use it from the main thread,
    or one that lives as long: to the kernel, the thread that starts a child is its parent.

    `sync="always"` has each message on the disk before it is confirmed, so that a loss of power loses
    none; "interval" writes once a second. Without it, it is as whoever started the server has it.
    The server asks for the secret in the folder, which is in `url` and in what `running` returns; with
    `open` it takes everyone who reaches its port.

    Port 0 takes a free one. `start` raises ConfigurationError (no nats-server, a port in use, a folder
    that cannot be written to, a server that runs with another `sync`; `setting` names which) or
    QueueUnavailable.
    """

    def __init__(  # noqa: PLR0913 - all but the folder have a default
        self,
        data_dir: str | os.PathLike[str],
        port: int = 4222,
        monitor_port: int = 8222,
        host: str = "127.0.0.1",
        names: SettingNames | None = None,
        *,
        sync: Sync | None = None,
        open: bool = False,
    ) -> None:
        given = {"data_dir": data_dir, "host": host, "names": names, "sync": sync, "open": open}
        check_all("EmbeddedServer", _RULES, {**given, "port": port, "monitor_port": monitor_port})
        self.folder = QueueFolder(data_dir)
        self.names = names or SettingNames()
        #: Whether another process's server is used.
        self.joined = False
        name = "dovetail-" + hashlib.sha256(str(self.folder.path).encode()).hexdigest()[:12]
        self._own_state = ServerState(name, host, port, monitor_port, pid=0, ready=False, open=open)
        self._own_state.sync = sync or self._own_state.sync
        self._sync = sync
        self._secret: str | None = None
        self._state = self._own_state
        self._program = Path()
        self._server: ServerProcess | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._watch = StoreWatch(self.folder, self._own_state, self._restart)
        self._checksums = Checksums(self.folder.path, self.folder.checksums)
        self._check: asyncio.Future[None] | None = None
        #: The server is being ended to be started again.
        self._restarting = False

    @property
    def url(self) -> str:
        """The address for `connect`, with the secret. Right once started: it may be another's server."""
        return self._state.url(self._secret)

    @property
    def shown(self) -> str:
        """The same for people to see: without the secret."""
        return self._state.shown

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
            self._check = asyncio.ensure_future(asyncio.to_thread(self._checksums.check))
            await asyncio.wait([self._check], timeout=HEAD_START_SECONDS)
            await self._launch()
        except BaseException:
            await self.stop()
            raise
        log.info("the queue is at %s, its store in %s", self.shown, self.folder.path)
        if self._own_state.sync != "always":
            log.info(
                "a loss of power takes what the queue confirmed in the last second or two; with %s=always, "
                "nothing",
                self.names.sync,
            )
        self._keeper = asyncio.create_task(self._keep_running(), name="embedded NATS server")

    async def stop(self) -> None:
        """End the server, if it is ours. May be called again."""
        await self._watch.end()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            self._keeper = None
        await self._end_server()
        await self._take_checksums()
        self.folder.release()

    async def _take_checksums(self) -> None:
        if self._check is not None:
            self._checksums.stop()
            await self._check
            self._check = None
            await asyncio.to_thread(self._checksums.take)

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
                self._state, self.joined, self._secret = state, True, self.folder.secret()
                self._check_sync(state)
                log.info("joined the queue that runs at %s", self.shown)
                return False
            if time.monotonic() > until:
                raise QueueUnavailable(
                    f"another process owns {self.folder.path}, but its server does not answer; "
                    f"see {self.folder.log}"
                )
            await asyncio.sleep(LOOK_SECONDS)
        self._state, self.joined = self._own_state, False
        return True

    def _check_sync(self, state: ServerState) -> None:
        if self._sync not in (None, state.sync):
            raise ConfigurationError(
                f"{self.names.sync} is {self._sync}, but the queue that runs on {self.folder.path} was "
                f"started with {state.sync}: stop it, and start it with {self.names.sync}={self._sync}",
                setting=self.names.sync,
            )

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
            raise QueueUnavailable(self._cannot_start(error)) from error
        except QueueUnavailable:
            await self._end_server()
            self._check_ports()  # the likeliest reason, and one that says what to change
            raise

    def _cannot_start(self, error: OSError) -> str:
        if error.errno in OF_THE_DISK:  # so it is about the folder, not the program
            return (
                f"cannot keep the queue in {self.folder.path}: {plain_error(error)}; make room there, or set "
                f"{self.names.data_dir} to another folder"
            )
        return f"cannot start {self._program}: {plain_error(error)}"

    async def _start_server(self) -> None:
        lock = await take_server_lock(self.folder)
        try:
            if not self._state.open:
                self._secret = self.folder.keep_secret(self._secret, self.names.data_dir)
            self._server = await ServerProcess.start(self._program, self.folder, self._state, lock)
        finally:
            os.close(lock)  # the server has its own
        await self._server.wait_ready(self._state)
        await self._watch.begin(self._server.log_start)

    async def _restart(self) -> None:
        """End the server; it is started again at once."""
        if self._server is not None:
            self._restarting = True
            await self._server.end()

    async def _keep_running(self) -> None:
        crashes = 0
        while self._server is not None:
            started = time.monotonic()
            code = await self._server.process.wait()
            if self._restarting:
                self._restarting = False
            else:
                crashes = 1 if time.monotonic() - started > STEADY_SECONDS else crashes + 1
                pause = _RESTARTS.pause(crashes)
                log.warning(
                    "the queue server ended with %s; starting it again in %.1f s", code, pause
                )
                await asyncio.sleep(pause)
            await self._end_server()
            try:
                self.folder.own_again(self.names.data_dir)
                await self._launch()
            except DovetailError as error:
                log.error("the queue server cannot be started again yet: %s", error)
            else:
                log.info("the queue is back at %s", self.shown)

    async def _end_server(self) -> None:
        if self._server is not None:
            await self._server.end()


def running(data_dir: str | os.PathLike[str]) -> str | None:
    """The address of the server that a living process runs on this data folder; None where none does.

    It has the folder's secret in it.
    """
    folder = QueueFolder(data_dir)
    state = folder.read()
    if state is None or not state.ready or not folder.owned():
        return None
    return state.url(folder.secret())
