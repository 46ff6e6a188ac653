"""The port of a component for those who watch it: a small HTTP/1.1 server.

A web server costs 8 MB and 0.1 s, which a handler would pay in each of its processes; prometheus-client's
starts a thread for each connection and lets it wait for ever. This one reads with uvicorn's parser,
answers one request on each connection, and bounds all that a stranger could use up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import cast

import httptools

from todo.allowed_hosts import MISDIRECTED, Hosts
from todo.http.refusals import HEADERS
from todo.listen_address import ListenAddress
from todo.monitoring.answer import Answer
from todo.monitoring.monitor import PATHS, Monitor

log = logging.getLogger("todo.monitoring")

#: Seconds that a connection has, from its first byte to the last one of its answer.
LIMIT_SECONDS = 10.0
#: Open connections. One more ends the oldest of them, so that idle ones keep nobody out.
MOST_CONNECTIONS = 32
#: Bytes of a request that are read at most.
MOST_BYTES = 16_384

_BROKEN = Answer(b'{"status":"the request cannot be read"}', 400)
_TOO_LARGE = Answer(b'{"status":"the request is too large"}', 431)
_MISDIRECTED = Answer(
    b'{"status":"this server does not answer to that name; TODO_ALLOWED_HOSTS has those that it does"}',
    MISDIRECTED,
)
_NOT_FOUND = Answer(b'{"status":"nothing is here; there are /health, /ready and /metrics"}', 404)
_NOT_ALLOWED = Answer(b'{"status":"this only shows: use GET or HEAD"}', 405, allow="GET, HEAD")
_FAILED = Answer(b'{"status":"something went wrong here; the log has the reason"}', 500)


@asynccontextmanager
async def serving(
    place: ListenAddress, monitor: Monitor, hosts: Hosts | None = None
) -> AsyncIterator[None]:
    """Answer at this place for as long as the context lasts. Raises SettingsInvalid."""
    connections = Connections(monitor, hosts or Hosts())
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(connections), sock=place.bind(), backlog=MOST_CONNECTIONS
    )
    try:
        yield
    finally:
        server.close()
        await connections.close()
        await server.wait_closed()


class Connections:
    """Those that are open, oldest first."""

    def __init__(self, monitor: Monitor, hosts: Hosts) -> None:
        self.monitor = monitor
        self.hosts = hosts
        self._open: dict[Connection, None] = {}

    def add(self, connection: Connection) -> None:
        """Take one more in; the oldest gives way where there are too many."""
        if len(self._open) >= MOST_CONNECTIONS:
            next(iter(self._open)).end()
        self._open[connection] = None

    def discard(self, connection: Connection) -> None:
        """One has ended."""
        self._open.pop(connection, None)

    async def close(self) -> None:
        """End all of them."""
        answering = [one.answering for one in self._open if one.answering is not None]
        for one in list(self._open):
            one.end()
        await asyncio.gather(*answering, return_exceptions=True)


class Connection(asyncio.Protocol):
    """One connection, and so one request. httptools calls the `on_…` methods."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._received = 0
        self._target = b""
        self._host = b""
        self._taken = False
        #: What answers the request, once it was read.
        self.answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._limit = asyncio.get_running_loop().call_later(LIMIT_SECONDS, self.end)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self.end()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio. What follows the head of a request is of no interest."""
        if self._taken:
            return
        self._received += len(data)
        if self._received > MOST_BYTES:
            self._send(_TOO_LARGE)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # to another protocol: the request is answered in this one
        except httptools.HttpParserError:
            if not self._taken:
                self._send(_BROKEN)

    def on_url(self, url: bytes) -> None:
        """A part of the target; a long one comes in several."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"host":
            self._host = value

    def on_headers_complete(self) -> None:
        """All that is needed was read."""
        path = httptools.parse_url(self._target).path or b""
        if self._host and self._connections.hosts.refusal(self._host):
            self._send(_MISDIRECTED)
        elif self._parser.get_method() not in (b"GET", b"HEAD"):
            self._send(_NOT_ALLOWED)
        elif (known := path.decode("latin-1")) not in PATHS:
            self._send(_NOT_FOUND)
        else:
            self._taken = True
            self.answering = asyncio.create_task(self._answer(known))

    def end(self) -> None:
        """Let go of it, whatever it is at."""
        if self._limit is not None:
            self._limit.cancel()
        if self.answering is not None:
            self.answering.cancel()
        if self._transport is not None:
            self._transport.abort()

    async def _answer(self, path: str) -> None:
        try:
            answer = await self._connections.monitor.answer(path)
        except Exception:
            log.exception("%s cannot be answered", path)
            answer = _FAILED
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        self._taken = True
        assert self._transport is not None
        head_only = self._parser.get_method() == b"HEAD"
        self._transport.write(head(answer) + (b"" if head_only else answer.body))
        self._transport.close()


def head(answer: Answer) -> bytes:
    """The first lines of a response."""
    status = HTTPStatus(answer.status)
    headers = (
        HEADERS | answer.headers | {"content-length": str(len(answer.body)), "connection": "close"}
    )
    lines = (f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{''.join(lines)}\r\n".encode()
