"""Three real NATS servers with JetStream, as one cluster."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from dovetail.embedded.ports import free_port
from dovetail.testing.servers.nats import NatsServer
from dovetail.testing.servers.process import LIMIT_SECONDS, ServerFailed

_LOOK_SECONDS = 0.02
_ANSWER_SECONDS = 1.0


class NatsCluster:
    """`size` servers that replicate streams among them, each to be stopped, killed and started again.

    An async context manager that has started when JetStream has a leader on all of them. `config` stands
    in each server's configuration.
    """

    def __init__(self, *, size: int = 3, config: str = "") -> None:
        ports = [free_port() for _ in range(size)]
        self._routes = ", ".join(f"nats://127.0.0.1:{port}" for port in ports)
        self._config = config
        self.servers = [self._server(port) for port in ports]
        self._stack = AsyncExitStack()

    def _server(self, port: int) -> NatsServer:
        cluster = f"name: test, listen: 127.0.0.1:{port}, routes: [{self._routes}]"
        return NatsServer(config=f"cluster {{ {cluster} }}\n{self._config}")

    @property
    def url(self) -> str:
        """The address of all of them, for a client that goes to another one when its own is gone."""
        return "nats://" + ",".join(f"{one.host}:{one.port}" for one in self.servers)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await asyncio.gather(*(stack.enter_async_context(one) for one in self.servers))
            await self.ready()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def grow(self) -> None:
        """Start one more server, and return when it has caught up with the others."""
        server = self._server(free_port())
        await self._stack.enter_async_context(server)
        self.servers.append(server)
        await self.ready()

    async def mend(self, within: float = LIMIT_SECONDS) -> None:
        """All run and are `ready`, whatever a test that failed has left behind."""
        for server in self.servers:
            server.resume()
        await asyncio.gather(*(one.start() for one in self.servers if not one.running))
        await self.ready(within)

    async def ready(self, within: float = LIMIT_SECONDS) -> None:
        """Return when each server that runs has caught up with the others. Raises ServerFailed.

        That is after so many seconds, with what the server says.
        """
        said = ""
        try:
            async with asyncio.timeout(within):
                for server in self.servers:
                    while server.running and (said := await _complaint(server)):  # noqa: ASYNC110 - no signal
                        await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError as error:
            raise ServerFailed(f"a server of the cluster is not well: {said}") from error

    async def leader(self, stream: str = "") -> NatsServer:
        """The server that leads this stream, or all of JetStream where none is named."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                async for name in self._leaders(stream):
                    for server in self.servers:
                        if server.name == name and server.running:
                            return server
                await asyncio.sleep(_LOOK_SECONDS)

    async def _leaders(self, stream: str) -> AsyncIterator[str]:
        """Who leads, as those say that run: they may not know yet, or not know yet that it is gone."""
        for server in self.servers:
            if server.running and (said := await _asked(server, "/jsz?streams=1")) is not None:
                yield _leader_of(said, stream)


def _leader_of(said: dict[str, Any], stream: str) -> str:
    if not stream:
        return str(said.get("meta_cluster", {}).get("leader", ""))
    return next(
        (
            str(one.get("cluster", {}).get("leader", ""))
            for account in said.get("account_details", [])
            for one in account.get("stream_detail", [])
            if one["name"] == stream
        ),
        "",
    )


async def _complaint(server: NatsServer) -> str:
    """What the server's monitor complains of; "" where it is well."""
    try:
        answer = await asyncio.to_thread(_get, server.monitor_url + "/healthz")
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except OSError as error:
        return str(error)
    return "" if json.loads(answer)["status"] == "ok" else answer.decode()


async def _asked(server: NatsServer, path: str) -> dict[str, Any] | None:
    """What the server's monitor answers; None where it does not, or reports trouble."""
    with contextlib.suppress(OSError):
        answer = await asyncio.to_thread(_get, server.monitor_url + path)
        said: dict[str, Any] = json.loads(answer)
        return said
    return None


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:
        content: bytes = answer.read()
        return content
