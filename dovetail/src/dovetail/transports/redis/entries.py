"""Entries of streams as deliveries, and messages as the fields of an entry."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dovetail.delivery import Delivery

_ID = re.compile(rb"\d+-\d+")
_NUMBER = re.compile(rb"\d{1,9}")
#: Names and values by turns, as they are on the stream.
Fields = list[bytes]


class RedisDelivery(Delivery):
    """Known by its stream and the entry's id there; the key stays when it moves to another stream."""

    __slots__ = ("arrived", "id", "key_or_none", "settling", "stream")

    stream: str
    id: bytes
    key_or_none: bytes | None
    arrived: float
    #: Whether the server is just being told what became of it.
    settling: bool

    @property
    def key(self) -> str:
        """The id under which the message was first stored."""
        return (self.key_or_none or self.id).decode()


def content_of(fields: Fields) -> tuple[bytes, dict[str, str] | None, dict[str, bytes]]:
    """Body, headers, and the fields that are ours, without `dovetail-`."""
    body, headers, ours = b"", {}, {}
    values = iter(fields)
    for name, value in zip(values, values, strict=False):
        if name == b"body":
            body = value
        elif name.startswith(b"dovetail-"):
            ours[name[9:].decode(errors="replace")] = value
        else:
            headers[name.decode(errors="replace")] = value.decode(errors="replace")
    return body, headers or None, ours


def delivery_of(stream: str, id: bytes, fields: Fields, claimed: str) -> RedisDelivery:
    """The delivery that an entry stands for."""
    if len(fields) == 2 and fields[0] == b"body":  # as nearly all are
        delivery = RedisDelivery(claimed, fields[1])
        delivery.key_or_none = None
    else:
        body, headers, ours = content_of(fields)
        delivery = RedisDelivery(
            ours.get("subject", claimed.encode()).decode(errors="replace"),
            body,
            headers,
            _number(ours, "attempt", 1),
            _number(ours, "lost", 0),
        )
        key = ours.get("key", b"")
        delivery.key_or_none = key if _ID.fullmatch(key) else None
    delivery.stream, delivery.id, delivery.settling = stream, id, False
    return delivery


def _number(ours: Mapping[str, bytes], name: str, otherwise: int) -> int:
    """Others may write anything there."""
    value = ours.get(name, b"")
    return int(value) if _NUMBER.fullmatch(value) else otherwise


def fields_of(body: bytes, headers: Mapping[str, str] | None, subject: str) -> list[str | bytes]:
    """The fields of a message that is put into a group's queue."""
    fields: list[str | bytes] = ["dovetail-subject", subject, "body", body]
    for name, value in (headers or {}).items():
        fields += (name, value)
    return fields
