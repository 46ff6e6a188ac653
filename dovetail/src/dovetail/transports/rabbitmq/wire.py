"""One connection in AMQP 0-9-1: who is told of what comes, heartbeats, and its end."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, Protocol

from pamqp import commands
from pamqp.base import Frame

from dovetail.errors import QueueError
from dovetail.network.protocol import ConnectionLost, ProtocolError, StreamWire
from dovetail.network.server_address import Secret
from dovetail.transports.rabbitmq import frames, limits
from dovetail.transports.rabbitmq.protocol import AmqpProtocol, OnChannel

_GREETING = b"AMQP\x00\x00\x09\x01"


class ChannelEnd(OnChannel, Protocol):
    """One channel's end of the connection."""

    def lost(self, why: str) -> None:
        """The connection has ended."""


class Wire(StreamWire):
    """Its channels share it; what it must know of the server it is told by the handshake."""

    def __init__(self) -> None:
        super().__init__()
        self._protocol = AmqpProtocol(self)
        self._channels: dict[int, ChannelEnd] = {}
        self._replies: deque[asyncio.Future[Any]] = deque()
        #: What the server has said before anybody waited for it: it begins as soon as it has heard us.
        self._unread: deque[Any] = deque()
        #: Left out of what the server says.
        self.secret = Secret()
        self._heard = False
        self._beating: asyncio.TimerHandle | None = None
        #: When the last heartbeat was sent, by the event loop's clock, and how long the next may take.
        self._beat_at, self._most_silent = self._loop.time(), math.inf
        self.frame_max = limits.FRAME_BYTES
        self.most_channels = limits.MOST_CHANNELS
        #: Why the server takes no messages for now; empty where it does.
        self.alarm = ""
        #: Called whenever `alarm` changes, and at the end of the connection, which ends it too.
        self.on_alarm: list[Callable[[], None]] = []
        #: Those on this connection who want the same lock of the server, which sees but one of them.
        self.turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        #: What was read on this connection and need not be read again, by what it is of.
        self.remembered: dict[str, Any] = {}

    @property
    def speaks_tls(self) -> bool:
        """Whether the server answered in TLS."""
        return self._protocol.speaks_tls

    # What comes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say what we speak."""
        super().connection_made(transport)
        self.write(_GREETING)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Take it apart."""
        self._heard = True
        try:
            self._protocol.feed(data)
        except ProtocolError as error:
            self.abort(str(error))

    def said(self, command: Any) -> None:
        """As OnConnection.said."""
        if isinstance(command, commands.Connection.Close):
            self._why = self._masked(f"{command.reply_code} {command.reply_text}")
            self.tell(commands.Connection.CloseOk())
            self.close()
        elif isinstance(command, commands.Connection.Blocked):
            self._alarmed(command.reason)
        elif isinstance(command, commands.Connection.Unblocked):
            self._alarmed("")
        elif not self._replies:
            self._unread.append(command)
        elif not (future := self._replies.popleft()).done():
            future.set_result(command)

    def end(self, why: str) -> None:
        """Tell everyone who waits."""
        if self._beating is not None:
            self._beating.cancel()
        self._alarmed("")
        for channel in list(self._channels.values()):
            channel.lost(why)
        self._channels.clear()
        for future in self._replies:
            if not future.done():
                future.set_exception(ConnectionLost(why))

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
        elif self._unread:
            return self._unread.popleft()
        future = self._loop.create_future()
        self._replies.append(future)
        return await future

    def tell(self, said: Frame) -> None:
        """Say something about the connection itself that is not answered."""
        self.write(frames.method(0, said))

    def beat(self, seconds: int) -> None:
        """Send a heartbeat twice in so many seconds, as the server does, and end when it sends none."""
        silent = 0
        self._beat_at = self._loop.time()
        self._most_silent = limits.MISSED_HEARTBEATS * seconds or math.inf

        def beat() -> None:
            nonlocal silent
            if self.late:  # and stays so
                self.abort(f"the event loop was blocked for more than {self._most_silent:g} s")
                return
            self._beat_at = self._loop.time()
            silent = 0 if self._heard else silent + 1
            self._heard = False
            if silent >= 2 * limits.MISSED_HEARTBEATS:
                self.abort(f"no sign of life for {self._most_silent:g} s")
                return
            self.write(frames.HEARTBEAT_FRAME)
            self._beating = self._loop.call_later(seconds / 2, beat)

        if seconds:
            self._beating = self._loop.call_later(seconds / 2, beat)

    @property
    def late(self) -> bool:
        """Whether the event loop was blocked for so long that the server may take us for dead."""
        return self._loop.time() - self._beat_at > self._most_silent

    def attach(self, channel: ChannelEnd) -> int:
        """A free number for a channel, which is told of its frames from now on."""
        if self.closed:
            raise ConnectionLost(self._why)
        numbers = range(1, self.most_channels + 1)
        if (number := next((one for one in numbers if one not in self._channels), 0)) == 0:
            raise QueueError(
                f"the {self.most_channels} channels that the server grants a connection are taken: listen to "
                "and answer fewer subjects on one, or raise its channel_max"
            )
        self._channels[number] = channel
        self._protocol.attach(number, channel)
        return number

    def detach(self, number: int) -> None:
        """The channel is closed."""
        self._channels.pop(number, None)
        self._protocol.detach(number)

    async def leave(self, seconds: float = limits.GOODBYE_SECONDS) -> None:
        """Say good-bye, and close when the server has heard all that was said before."""
        try:
            async with asyncio.timeout(seconds):
                await self.expect(commands.Connection.Close(200, "bye", 0, 0))
                self.close()
                await self.lost()  # TLS takes leave, too
        except (TimeoutError, ConnectionLost):
            pass
        finally:
            self.abort("")
