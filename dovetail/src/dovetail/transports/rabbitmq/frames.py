"""AMQP 0-9-1 frames. What is on every message's way is read and written here; the rest is pamqp's."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

from pamqp import commands, decode, frame
from pamqp.base import Frame
from pamqp.header import ContentHeader

KINDS = METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
END = b"\xce"
HEARTBEAT_FRAME = b"\x08\x00\x00\x00\x00\x00\x00\xce"
#: Class and method, as one number.
RETURN, DELIVER = 60 << 16 | 50, 60 << 16 | 60
ACK, NACK = 60 << 16 | 80, 60 << 16 | 120

_HEAD = struct.Struct(">BHI")
_DELIVER = struct.Struct(">QB")
_ACK = struct.Struct(">QB")
_CONTENT = struct.Struct(">HHQH")
_HEADERS_FLAG = 0x2000
#: Which properties nearly all messages have: content type, delivery mode, message id, time.
_USUAL_FLAGS = 0x8000 | 0x1000 | 0x0080 | 0x0040
_PERSISTENT = b"\x02"
JSON = "application/cloudevents+json"
BYTES = "application/octet-stream"
#: How the events that we encode begin.
_EVENT = b'{"specversion":'

Properties = commands.Basic.Properties
#: How the names of headers of ours begin.
OURS = "dovetail-"
#: Bytes of the properties that do not begin with their length.
_SIZES = {"octet": 1, "timestamp": 8}
#: What pamqp raises for values that it cannot read.
_UNREADABLE = (ValueError, OverflowError, RecursionError)


class Content:
    """A message that came: by delivery, or returned because nobody takes it."""

    __slots__ = ("_flags", "_properties", "_raw", "body", "exchange", "key", "redelivered", "tag")

    def __init__(self, tag: int, redelivered: bool, exchange: str, key: str) -> None:
        self.tag = tag
        self.redelivered = redelivered
        self.exchange = exchange
        #: The routing key.
        self.key = key
        self.body = b""
        self._flags = 0
        self._raw = b""
        self._properties: Properties | None = None

    def described(self, header: bytes) -> int:
        """Take what a header frame says; gives the size of the body."""
        _, _, size, self._flags = _CONTENT.unpack_from(header)
        self._raw = header[14:]
        return int(size)

    @property
    def headers(self) -> dict[str, Any] | None:
        """The header table; None where there is none, as in most messages."""
        return self.properties.headers if self._flags & _HEADERS_FLAG else None

    @property
    def properties(self) -> Properties:
        """All that is said about the message and can be read."""
        if self._properties is None:
            self._properties = _properties(self._flags, self._raw)
        return self._properties


def method(channel: int, command: Frame) -> bytes:
    """A method without content."""
    return frame.marshal(command, channel)


def content(channel: int, properties: Properties, body: bytes, frame_max: int) -> bytes:
    """What follows a publish: the header, and the body in as many frames as it takes."""
    described = frame.marshal(ContentHeader(0, len(body), properties), channel)
    if len(described) > frame_max:  # headers of others, to which ours were added
        table = properties.headers or {}
        properties.headers = {name: table[name] for name in table if name.startswith(OURS)}
        described = frame.marshal(ContentHeader(0, len(body), properties), channel)
    return described + bodies(channel, body, frame_max)


def usual_content(channel: int, id: str, time: int, body: bytes, frame_max: int) -> bytes:
    """The same for a persistent message with an id, published at a second of Unix time."""
    name = id.encode()
    kind = JSON if body.startswith(_EVENT) else BYTES
    payload = b"".join(
        (
            _CONTENT.pack(60, 0, len(body), _USUAL_FLAGS),
            bytes((len(kind),)),
            kind.encode(),
            _PERSISTENT,
            bytes((len(name),)),
            name,
            time.to_bytes(8, "big"),
        )
    )
    header = _HEAD.pack(HEADER, channel, len(payload)) + payload + END
    return header + bodies(channel, body, frame_max)


def bodies(channel: int, body: bytes, frame_max: int) -> bytes:
    """Body frames; none for an empty body."""
    most = frame_max - 8
    if 0 < len(body) <= most:
        return _HEAD.pack(BODY, channel, len(body)) + body + END
    parts = (body[first : first + most] for first in range(0, len(body), most))
    return b"".join(_HEAD.pack(BODY, channel, len(one)) + one + END for one in parts)


def delivered(payload: bytes) -> tuple[str, Content]:
    """The consumer's tag, and what is delivered to it; its body is yet to come."""
    consumer, at = _short(payload, 4)
    tag, redelivered = _DELIVER.unpack_from(payload, at)
    exchange, at = _short(payload, at + 9)
    key, _ = _short(payload, at)
    return consumer, Content(tag, bool(redelivered), exchange, key)


def confirmed(payload: bytes) -> tuple[int, bool]:
    """Of an ack or nack: the number, and whether all before it are meant too."""
    tag, bits = _ACK.unpack_from(payload, 4)
    return tag, bool(bits & 1)


def command(payload: bytes) -> Any:
    """Any other method."""
    return frame.unmarshal(_HEAD.pack(METHOD, 0, len(payload)) + payload + END)[2]


def _short(payload: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + payload[at]
    return payload[at + 1 : end].decode(errors="replace"), end


def _properties(flags: int, raw: bytes) -> Properties:
    """Without what means nothing: others send whatever they like, and a message is to come all the same."""
    found, at = Properties(), 0
    for name in found.__slots__:
        if not flags & found.flags[name]:
            continue
        kind = found.amqp_type(name)
        try:
            if kind == "table":
                found.headers, at = _table(raw, at)
                continue
            end = at + (_SIZES.get(kind) or 1 + raw[at])
        except IndexError:  # it ends before its end
            break
        with suppress(*_UNREADABLE):
            setattr(found, name, decode.by_type(raw[at:end], kind)[1])
        at = end
    return found


def _table(raw: bytes, at: int) -> tuple[dict[str, Any], int]:
    end, at = at + 4 + int.from_bytes(raw[at : at + 4], "big"), at + 4
    table: dict[str, Any] = {}
    while at < end:
        name, at = _short(raw, at)
        try:
            size, table[name] = decode.embedded_value(raw[at:end])
        except _UNREADABLE:  # a time, or what holds other values; their size is known
            length = int.from_bytes(raw[at + 1 : at + 5], "big")
            size = 9 if raw[at] == ord("T") else 5 + length
        at += size
    return table, end
