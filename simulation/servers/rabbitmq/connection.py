"""One connection as the server has it: signing in, heartbeats, channels, its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from pamqp import commands
from pamqp.base import Frame
from pamqp.common import FieldTable

from simulation.servers.rabbitmq import frames
from simulation.servers.rabbitmq.channel import Channel
from simulation.servers.rabbitmq.frames import Piece, Reader
from simulation.servers.rabbitmq.refusals import Refused, not_simulated

if TYPE_CHECKING:
    from simulation.servers.rabbitmq.server import FakeRabbit

#: As RabbitMQ 3.10 introduces itself.
_PROPERTIES: FieldTable = {
    "product": "RabbitMQ",
    "version": "3.10.8",
    "capabilities": {
        "publisher_confirms": True,
        "exchange_exchange_bindings": True,
        "basic.nack": True,
        "consumer_cancel_notify": True,
        "connection.blocked": True,
        "authentication_failure_close": True,
        "per_consumer_qos": True,
        "direct_reply_to": True,
    },
}
_MOST_CHANNELS, _HEARTBEAT_SECONDS = 2047, 60
#: A client that says nothing in so many times of a heartbeat is taken for dead.
_SILENT_BEATS = 2


class Connection(asyncio.Protocol):
    """Its state is what comes next: the greeting, StartOk, TuneOk, Open, or anything once it is open."""

    def __init__(self, server: FakeRabbit) -> None:
        self._server = server
        self.broker = server.broker
        self.reader = Reader()
        self.frame_max = frames.FRAME_BYTES
        self._state = "greeting"
        self._transport: asyncio.Transport | None = None
        self._channels: dict[int, Channel] = {}
        self._out: list[bytes] = []
        self._heard = self._ended = False
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def consumer_timeout(self) -> float:
        """How many seconds a message may be unsettled."""
        return self._server.consumer_timeout

    def token(self) -> str:
        """A name that nobody else has."""
        return self._server.random.randbytes(8).hex()

    # As asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections[self] = None

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if self._ended:
            return
        try:
            if self._state == "greeting":
                self._greet(data)
                return
            for piece in self.reader.frames(data):
                self._piece(piece)
        except Refused as refused:
            self.refuse(refused)

    def connection_lost(self, exc: Exception | None) -> None:
        self.end()

    def end(self) -> None:
        """What only this connection had is gone."""
        if self._ended:
            return
        self._ended = True
        self._out.clear()
        self._server.connections.pop(self, None)
        for timer in self._timers.values():
            timer.cancel()
        for channel in list(self._channels.values()):
            if not channel.ended:
                channel.end()
        self.broker.leave(self)

    def abort(self) -> None:
        """Close it without a word; nobody is told of what it had."""
        self._ended = True
        for timer in self._timers.values():
            timer.cancel()
        for channel in self._channels.values():
            channel.abandon()
        if self._transport is not None:
            self._transport.abort()

    # Writing

    def write(self, data: bytes) -> None:
        """Goes at the end of this turn of the event loop."""
        if self._ended:
            return
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        data = b"".join(self._out)
        self._out.clear()
        if not data or self._transport is None or self._transport.is_closing():
            return
        if not self._server.pieces:
            self._transport.write(data)
            return
        while data:
            size = self._server.random.randint(1, len(data))
            self._transport.write(data[:size])
            data = data[size:]

    def _say(self, command: Frame) -> None:
        self.write(frames.written(0, command))

    def refuse(self, refused: Refused) -> None:
        """Tell the client why, and close."""
        self._say(commands.Connection.Close(refused.code, str(refused), 0, 0))
        self._flush()
        self._state = "closing"
        self.end()

    # What comes

    def _greet(self, data: bytes) -> None:
        known = self.reader.greeting(data)
        if known is None:
            return
        if not known:
            self._out.append(frames.GREETING)
            self._flush()
            self._close()
            return
        self._state = "Connection.StartOk"
        self._say(commands.Connection.Start(0, 9, _PROPERTIES, "PLAIN", "en_US"))
        for piece in self.reader.frames():
            self._piece(piece)

    def _piece(self, piece: Piece) -> None:
        if self._ended:
            return
        if piece.kind == frames.HEARTBEAT:
            return
        if piece.channel:
            self._on_channel(piece)
        elif piece.kind == frames.METHOD:
            self._method(self.reader.method(piece.payload))
        else:
            raise Refused(505, "content on channel 0")

    def _on_channel(self, piece: Piece) -> None:
        if self._state != "open":
            raise Refused(503, "a channel before the connection is open")
        channel = self._channels.get(piece.channel)
        if channel is not None:
            self.take(channel, piece)
            return
        command = self.reader.method(piece.payload) if piece.kind == frames.METHOD else None
        if not isinstance(command, commands.Channel.Open):
            raise Refused(504, "expected 'channel.open'")
        if piece.channel > _MOST_CHANNELS:
            raise Refused(530, "number of channels opened")
        self._channels[piece.channel] = Channel(self, piece.channel)
        self.write(frames.written(piece.channel, commands.Channel.OpenOk()))

    def take(self, channel: Channel, piece: Piece) -> None:
        """Have a channel look at this."""
        try:
            channel.piece(piece)
        except Refused as refused:
            self.refuse(refused)

    def forget(self, number: int) -> None:
        """The channel is closed, and its number free."""
        self._channels.pop(number, None)

    def _method(self, command: Any) -> None:
        if isinstance(command, commands.Connection.Close):
            self._say(commands.Connection.CloseOk())
            self._flush()
            self.end()
            self._close()
        elif command.name != self._state:
            raise not_simulated(f"{command.name} in the state {self._state!r}")
        elif isinstance(command, commands.Connection.StartOk):
            self._sign_in(command)
        elif isinstance(command, commands.Connection.TuneOk):
            self._tune(command)
        elif isinstance(command, commands.Connection.Open):
            self._open(command)

    def _sign_in(self, command: commands.Connection.StartOk) -> None:
        user, _, password = command.response[1:].partition("\0")
        if command.mechanism != "PLAIN" or f"{user}:{password}" != self._server.login:
            raise Refused(
                403,
                "Login was refused using authentication mechanism PLAIN. For details see the broker logfile.",
            )
        self._state = "Connection.TuneOk"
        self._say(commands.Connection.Tune(_MOST_CHANNELS, frames.FRAME_BYTES, _HEARTBEAT_SECONDS))

    def _tune(self, command: commands.Connection.TuneOk) -> None:
        self.frame_max = command.frame_max or frames.FRAME_BYTES
        self._state = "Connection.Open"
        if command.heartbeat:
            self._beat_later(command.heartbeat)
            self._listen(command.heartbeat, 0)

    def _open(self, command: commands.Connection.Open) -> None:
        if command.virtual_host != "/":
            vhost = command.virtual_host
            raise Refused(530, f"vhost {vhost} not found")
        self._state = "open"
        self._say(commands.Connection.OpenOk())

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # Signs of life

    def _beat_later(self, seconds: int) -> None:
        loop = asyncio.get_running_loop()
        self._timers["beat"] = loop.call_later(seconds / 2, self._beat, seconds)

    def _beat(self, seconds: int) -> None:
        self.write(frames.HEARTBEAT_FRAME)
        self._beat_later(seconds)

    def _listen(self, seconds: int, silent: int) -> None:
        if silent >= _SILENT_BEATS:
            if self._transport is not None:
                self._transport.abort()
            self.end()
            return
        self._heard = False
        loop = asyncio.get_running_loop()
        self._timers["listen"] = loop.call_later(seconds, self._look, seconds, silent)

    def _look(self, seconds: int, silent: int) -> None:
        self._listen(seconds, 0 if self._heard else silent + 1)
