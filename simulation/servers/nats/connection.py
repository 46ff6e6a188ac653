"""One connection of a client."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any, Protocol, cast

from simulation.servers.nats.parser import Parser, Violation
from simulation.servers.nats.subjects import SubjectTree

#: How often a client is asked whether it is there, and how often in a row it may not answer.
PING_SECONDS, MOST_UNANSWERED = 120.0, 2


class Subscription:
    """What one client wants to hear."""

    __slots__ = ("connection", "queue", "sid", "subject")

    def __init__(self, connection: Connection, subject: str, queue: str, sid: bytes) -> None:
        self.connection = connection
        self.subject = subject
        self.queue = queue
        self.sid = sid

    def send(self, subject: str, reply: str, headers: bytes, payload: bytes) -> None:
        """One message."""
        line = f"{subject} ".encode("utf-8", "surrogateescape") + self.sid
        if reply:
            line += b" " + reply.encode("utf-8", "surrogateescape")
        size = len(headers) + len(payload)
        if headers:
            frame = b"HMSG %s %d %d\r\n%s%s\r\n" % (line, len(headers), size, headers, payload)
        else:
            frame = b"MSG %s %d\r\n%s\r\n" % (line, size, payload)
        self.connection.write(frame)


class Hub(Protocol):
    """The server, as its connections see it."""

    max_payload: int
    pieces: bool
    random: Random
    connections: dict[Connection, None]
    subscriptions: SubjectTree[Subscription]

    def info(self) -> dict[str, Any]:
        """What it says of itself."""

    def publish(self, subject: str, reply: str, headers: bytes, payload: bytes) -> bool:
        """Let all hear what a client says; gives whether anybody does."""


class Connection(asyncio.Protocol):
    """Hands over what the client sends, and sends what the server has for it."""

    def __init__(self, server: Hub) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._parser = Parser(self, server.max_payload)
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._flushing: asyncio.Handle | None = None
        self._pinging: asyncio.TimerHandle | None = None
        self._unanswered = 0
        #: What it said in CONNECT.
        self._fields: dict[str, Any] = {}
        self.subscriptions: dict[bytes, Subscription] = {}

    @property
    def tells_nobody_listens(self) -> bool:
        """Whether it wants to know that nobody is there for its request."""
        return bool(self._fields.get("no_responders") and self._fields.get("headers"))

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet it."""
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections[self] = None
        self._greet()
        self._pinging = self._loop.call_later(PING_SECONDS, self._ping)

    def data_received(self, data: bytes) -> None:
        """Do what it says."""
        if self._transport is None or self._transport.is_closing():
            return
        try:
            self._parser.feed(data)
        except (Violation, ValueError) as error:
            what = str(error) if isinstance(error, Violation) else "Unknown Protocol Operation"
            self._refuse(what)

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing of it is left."""
        self._forget()

    # What the client says

    def on_connect(self, fields: dict[str, Any]) -> None:
        if fields.get("verbose"):
            raise Violation("not simulated: verbose")
        self._fields = fields
        self._loop.call_soon(self._greet, True)

    def on_ping(self) -> None:
        self.write(b"PONG\r\n")

    def on_pong(self) -> None:
        self._unanswered = 0

    def on_subscribe(self, subject: str, queue: str, sid: bytes) -> None:
        if sid not in self.subscriptions:
            one = self.subscriptions[sid] = Subscription(self, subject, queue, sid)
            self._server.subscriptions.add(subject, one)

    def on_unsubscribe(self, sid: bytes) -> None:
        if (one := self.subscriptions.pop(sid, None)) is not None:
            self._server.subscriptions.remove(one.subject, one)

    def on_publish(self, subject: str, reply: str, headers: bytes, payload: bytes) -> None:
        is_heard = self._server.publish(subject, reply, headers, payload)
        if not is_heard and reply and self.tells_nobody_listens:
            status = f"NATS/1.0 503\r\nNats-Subject: {subject}\r\n\r\n"
            for one in self.subscriptions.values():
                if one in self._server.subscriptions.find(reply):
                    one.send(reply, "", status.encode("utf-8", "surrogateescape"), b"")

    # What is sent

    def write(self, data: bytes) -> None:
        """Send it, with all else that is sent now."""
        if self._transport is not None:
            self._out.append(data)
            if self._flushing is None:
                self._flushing = self._loop.call_soon(self._flush)

    def abort(self) -> None:
        """It is lost, with all that was not sent yet."""
        if self._transport is not None:
            self._transport.abort()
        self._forget()

    def _forget(self) -> None:
        self._transport = None
        self._out.clear()
        self._server.connections.pop(self, None)
        for handle in (self._pinging, self._flushing):
            if handle is not None:
                handle.cancel()
        for sid in [*self.subscriptions]:
            self.on_unsubscribe(sid)

    def _flush(self) -> None:
        self._flushing = None
        if self._transport is None or self._transport.is_closing():
            return
        data = b"".join(self._out)
        self._out.clear()
        if self._server.pieces and len(data) > 1:
            size = self._server.random.randint(1, len(data))
            data, rest = data[:size], data[size:]
            if rest:
                self._out.append(rest)
                self._flushing = self._loop.call_soon(self._flush)
        self._transport.write(data)

    def _greet(self, connected: bool = False) -> None:
        info = self._server.info()
        if connected:
            info |= {"connect_info": True, "remote_account": "$G"}
        self.write(b"INFO %s\r\n" % json.dumps(info, separators=(",", ":")).encode())

    def _refuse(self, why: str) -> None:
        """Close it, and say why."""
        self.write(b"-ERR '%s'\r\n" % why.encode())
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(b"".join(self._out))
            self._out.clear()
            transport.close()

    def _ping(self) -> None:
        self._unanswered += 1
        if self._unanswered > MOST_UNANSWERED:
            self._refuse("Stale Connection")
            return
        self.write(b"PING\r\n")
        self._pinging = self._loop.call_later(PING_SECONDS, self._ping)
