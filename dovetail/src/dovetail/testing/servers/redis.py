"""A real Redis server."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

from dovetail.testing.servers.process import Server, ServerMissing


class RedisServer(Server):
    """redis-server on a free port, its data in `folder`, with an append-only file unless told otherwise.

    It syncs before it confirms: with `everysec` it confirms before it writes where its disk is slow, and
    a killed one loses that.

    `settings` are Redis's own: `{"maxmemory": "20mb", "requirepass": "secret"}`. `login` goes into the
    address: "user:password" or ":password". With a `certificate` (a PEM file with its key) the server
    demands TLS.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        port: int = 0,
        appendonly: bool = True,
        settings: Mapping[str, str] | None = None,
        login: str = "",
        certificate: Path | None = None,
    ) -> None:
        super().__init__(folder=folder, port=port)
        self.appendonly = appendonly
        self.settings = dict(settings or {})
        self.login = login
        self.certificate = certificate

    @property
    def url(self) -> str:
        scheme = "rediss" if self.certificate else "redis"
        login = f"{self.login}@" if self.login else ""
        return f"{scheme}://{login}{self.host}:{self.port}"

    def _command(self) -> list[str]:
        program = shutil.which("redis-server")
        if program is None:
            raise ServerMissing("Redis was not found; on Debian: apt-get install redis-server")
        own = {
            "bind": self.host,
            "port": "0" if self.certificate else str(self.port),
            "dir": str(self.folder),
            "appendonly": "yes" if self.appendonly else "no",
            "appendfsync": "always",
            "save": "",
            "shutdown-timeout": "0",  # for replicas that lag
        }
        if self.certificate:
            own |= {
                "tls-port": str(self.port),
                "tls-cert-file": str(self.certificate),
                "tls-key-file": str(self.certificate),
                "tls-auth-clients": "no",
            }
        return [
            program,
            *(word for key, value in (own | self.settings).items() for word in (f"--{key}", value)),
        ]

    async def _is_ready(self) -> bool:
        """It has written that it takes connections since it was started, and it does."""
        try:
            _, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            return False
        writer.close()
        *_, last = self.log.read_text(errors="replace").rpartition("oO0OoO0OoO0Oo")
        return "Ready to accept connections" in last
