"""HTTP/1.1 on uvicorn, with the limits of `todo.http.limits`: uvicorn has none for headers, nor for time.

A client that exceeds a limit gets an answer where one is possible; then the connection ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from todo.allowed_hosts import MISDIRECTED, Hosts
from todo.http.limits import (
    IDLE_SECONDS,
    KEEP_ALIVE_SECONDS,
    LINGER_SECONDS,
    LOOK_SECONDS,
    MAX_HEAD,
    MAX_LENGTH_DIGITS,
    REQUEST_SECONDS,
    UNREAD_SECONDS,
    ConnectionLimit,
)
from todo.http.refusals import Style, as_text, refusal
from todo.http.write_coalescing import CoalescedWrites
from todo.log_backoff import LogBackoff

log = logging.getLogger("todo.server")


@dataclass
class ServerConnections:
    """What all connections of one server share."""

    hosts: Hosts
    style: Style = as_text
    limit: ConnectionLimit = field(default_factory=ConnectionLimit)
    connections: set[HttpProtocol] = field(default_factory=set)
    full: LogBackoff = field(default_factory=LogBackoff)

    async def watch(self) -> None:
        """End, for as long as this runs, the connections of those who are late."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            for connection in list(self.connections):
                connection.look(now)

    def make_room(self) -> bool:
        """Whether one more can be served. Where there are too many, an idle one gives way."""
        if len(self.connections) <= self.limit.most:
            return True
        if self.full.due():
            log.warning(
                "%d connections are open, which is as many as this process may have (ulimit -n): idle ones "
                "are ended, and others refused with 503",
                self.limit.most,
            )
        since = time.monotonic() - IDLE_SECONDS
        idle = [one for one in self.connections if one.waits_since < since and not one.busy]
        if not idle:
            return False
        min(idle, key=lambda one: one.waits_since).abort()
        return True


class _Refused(Exception):
    """Stops the parser."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, server_connections: ServerConnections, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._server = server_connections
        #: Bytes that came since the last part of a body, or since the request began.
        self._head = 0
        #: When the last request began to come in, or was answered; at first, when the connection was made.
        self.waits_since = time.monotonic()
        self._unread_since: float | None = None
        self._refused = False

    @property
    def busy(self) -> bool:
        """Whether it is our turn: a request has come in, and is not answered yet."""
        cycle = self._present
        return cycle is not None and not cycle.response_complete and not cycle.more_body

    @property
    def _present(self) -> RequestResponseCycle | None:
        """The present request, or the last one."""
        return self.cycle

    def connection_made(self, transport: Any) -> None:
        """Take it in, or refuse it where there are too many."""
        super().connection_made(CoalescedWrites(transport, self.loop))  # type: ignore[arg-type]
        self._server.connections.add(self)
        if not self._server.make_room():
            self._refuse(503, "Too many connections are open. Please try again in a moment.")
            over = len(self._server.connections) - self._server.limit.most
            if over > self._server.limit.refused_most:
                self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        super().connection_lost(exc)

    def abort(self) -> None:
        """End it at once."""
        self.transport.abort()

    def look(self, now: float) -> None:
        """End it where the client is late."""
        if self.busy and not self._refused:
            self.waits_since = now
        if self._unread_since is None and self.transport.is_closing():
            self._unread_since = now
        if self._unread_since is not None and now - self._unread_since > UNREAD_SECONDS:
            self.abort()
        elif self._refused:
            if now - self.waits_since > LINGER_SECONDS:
                self.abort()
        elif now - self.waits_since > (KEEP_ALIVE_SECONDS if self._idle else REQUEST_SECONDS):
            self._end_late()

    @property
    def _idle(self) -> bool:
        """Whether all that came was answered."""
        cycle = self._present
        return not self._head and cycle is not None and not cycle.more_body

    def _end_late(self) -> None:
        cycle = self._present
        if self._head or (cycle is not None and cycle.more_body):
            self._refuse(408, f"The request did not come in whole in {REQUEST_SECONDS:g} seconds.")
        else:
            self.transport.close()

    # What the parser is given, and what it finds

    def data_received(self, data: bytes) -> None:
        """Parse, never more of a head than is allowed."""
        if self._refused:
            return
        try:
            while self._head + len(data) > MAX_HEAD:
                room = MAX_HEAD - self._head
                self._head = MAX_HEAD
                self.parser.feed_data(data[:room])
                data = data[room:]
                if self._head >= MAX_HEAD:
                    self._refuse(431, f"The headers are over {MAX_HEAD // 1024} KiB.")
                    return
            self._head += len(data)
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # to another protocol: the request is answered in this one
        except httptools.HttpParserError:
            if not self._refused:
                self._refuse(400, "This is not a well-formed HTTP/1.1 request.")

    def on_headers_complete(self) -> None:
        host = None
        for name, value in self.headers:
            if name == b"host":
                if host is not None:
                    self._stop(400, "A request has one Host header.")
                host = value
            elif name == b"content-length" and len(value) > MAX_LENGTH_DIGITS:
                self._stop(400, "The Content-Length has too many digits.")
        if host is None:
            if self.parser.get_http_version() == "1.1":
                self._stop(400, "A request has one Host header.")
        elif why := self._server.hosts.refusal(host):
            self._stop(MISDIRECTED, why)
        self._head = 0
        self.waits_since = time.monotonic()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """As uvicorn has it, but without a timer for each request: `look` ends who is idle."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def _stop(self, status: int, detail: str) -> None:
        self._refuse(status, detail)
        raise _Refused

    def _refuse(self, status: int, detail: str) -> None:
        """Answer, unless another answer has begun; read on for a moment, and then end the connection."""
        self._refused = True
        self.waits_since = time.monotonic()
        cycle = self._present
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # for the application, its client has gone
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
                return
        self.transport.write(refusal(status, detail, self._server.style))
        self.transport.write_eof()
        self.flow.resume_reading()

    # Writing

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_since = time.monotonic()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_since = None
