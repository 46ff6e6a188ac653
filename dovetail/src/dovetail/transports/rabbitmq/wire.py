"""One connection in AMQP 0-9-1: frames out, and each channel's frames to it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol, cast

from pamqp import commands
from pamqp.base import Frame
from pamqp.exceptions import PAMQPException

from dovetail.errors import QueueError
from dovetail.plain import plain_error
from dovetail.server_address import Secret
from dovetail.transports.rabbitmq import frames

#: Largest frame that we ask for, in bytes; the server may want less.
FRAME_BYTES = 131_072
MOST_CHANNELS = 2047
GOODBYE_SECONDS = 2.0
#: How an alert of TLS begins: what a server says that does not understand our greeting.
_TLS_ALERT = b"\x15\x03"


class ConnectionLost(Exception):
    """The connection ended before the reply came; whether the command was carried out is not known."""


class OnFrame(Protocol):
    """One channel's end of the connection."""

    def method(self, payload: bytes) -> None:
        """A method frame."""

    def header(self, payload: bytes) -> None:
        """A content's header."""

    def body(self, payload: bytes) -> None:
        """A part of a content's body."""

    def lost(self, why: str) -> None:
        """The connection has ended."""


class Wire(asyncio.Protocol):
    """Made by `loop.create_connection`; it ends once and is then thrown away."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._out: list[bytes] = []
        self._channels: dict[int, OnFrame] = {}
        self._replies: list[asyncio.Future[Any]] = []
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended = asyncio.Event()
        self._why = ""
        #: What ended the connection, where that was an error.
        self.lost_by: Exception | None = None
        #: Whether the server answered in TLS.
        self.speaks_tls = False
        #: Left out of what the server says.
        self.secret = Secret()
        self._heard = False
        self._beating: asyncio.TimerHandle | None = None
        self.frame_max = FRAME_BYTES
        self.most_channels = MOST_CHANNELS
        self.closed = False
        #: Why the server takes no messages for now; empty where it does.
        self.alarm = ""
        #: Those on this connection who want the same lock of the server, which sees but one of them.
        self.turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        #: What was read on this connection and need not be read again, by what it is of.
        self.remembered: dict[str, Any] = {}
        #: Called whenever `alarm` changes, and at the end of the connection, which ends it too.
        self.on_alarm: list[Callable[[], None]] = []

    # Protocol callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say what we speak."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"AMQP\x00\x00\x09\x01")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everyone who waits."""
        self.closed = True
        self.lost_by = exc
        self._why = self._why or (plain_error(exc) if exc else "closed by the server")
        if self._beating is not None:
            self._beating.cancel()
        self._writable.set()
        self._ended.set()
        self._alarmed("")
        for channel in list(self._channels.values()):
            channel.lost(self._why)
        self._channels.clear()
        for future in self._replies:
            if not future.done():
                future.set_exception(ConnectionLost(self._why))

    def pause_writing(self) -> None:
        """The operating system takes no more for now."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It takes more again."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Hand each frame to its channel."""
        self._heard = True
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        while size - at >= 8 and not self.closed:
            end = at + 7 + int.from_bytes(data[at + 3 : at + 7], "big")
            if end >= size:
                break
            if data[end] != 0xCE:
                self._strange(b"")
                return
            try:
                self._frame(data[at], data[at + 1] << 8 | data[at + 2], data[at + 7 : end])
            except PAMQPException:
                self._strange(b"")
                return
            at = end + 1
        self._rest = data[at:]
        if self._rest and self._rest[0] not in frames.KINDS:
            self._strange(self._rest)

    def _strange(self, said: bytes) -> None:
        """End the connection with one that says such things."""
        self.speaks_tls = said.startswith(_TLS_ALERT)
        if said.startswith(b"AMQP"):
            self.abort("it speaks another version of AMQP")
        else:
            self.abort("it does not speak AMQP 0-9-1")

    def _frame(self, kind: int, number: int, payload: bytes) -> None:
        if number == 0:
            if kind == frames.METHOD:
                self._connection_method(frames.command(payload))
            return
        channel = self._channels.get(number)
        if channel is None:
            return
        if kind == frames.METHOD:
            channel.method(payload)
        elif kind == frames.HEADER:
            channel.header(payload)
        elif kind == frames.BODY:
            channel.body(payload)

    def _connection_method(self, command: Any) -> None:
        if isinstance(command, commands.Connection.Close):
            self._why = self._masked(f"{command.reply_code} {command.reply_text}")
            self.write(frames.method(0, commands.Connection.CloseOk()))
            self.close()
        elif isinstance(command, commands.Connection.Blocked):
            self._alarmed(command.reason)
        elif isinstance(command, commands.Connection.Unblocked):
            self._alarmed("")
        elif self._replies:
            future = self._replies.pop(0)
            if not future.done():
                future.set_result(command)

    def _masked(self, text: str) -> str:
        return text.replace(self.secret, "…") if self.secret else text

    def _alarmed(self, why: str) -> None:
        self.alarm = why
        for callback in list(self.on_alarm):
            callback()

    # Calling

    async def expect(self, said: Frame | None = None) -> Any:
        """What the server says next about the connection itself, after we have said something."""
        if self.closed:
            raise ConnectionLost(self._why)
        if said is not None:
            self.tell(said)
        future = self._loop.create_future()
        self._replies.append(future)
        return await future

    def tell(self, said: Frame) -> None:
        """Say something about the connection itself that is not answered."""
        self.write(frames.method(0, said))

    def write(self, data: bytes) -> None:
        """Send frames, at the end of the turn of the event loop."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def beat(self, seconds: int) -> None:
        """Send a heartbeat twice in so many seconds, and end when nothing came for two of them."""
        silent = 0

        def beat() -> None:
            nonlocal silent
            silent = 0 if self._heard else silent + 1
            self._heard = False
            if silent > 4:
                self.abort(f"no sign of life for {2 * seconds} s")
                return
            self.write(frames.HEARTBEAT_FRAME)
            self._beating = self._loop.call_later(seconds / 2, beat)

        if seconds:
            self._beating = self._loop.call_later(seconds / 2, beat)

    def attach(self, channel: OnFrame) -> int:
        """A free number for a channel, whose frames go to it from now on."""
        if self.closed:
            raise ConnectionLost(self._why)
        numbers = range(1, self.most_channels + 1)
        if (number := next((one for one in numbers if one not in self._channels), 0)) == 0:
            raise QueueError(
                f"the {self.most_channels} channels that the server grants a connection are taken: listen to "
                "and answer fewer subjects on one, or raise its channel_max"
            )
        self._channels[number] = channel
        return number

    def detach(self, number: int) -> None:
        """The channel is closed."""
        self._channels.pop(number, None)

    async def lost(self) -> str:
        """Return when the connection has ended, and why."""
        await self._ended.wait()
        return self._why

    async def writable(self) -> None:
        """Wait while the other side is slower than we are."""
        await self._writable.wait()

    async def leave(self) -> None:
        """Say good-bye, and close when the server has heard all that was said before."""
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self.expect(commands.Connection.Close(200, "bye", 0, 0))
                self.close()
                await self.lost()  # TLS takes leave, too
        except (TimeoutError, ConnectionLost):
            pass
        finally:
            self.abort("")

    def close(self) -> None:
        """Write what waits, then close."""
        if self._transport is not None and not self.closed:
            self._flush()
            self._transport.close()

    def abort(self, why: str) -> None:
        """Close at once."""
        self._why = self._why or why
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        out = self._out
        if out and self._transport is not None and not self.closed:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        out.clear()
