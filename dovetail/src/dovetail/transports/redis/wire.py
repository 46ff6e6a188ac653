"""One connection in the Redis protocol (RESP3): commands out, replies and pushed messages in.

Commands are written at the end of each turn of the event loop, all of them together, and the replies are cut
out of what comes by hiredis, without a task or a lock for each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis

from dovetail.plain import plain_error

#: Takes what the server sends unasked: its kind, and the rest.
OnPush = Callable[[list[Any]], None]
Argument = str | bytes | int

#: What the server, and TLS, may take to let go of the connection.
GOODBYE_SECONDS = 1.0
_NOTHING = object()


class ConnectionLost(Exception):
    """The connection ended before the reply came; whether the command was carried out is not known."""


class Wire(asyncio.Protocol):
    """Made by `loop.create_connection`; it ends once and is then thrown away."""

    def __init__(self, on_push: OnPush) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_push = on_push
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._out: list[bytes] = []
        self._replies: deque[asyncio.Future[Any]] = deque()
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended = asyncio.Event()
        self._why = ""
        #: What ended the connection, where that was an error.
        self.lost_by: Exception | None = None
        self.closed = False

    # Protocol callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits for a reply."""
        self.closed = True
        self.lost_by = exc
        self._why = self._why or (plain_error(exc) if exc else "closed by the server")
        self._writable.set()
        self._ended.set()
        while self._replies:
            _fail(self._replies.popleft(), self._why)

    def pause_writing(self) -> None:
        """The operating system takes no more for now."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It takes more again."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Hand each reply to whoever waits for it."""
        reader, replies = self._reader, self._replies
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _NOTHING:
                if type(reply) is hiredis.PushNotification:
                    self._on_push(reply)
                elif replies:
                    future = replies.popleft()
                    if not future.done():
                        future.set_result(reply)
        except hiredis.ProtocolError:
            self.abort("it does not speak the Redis protocol")

    # Calling

    def call(self, *command: Argument) -> asyncio.Future[Any]:
        """The future of the reply: what hiredis makes of it, ReplyError included, or ConnectionLost."""
        future = self._loop.create_future()
        if self.closed:
            _fail(future, "the connection is closed")
            return future
        self.tell(*command)
        self._replies.append(future)
        return future

    def tell(self, *command: Argument) -> None:
        """Send a command that is answered by pushed messages only."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(hiredis.pack_command(cast(Any, command)))

    async def lost(self) -> str:
        """Return when the connection has ended, and why."""
        await self._ended.wait()
        return self._why

    async def writable(self) -> None:
        """Wait while the other side is slower than we are."""
        await self._writable.wait()

    @property
    def blocked(self) -> bool:
        """Whether a writer should wait."""
        return not self._writable.is_set()

    async def leave(self) -> None:
        """Write what waits, then close."""
        if self._transport is not None and not self.closed:
            self._flush()
            self._transport.close()
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):  # TLS takes leave, too
                await self.lost()
        except TimeoutError:
            pass
        finally:
            self.abort("closed")

    def abort(self, why: str) -> None:
        """Close at once."""
        self._why = why
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        out = self._out
        if out and self._transport is not None and not self.closed:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        out.clear()


def _fail(future: asyncio.Future[Any], why: str) -> None:
    if not future.done():
        future.set_exception(ConnectionLost(why))
        future.exception()  # whoever asked may have given up
