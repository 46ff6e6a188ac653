"""A real NATS server with JetStream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from dovetail.embedded.binary import find_server
from dovetail.embedded.ports import free_port, greeting
from dovetail.errors import ConfigurationError
from dovetail.testing.servers.process import Server, ServerMissing


class NatsServer(Server):
    """nats-server on a free port, JetStream on, its store in `folder`.

    `config` is in nats-server's own language and stands beside what is written here: `max_payload: 64KB`,
    `authorization { user: u, password: p }`, `tls { … }`. `max_file_store` is JetStream's room, like
    "1MB". `login` goes into the address: "u:p". `scheme` is "tls" where the server demands it.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        port: int = 0,
        config: str = "",
        max_file_store: str = "",
        login: str = "",
        scheme: str = "nats",
    ) -> None:
        super().__init__(folder=folder, port=port)
        self.monitor_port = free_port()
        self.config = config
        self.max_file_store = max_file_store
        self.login = login
        self.scheme = scheme
        self.name = f"test-{self.port}"

    @property
    def url(self) -> str:
        login = f"{self.login}@" if self.login else ""
        return f"{self.scheme}://{login}{self.host}:{self.port}"

    @property
    def monitor_url(self) -> str:
        """The monitor's address over HTTP, without a path: add `/varz`, `/connz`, `/jsz`."""
        return f"http://{self.host}:{self.monitor_port}"

    async def _prepare(self) -> None:
        room = f"max_file_store: {self.max_file_store}" if self.max_file_store else ""
        (self.folder / "server.conf").write_text(
            f"server_name: {self.name}\n"
            f"listen: {self.host}:{self.port}\n"
            f"http: {self.host}:{self.monitor_port}\n"
            f"jetstream {{ store_dir: {json.dumps(str(self.folder), ensure_ascii=False)}\n{room}\n}}\n"
            f"{self.config}\n"
        )

    def _command(self) -> list[str]:
        try:
            program = find_server()
        except ConfigurationError as error:
            raise ServerMissing(str(error)) from error
        return [str(program), "--config", str(self.folder / "server.conf")]

    async def _is_ready(self) -> bool:
        info = await greeting(self.host, self.port)
        return info is not None and info.get("server_name") == self.name


class _Flushes(Protocol):
    async def flush(self) -> Any: ...


async def caught_up(client: _Flushes) -> None:
    """Return when the server has done what nats-py's client was told.

    The ping of its first `flush` may overtake what the client has not written yet.
    """
    for _ in range(2):
        await client.flush()
