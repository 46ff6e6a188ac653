"""One client: its commands in their order, and a read that waits."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, cast

import hiredis

from simulation.servers.redis.replies import encoded

if TYPE_CHECKING:
    from simulation.servers.redis.server import FakeRedis


class Connection(asyncio.Protocol):
    """Made for each client that connects."""

    def __init__(self, server: FakeRedis, id: int) -> None:
        self._server = server
        #: What CLIENT UNBLOCK knows it by.
        self.id = id
        self.database = 0
        #: The read that waits, and what ends it.
        self.blocked: tuple[bytes, ...] | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[bytes, ...]] = deque()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        self._server.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio.Protocol."""
        self.forget()

    def data_received(self, data: bytes) -> None:
        """Take commands, and carry out those whose turn it is."""
        self._reader.feed(data)
        try:
            while (command := self._reader.gets()) is not False:
                self._waiting.append(tuple(command))
        except (hiredis.ProtocolError, TypeError):
            self.abort()
        self._server.arrived(self)

    def work(self) -> None:
        """Carry out commands, up to one that waits."""
        while self._waiting and self.blocked is None and self._transport is not None:
            self._server.carry_out(self, self._waiting.popleft())

    # A read that waits

    def block(self, command: tuple[bytes, ...], milliseconds: int) -> None:
        """Carry out nothing more until it is unblocked, or the time is over."""
        self.blocked = command
        loop = asyncio.get_running_loop()
        if milliseconds:
            self._limit = loop.call_later(milliseconds / 1000, self.unblock, None)

    def unblock(self, reply: Any) -> None:
        """Answer the read that waits, and go on."""
        if self._limit is not None:
            self._limit.cancel()
        self.blocked = self._limit = None
        self.send(reply)
        self._server.unblocked(self)

    # What goes out

    def send(self, reply: Any) -> None:
        """When what was written is on the disk."""
        self._out.append(encoded(reply))
        self._server.has_output(self)

    def flush(self) -> None:
        """Send it."""
        data = b"".join(self._out)
        self._out.clear()
        if self._transport is None or self._transport.is_closing():
            return
        while self._server.pieces and len(data) > 1:
            cut = self._server.random.randint(1, len(data))
            self._transport.write(data[:cut])
            data = data[cut:]
        self._transport.write(data)

    def abort(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()
        self.forget()

    def forget(self) -> None:
        """Nothing is left of it."""
        if self._limit is not None:
            self._limit.cancel()
        self.blocked = self._limit = self._transport = None
        self._waiting.clear()
        self._server.disconnected(self)
