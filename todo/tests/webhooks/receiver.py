"""A real HTTP receiver of webhooks, which answers as a test tells it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

#: What a test waits for at most.
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Got:
    """One request."""

    line: str
    headers: Mapping[str, str]
    body: bytes


def plainly(status: int, headers: str = "", body: bytes = b"") -> bytes:
    """An answer as bytes."""
    return f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Receiver:
    """Its address, and what came."""

    port: int = 0
    scheme: str = "http"
    #: What it answers to the nth request, counted from 0; None: nothing, ever.
    answer: Callable[[int], bytes | None] = lambda _: plainly(204)
    got: list[Got] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook?token=hidden"

    async def number(self, count: int) -> list[Got]:
        """Wait until so many requests have come."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.changed:
            await self.changed.wait_for(lambda: len(self.got) >= count)
        return self.got

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request and answer it."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head.rstrip("\r\n").split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (one.partition(": ") for one in lines)
            }
            body = await reader.readexactly(int(headers["content-length"]))
            async with self.changed:
                number = len(self.got)
                self.got.append(Got(line, headers, body))
                self.changed.notify_all()
            answer = self.answer(number)
            if answer is None:
                await reader.read()  # until the other side gives up
            else:
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Receiver]:
    """A receiver on 127.0.0.1, for as long as the context lasts."""
    receiver = Receiver(scheme="https" if tls else "http")
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
