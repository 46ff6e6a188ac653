"""AMQP 0-9-1's frames, as a server reads and writes them: without the transport's own code, by pamqp."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from pamqp import commands, frame
from pamqp.base import Frame
from pamqp.exceptions import PAMQPException

from simulation.servers.rabbitmq.messages import Message
from simulation.servers.rabbitmq.refusals import Refused, not_simulated

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
GREETING = b"AMQP\0\0\x09\x01"
HEARTBEAT_FRAME = b"\x08\0\0\0\0\0\0\xce"
FRAME_BYTES = 131_072

_HEAD = struct.Struct(">BHI")
_CONTENT = struct.Struct(">HHQ")
_END = b"\xce"


class Piece(NamedTuple):
    """A frame that came."""

    kind: int
    channel: int
    payload: bytes


class Reader:
    """Cuts what comes into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()
        #: Publishes that were read: each comes many times.
        self._publishes: dict[bytes, commands.Basic.Publish] = {}

    def greeting(self, data: bytes) -> bool | None:
        """Whether this is the greeting of AMQP 0-9-1; None while that is not known."""
        self._rest += data
        if len(self._rest) < len(GREETING):
            return None if GREETING.startswith(self._rest) else False
        said = bytes(self._rest[: len(GREETING)])
        del self._rest[: len(GREETING)]
        return said == GREETING

    def frames(self, data: bytes = b"") -> Iterator[Piece]:
        """What is complete. Raises Refused for what is no frame."""
        self._rest += data
        at, rest = 0, bytes(self._rest)
        self._rest.clear()
        while len(rest) - at >= _HEAD.size:
            kind, channel, size = _HEAD.unpack_from(rest, at)
            end = at + _HEAD.size + size
            if size + 8 > FRAME_BYTES or kind not in (METHOD, HEADER, BODY, HEARTBEAT):
                raise Refused(501, f"type {kind}, {size} bytes")
            if len(rest) <= end:
                break
            if rest[end : end + 1] != _END:
                raise Refused(501, "a frame without its end")
            yield Piece(kind, channel, rest[at + _HEAD.size : end])
            at = end + 1
        self._rest += rest[at:]

    def method(self, payload: bytes) -> Any:
        """The method that a frame holds."""
        if (known := self._publishes.get(payload)) is not None:
            return known
        try:
            found = frame.unmarshal(_frame(METHOD, 0, payload))[2]
        except (PAMQPException, ValueError) as error:
            raise not_simulated(f"method {payload[:4].hex()} ({error})") from error
        if isinstance(found, commands.Basic.Publish) and len(self._publishes) < 1000:
            self._publishes[payload] = found
        return found


def content_header(payload: bytes) -> tuple[int, bytes]:
    """How large the body will be, and the properties."""
    _, _, size = _CONTENT.unpack_from(payload)
    return int(size), payload[_CONTENT.size :]


def written(channel: int, command: Frame) -> bytes:
    """A method without content."""
    return frame.marshal(command, channel)


def content(channel: int, command: Frame, message: Message, frame_max: int) -> bytes:
    """A method with its content."""
    header = _CONTENT.pack(60, 0, len(message.body)) + message.properties
    parts = [frame.marshal(command, channel), _frame(HEADER, channel, header)]
    most = frame_max - 8
    for first in range(0, len(message.body), most):
        parts.append(_frame(BODY, channel, message.body[first : first + most]))
    return b"".join(parts)


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return _HEAD.pack(kind, channel, len(payload)) + payload + _END
