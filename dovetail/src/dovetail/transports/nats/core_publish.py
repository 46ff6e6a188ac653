"""Messages that no stream may keep, though it may take their subject: live ones, and requests.

A stream refuses what is meant for another, while all who subscribed get it all the same. Who sent it with a
reply subject hears of the refusal there, among the answers.
"""

from __future__ import annotations

import msgspec

from dovetail.errors import MessageTooLarge
from dovetail.transports.nats.limits import SIZE_SETTING
from dovetail.transports.nats.protocol import ServerInfo, hpub

_HEADERS = b"NATS/1.0\r\nNats-Expected-Stream: none\r\n\r\n"
#: How JetStream writes them; whether it is one is seen only when decoded.
_REFUSAL_BEGINS = b'{"error":{"code":'


class _Error(msgspec.Struct):
    err_code: int


class _Refusal(msgspec.Struct):
    """A PubAck with an error."""

    error: _Error
    stream: str
    seq: int


_refusal = msgspec.json.Decoder(_Refusal)


def core_message(info: ServerInfo, subject: str, body: bytes, inbox: bytes = b"") -> bytes:
    """The message on the wire. Raises MessageTooLarge."""
    check_size(info, len(body), len(_HEADERS))
    return hpub(subject.encode(), _HEADERS, body, inbox)


def check_size(info: ServerInfo, body: int, headers: int = 0) -> None:
    """Raise MessageTooLarge where the server takes no body of so many bytes beside headers of so many."""
    if body > (limit := info.max_payload - headers):
        raise MessageTooLarge(body, limit, setting=SIZE_SETTING)


def is_stream_refusal(headers: bytes | None, payload: bytes) -> bool:
    """Whether this came from a stream, and not from one who answers."""
    if headers is not None or not payload.startswith(_REFUSAL_BEGINS):
        return False
    try:
        _refusal.decode(payload)
    except msgspec.DecodeError:
        return False
    return True
