"""One run of nats-server: from its start until it is ready, to its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from dovetail.embedded.child import dies_with_parent, guard
from dovetail.embedded.folder import QueueFolder, ServerState, Sync, bracketed, reachable
from dovetail.embedded.ports import greeting
from dovetail.embedded.private import UMASK
from dovetail.embedded.room import most_bytes
from dovetail.errors import QueueUnavailable

#: How long the server may take to read its store before it serves.
READY_SECONDS = 120.0
#: How long the server may take to end after it was asked to; then it is killed.
STOP_SECONDS = 10.0
#: Between two looks whether it serves: it tells nobody.
LOOK_SECONDS = 0.02

#: How nats-server marks the lines that say why it ends.
_ERROR = "[FTL]"
#: How its runtime begins what it says when it cannot go on.
_CRASHES = ("fatal error: ", "runtime: cannot allocate", "failed to create new OS thread")

# 8 MB is the most that nats-server takes without a warning. Its log is kept to some 30 MB.
# It answers "stored" before the disk has it, so after a loss of power (not: a crash) the last
# sync_interval may be missing, unless it is `always`; its own default is two minutes.
_SYNC_INTERVAL: dict[Sync, str] = {"interval": "1s", "always": "always"}
_CONFIG = """\
# Written at every start; changes are lost.
server_name: {name}
listen: {listen}
http: {http}
max_payload: 8MB
{authorization}
jetstream {{
  store_dir: {store}
  sync_interval: {sync}
  max_file_store: {most}
}}
log_file: {log}
logfile_size_limit: 10MB
logfile_max_num: 3
"""


class ServerProcess:
    """A nats-server that was started; `wait_ready` before use, `end` after it."""

    def __init__(
        self, process: asyncio.subprocess.Process, folder: QueueFolder, log_start: int
    ) -> None:
        self.process = process
        self.folder = folder
        #: Where in the log this run of the server begins.
        self.log_start = log_start
        self._guard = guard(process.pid)

    @classmethod
    async def start(
        cls, program: Path, folder: QueueFolder, state: ServerState, lock: int
    ) -> ServerProcess:
        """Start it. It inherits `lock`, an open file, and holds it for as long as it lives."""
        folder.write_config(_configuration(folder, state))
        folder.forget()
        with folder.open_log() as log:
            log_start = os.fstat(log.fileno()).st_size
            process = await asyncio.create_subprocess_exec(
                program,
                "--config",
                folder.config,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C in the terminal is for its parent, which drains first
                preexec_fn=_prepared(dies_with_parent()),
            )
        server = cls(process, folder, log_start)
        state.pid, state.ready = process.pid, False
        try:
            folder.write(state)
        except OSError:
            await server.end()
            raise
        return server

    async def wait_ready(self, state: ServerState) -> None:
        """Wait until it serves. Raises QueueUnavailable with its own words if it ends instead."""
        ended = asyncio.ensure_future(self.process.wait())
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await answers(state):
                    await asyncio.wait({ended}, timeout=LOOK_SECONDS)
                    if ended.done():
                        raise QueueUnavailable(f"nats-server did not start: {self.last_words()}")
        except TimeoutError as error:
            raise QueueUnavailable(
                f"nats-server was not ready in {READY_SECONDS:.0f} s; its log is {self.folder.log}"
            ) from error
        finally:
            ended.cancel()
        state.ready = True
        self.folder.write(state)

    def last_words(self) -> str:
        """The last error in its log since it was started, else its last line."""
        with self.folder.log.open("rb") as log:
            log.seek(self.log_start)
            lines = log.read().decode(errors="replace").splitlines()
        if crash := next((line for line in lines if line.startswith(_CRASHES)), ""):
            return f"{crash} (is there too little memory?)"
        errors = [line for line in lines if _ERROR in line]
        return (errors or lines or [f"see {self.folder.log}"])[-1].rpartition(_ERROR)[2].strip()

    async def end(self) -> None:
        """Ask it to end, which writes what is open; kill it where it does not."""
        self._end_guard()
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self.process.send_signal(sign)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(STOP_SECONDS):
                        await self.process.wait()

    def _end_guard(self) -> None:
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None


def _prepared(also: Callable[[], None] | None) -> Callable[[], None]:
    """What the child does before it is the server: what it writes is its owner's alone."""

    def prepare() -> None:
        os.umask(UMASK)  # uvloop cannot be asked for it
        if also is not None:
            also()

    return prepare


async def answers(state: ServerState) -> bool:
    """Whether this very server, not just any, answers at its address."""
    info = await greeting(reachable(state.host), state.port)
    return info is not None and info.get("server_name") == state.name


def _configuration(folder: QueueFolder, state: ServerState) -> bytes:
    host = bracketed(state.host)
    values = {
        "name": state.name,
        "listen": f"{host}:{state.port}",
        "http": f"{host}:{state.monitor_port}",
        "store": str(folder.path),
        "log": str(folder.log),
        "sync": _SYNC_INTERVAL[state.sync],
    }
    # Its strings are quoted as in JSON, except that it knows no \\u.
    quoted = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
    secret = json.dumps(folder.secret(), ensure_ascii=False)
    quoted["authorization"] = "" if state.open else f"authorization {{ token: {secret} }}"
    quoted["most"] = str(most_bytes(folder.path / "jetstream"))
    return os.fsencode(_CONFIG.format_map(quoted))
