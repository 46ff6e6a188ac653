"""A TCP proxy between a client and its server, to cut connections and to swallow what they carry."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from dovetail.testing.servers.process import Server


class Proxy:
    """An async context manager; `url` is the server's address through it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        #: What the server sends, and what clients send, goes nowhere; connections stay open.
        self.swallow_answers = False
        self.swallow_requests = False

    @property
    def url(self) -> str:
        assert self._listener is not None
        scheme = self.server.url.partition("://")[0]
        return f"{scheme}://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End every connection at once, as a cable that is pulled and a firewall that says so."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def black_hole(self, *, on: bool) -> None:
        """Nothing arrives on either side, and nobody is told."""
        self.swallow_answers = self.swallow_requests = on

    async def _connected(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.server.port)
        except OSError:
            to_client.transport.abort()
            return
        self._writers |= {to_client, to_server}
        for task in (
            asyncio.create_task(self._pass_on(from_client, to_server, "swallow_requests")),
            asyncio.create_task(self._pass_on(from_server, to_client, "swallow_answers")),
        ):
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, swallow: str
    ) -> None:
        try:
            while data := await reader.read(65_536):
                if not getattr(self, swallow):
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()
