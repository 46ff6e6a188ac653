"""One connection to a NATS server: it ends once and is then thrown away."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from dovetail.network.protocol import ConnectionLost, ProtocolError, StreamWire
from dovetail.transports.nats import protocol
from dovetail.transports.nats.limits import FLUSH_SECONDS, GOODBYE_SECONDS
from dovetail.transports.nats.protocol import OnMessage, Parser, ServerInfo


class Wire(StreamWire):
    """Hands messages to the callbacks of their subscriptions, and answers the server's pings."""

    def __init__(self) -> None:
        super().__init__()
        self._parser = Parser(self)
        self._pongs: deque[asyncio.Future[None]] = deque()
        self.callbacks: dict[bytes, OnMessage] = self._parser.callbacks
        self.info: asyncio.Future[ServerInfo] = self._loop.create_future()
        #: What the server complained of last, and who is told of that.
        self.last_error = ""
        self.on_complaint: Callable[[str], None] = lambda text: None

    @property
    def greeted_only(self) -> bool:
        """As the parser's."""
        return self._parser.greeted_only

    def data_received(self, data: bytes) -> None:
        """Hand over what is complete."""
        try:
            self._parser.feed(data)
        except ProtocolError:
            self.abort("it does not speak the NATS protocol")

    def connection_lost(self, exc: Exception | None) -> None:
        """What the server said before it closed the connection is why."""
        if exc is None:
            self._why = self._why or self.last_error
        super().connection_lost(exc)

    def end(self, why: str) -> None:
        """Fail what waits for the greeting, or for a PONG."""
        waiting: list[asyncio.Future[Any]] = [*self._pongs, self.info]
        for future in waiting:
            if not future.done():
                future.set_exception(ConnectionLost(why))
                future.exception()  # nobody need be waiting

    async def ping(self) -> None:
        """Return when the server has seen all that was written before. Raises ConnectionLost."""
        if self.closed:
            raise ConnectionLost("the connection is closed")
        future = self._loop.create_future()
        self._pongs.append(future)
        self.write(protocol.PING)
        await future

    async def answers(self, seconds: float) -> bool:
        """Whether the server has seen, within this time, all that was written before."""
        try:
            async with asyncio.timeout(seconds):
                await self.ping()
        except (TimeoutError, ConnectionLost):
            return False
        return True

    async def leave(self, seconds: float = GOODBYE_SECONDS) -> None:
        """As StreamWire.leave, once the server has seen what was written."""
        try:
            await self.answers(FLUSH_SECONDS)
        finally:
            await super().leave(seconds)

    # What the parser hands over

    def on_info(self, info: ServerInfo) -> None:
        if not self.info.done():
            self.info.set_result(info)

    def on_ping(self) -> None:
        self.write(protocol.PONG)

    def on_pong(self) -> None:
        if self._pongs and not (future := self._pongs.popleft()).done():
            future.set_result(None)

    def on_error(self, text: str) -> None:
        self.last_error = text
        self.on_complaint(text)
