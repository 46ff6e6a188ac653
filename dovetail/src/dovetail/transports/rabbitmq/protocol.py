"""AMQP 0-9-1 as a client hears it: bytes in, methods and messages out, without any I/O.

Its states are in the two tables below, which the code goes by: what is not in them is a ProtocolError.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Protocol

from pamqp.exceptions import PAMQPException

from dovetail.network.protocol import ProtocolError
from dovetail.transports.rabbitmq import frames, limits
from dovetail.transports.rabbitmq.frames import Content

#: The connection: state, and what the server says, to the next state. When it is closed nothing counts.
CONNECTION: Mapping[str, Mapping[str, str]] = {
    "greeting": {"Connection.Start": "tuning", "Connection.Close": "closed"},
    "tuning": {"Connection.Tune": "opening", "Connection.Close": "closed"},
    "opening": {"Connection.OpenOk": "open", "Connection.Close": "closed"},
    "open": {
        "Connection.Blocked": "open",
        "Connection.Unblocked": "open",
        "Connection.Close": "closed",
        "Connection.CloseOk": "closed",
    },
    "closed": {},
}
#: Each channel: state, and the frame that comes, to the next state. An empty body ends with its header.
CHANNEL: Mapping[str, Mapping[str, str]] = {
    "method": {"method": "method", "method with content": "header"},
    "header": {"header": "body"},
    "body": {"part of the body": "body", "end of the body": "method"},
}

#: Bytes of a frame around its payload: kind, channel and size before it, an end behind it.
_HEAD_BYTES, _END = 7, 0xCE
#: How an alert of TLS begins: what a server says that does not understand our greeting.
_TLS_ALERT = b"\x15\x03"
#: What decoders raise for bytes that mean nothing.
_MALFORMED = (PAMQPException, struct.error, LookupError, ValueError, TypeError, ArithmeticError)


class OnConnection(Protocol):
    """Told of what is said about the connection itself."""

    def said(self, command: Any) -> None:
        """A method of the connection."""


class OnChannel(Protocol):
    """Told of what comes on one channel."""

    def delivered(self, consumer: str, content: Content) -> None:
        """A message for the consumer of this tag."""

    def returned(self, content: Content) -> None:
        """A message of ours that no queue takes."""

    def confirmed(self, number: int, multiple: bool, *, refused: bool) -> None:
        """What became of a message of ours, or of all up to it."""

    def replied(self, command: Any) -> None:
        """Any other method."""


class AmqpProtocol:
    """Feed it what comes. What follows a ProtocolError or the end of the connection is ignored."""

    def __init__(self, connection: OnConnection) -> None:
        self._connection = _Connection(connection)
        self._numbered: dict[int, _Connection | _Channel] = {0: self._connection}
        self._rest = b""
        #: Whether the server answered in TLS.
        self.speaks_tls = False

    def attach(self, number: int, channel: OnChannel) -> None:
        """Tell it of what comes on the channel of this number."""
        self._numbered[number] = _Channel(channel)

    def detach(self, number: int) -> None:
        """The channel is closed."""
        self._numbered.pop(number, None)

    def feed(self, data: bytes) -> None:
        """Take what came. Raises ProtocolError."""
        try:
            self._feed(data)
        except ProtocolError:
            self._connection.state, self._rest = "closed", b""
            raise

    def _feed(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at, size, connection = 0, len(data), self._connection
        while size - at > _HEAD_BYTES and connection.state != "closed":
            length = int.from_bytes(data[at + 3 : at + 7], "big")
            end = at + _HEAD_BYTES + length
            if length > limits.FRAME_BYTES:
                raise self._strange(data[at:])
            if end >= size:
                break
            if data[end] != _END:
                raise self._strange(data[at:])
            # Where there is none we have closed it, and this was on its way.
            if channel := self._numbered.get(data[at + 1] << 8 | data[at + 2]):
                channel.frame(data[at], data[at + _HEAD_BYTES : end])
            at = end + 1
        self._rest = b"" if connection.state == "closed" else data[at:]
        if self._rest and self._rest[0] not in frames.KINDS:
            raise self._strange(self._rest)

    def _strange(self, said: bytes) -> ProtocolError:
        self.speaks_tls = said.startswith(_TLS_ALERT)
        if said.startswith(b"AMQP"):
            return ProtocolError("it speaks another version of AMQP")
        return ProtocolError("it does not speak AMQP 0-9-1")


class _Connection:
    """What comes on channel 0."""

    def __init__(self, told: OnConnection) -> None:
        self.state = "greeting"
        self._told = told

    def frame(self, kind: int, payload: bytes) -> None:
        """A frame."""
        if kind == frames.HEARTBEAT:
            return
        if kind != frames.METHOD:
            raise ProtocolError("it sends a message that belongs to no channel")
        command = _command(payload)
        following = CONNECTION[self.state].get(command.name)
        if following is None:
            raise _unexpected(command.name, self.state)
        self.state = following
        self._told.said(command)


class _Channel:
    """Puts the frames of one channel together."""

    __slots__ = ("_consumer", "_content", "_missing", "_parts", "_state", "_told")

    def __init__(self, told: OnChannel) -> None:
        self._told = told
        self._state = "method"
        #: The content that comes just now, for which consumer, and how many bytes are missing.
        self._content = Content(0, False, "", "")
        self._consumer: str | None = None
        self._missing = 0
        self._parts: list[bytes] = []

    def frame(self, kind: int, payload: bytes) -> None:
        """A frame."""
        if kind == frames.METHOD:
            self._method(payload)
        elif kind == frames.HEADER:
            self._header(payload)
        elif kind == frames.BODY:
            self._body(payload)
        else:
            raise ProtocolError("it sends a frame that no channel has")

    def _method(self, payload: bytes) -> None:
        kind = int.from_bytes(payload[:4], "big")
        if kind == frames.DELIVER:
            self._goes_on("method with content")
            try:
                self._consumer, self._content = frames.delivered(payload)
            except _MALFORMED as error:
                raise _malformed(error) from error
        elif kind == frames.RETURN:
            self._goes_on("method with content")
            command = _command(payload)
            self._consumer = None
            self._content = Content(0, False, command.exchange, command.routing_key or "")
        else:
            self._goes_on("method")
            self._other(kind, payload)

    def _other(self, kind: int, payload: bytes) -> None:
        if kind not in (frames.ACK, frames.NACK):
            self._told.replied(_command(payload))
            return
        try:
            number, multiple = frames.confirmed(payload)
        except _MALFORMED as error:
            raise _malformed(error) from error
        self._told.confirmed(number, multiple, refused=kind == frames.NACK)

    def _header(self, payload: bytes) -> None:
        self._goes_on("header")
        try:
            self._missing = missing = self._content.described(payload)
        except _MALFORMED as error:
            raise _malformed(error) from error
        if missing > limits.BODY_BYTES:
            raise ProtocolError(f"it sends a message of {missing} bytes")
        if not missing:
            self._goes_on("end of the body")
            self._complete(b"")

    def _body(self, payload: bytes) -> None:
        self._missing -= len(payload)
        self._goes_on("part of the body" if self._missing else "end of the body")
        if self._missing < 0:
            raise ProtocolError("it sends more of a message than it said")
        if self._missing:
            self._parts.append(payload)
            return
        if self._parts:
            payload = b"".join((*self._parts, payload))
            self._parts.clear()
        self._complete(payload)

    def _goes_on(self, event: str) -> None:
        try:
            self._state = CHANNEL[self._state][event]
        except KeyError:
            raise _unexpected(event, self._state) from None

    def _complete(self, body: bytes) -> None:
        self._content.body = body
        if self._consumer is None:
            self._told.returned(self._content)
        else:
            self._told.delivered(self._consumer, self._content)


def _unexpected(event: str, state: str) -> ProtocolError:
    return ProtocolError(f"it sends {event!r} in the state {state!r}")


def _command(payload: bytes) -> Any:
    try:
        return frames.command(payload)
    except _MALFORMED as error:
        raise _malformed(error) from error


def _malformed(error: Exception) -> ProtocolError:
    return ProtocolError(f"it sends what is malformed in AMQP 0-9-1 ({error})")
