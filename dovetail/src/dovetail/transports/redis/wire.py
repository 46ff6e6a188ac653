"""One connection to a Redis server: commands out, their replies and pushed messages in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from dovetail.network.protocol import ConnectionLost, ProtocolError, StreamWire
from dovetail.transports.redis import limits
from dovetail.transports.redis.protocol import Argument, Protocol

#: Takes what the server sends unasked: its kind, and the rest.
OnPush = Callable[[list[Any]], None]


class Wire(StreamWire):
    """Neither commands nor replies have a task or a lock of their own."""

    def __init__(self, on_push: OnPush) -> None:
        super().__init__()
        self._on_push = on_push
        self._protocol: Protocol[asyncio.Future[Any]] = Protocol()

    def data_received(self, data: bytes) -> None:
        """Hand each reply to whoever waits for it."""
        try:
            for future, value in self._protocol.receive(data):
                if future is None:
                    self._on_push(value)
                elif not future.done():
                    future.set_result(value)
        except ProtocolError as error:
            self.abort(str(error))

    def call(self, *command: Argument) -> asyncio.Future[Any]:
        """The future of the reply: what hiredis makes of it, ReplyError included, or ConnectionLost."""
        future = self._loop.create_future()
        if self.closed:
            _fail(future, "the connection is closed")
        else:
            self.write(self._protocol.command(future, *command))
        return future

    def end(self, why: str) -> None:
        """Fail what waits for a reply."""
        for future in self._protocol.unanswered():
            _fail(future, why)

    async def leave(self, seconds: float = limits.GOODBYE_SECONDS) -> None:
        """As StreamWire.leave."""
        await super().leave(seconds)


def _fail(future: asyncio.Future[Any], why: str) -> None:
    if not future.done():
        future.set_exception(ConnectionLost(why))
        future.exception()  # whoever asked may have given up
