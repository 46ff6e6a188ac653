"""A real PostgreSQL server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from dovetail.testing.servers.process import (
    LIMIT_SECONDS,
    Identity,
    Server,
    ServerFailed,
    ServerMissing,
)


class PostgresServer(Server):
    """PostgreSQL on a free port of 127.0.0.1; user `postgres`, no password, no unix socket.

    It refuses to run as root, so there it runs as the user `postgres`. `fsync` off is safe against
    SIGKILL, and not against loss of power; put it on to measure. `settings` are PostgreSQL's own.
    """

    stop_signal = signal.SIGINT  # "fast": ends connections, writes everything

    def __init__(
        self,
        *,
        folder: Path | None = None,
        port: int = 0,
        fsync: bool = False,
        settings: dict[str, str] | None = None,
    ) -> None:
        super().__init__(folder=folder, port=port)
        self.fsync = fsync
        self.settings = settings or {}

    @property
    def url(self) -> str:
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """The address of a database of this server."""
        return f"postgresql://postgres@{self.host}:{self.port}/{name}"

    async def create_database(self, name: str) -> str:
        """Make an empty database; returns its address."""
        await self._run("createdb", "-h", self.host, "-p", str(self.port), "-U", "postgres", name)
        return self.database_url(name)

    async def start(self) -> None:
        """As Server.start. Processes of one that was killed hold its memory until they have noticed."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                try:
                    return await super().start()
                except ServerFailed as error:
                    if "shared memory block" not in str(error):
                        raise
                await self._wait_gone()

    async def _prepare(self) -> None:
        identity = self._identity()
        if identity:
            os.chown(self.folder, identity["user"], identity["group"])
        if not (self._data / "PG_VERSION").exists():
            options = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
            await self._run("initdb", "-D", str(self._data), "-U", "postgres", *options)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _command(self) -> list[str]:
        own = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "on" if self.fsync else "off",
            "full_page_writes": "on" if self.fsync else "off",
        }
        settings = (f"-c{name}={value}" for name, value in (own | self.settings).items())
        return [str(_program("postgres")), "-D", str(self._data), *settings]

    def _identity(self) -> Identity:
        if os.getuid() != 0:
            return {}
        try:
            user = pwd.getpwnam("postgres")
        except KeyError as error:
            raise ServerMissing(
                "PostgreSQL does not run as root, and there is no user postgres"
            ) from error
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    async def _is_ready(self) -> bool:
        # Its eighth line is the state; what pg_ctl waits for, too.
        with contextlib.suppress(OSError, IndexError):
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            return lines[0] == str(self.pid) and lines[7].strip() == "ready"
        return False

    async def kill(self) -> None:
        """SIGKILL to the server and all of its processes, as when the machine's memory runs out.

        Only the first process would leave the others at work, and the next start would be refused.
        """
        children = _children(self.pid) if self.running else []
        self._signal(signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        await self._wait_gone()

    async def _run(self, name: str, *arguments: str) -> None:
        command, identity = [str(_program(name)), *arguments], self._identity()

        def run() -> None:
            subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **identity)

        await asyncio.to_thread(run)


def _program(name: str) -> Path:
    """A program of PostgreSQL; Debian keeps them beside PATH, one folder for each version."""
    folders = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(folders, key=lambda path: float(path.parent.parent.name), default=None)
    found = newest or shutil.which(name)
    if found is None:
        raise ServerMissing("PostgreSQL was not found; on Debian: apt-get install postgresql")
    return Path(found)


def _children(pid: int) -> list[int]:
    """The processes that this one started, on Linux; elsewhere they notice its end by themselves."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
