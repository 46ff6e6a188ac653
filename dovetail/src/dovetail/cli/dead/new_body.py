"""What a dead letter holds when it is replayed after the user mended it."""

from __future__ import annotations

from typing import Any

import msgspec

from dovetail.cli.data import given_bytes, json_or_text
from dovetail.cli.output import note
from dovetail.codec.envelope import encode, received
from dovetail.codec.identifiers import new_id
from dovetail.dead_letter import DeadLetter


def mended(letter: DeadLetter, data: bytes | None, body: bytes | None) -> bytes | None:
    """The new body: `body` as it is, or the old envelope with this data; None for the old body."""
    if body is not None:
        if received(letter.subject, body, letter.headers).id is None:
            note(
                "Note: this body is no CloudEvent; --data mends the data alone and keeps the envelope."
            )
        return body
    if data is None:
        return None
    value = json_or_text(data)
    envelope = _envelope(letter.body)
    if envelope is not None:
        envelope.pop("data_base64", None)
        return msgspec.json.encode(envelope | {"data": value})
    if received(letter.subject, letter.body, letter.headers).id is not None:
        # binary mode: the envelope is in the headers, which stay
        return data
    return encode(
        value, id=letter.message_id or new_id(), source="dovetail-cli", type=letter.subject
    )


def _envelope(body: bytes) -> dict[str, Any] | None:
    """The envelope's fields, extensions included; None where the bytes are none."""
    if received("", body).id is None:
        return None
    fields: dict[str, Any] = msgspec.json.decode(body)
    return fields


def given_body(body: str | None, file: str | None) -> bytes | None:
    """The bytes of --body or --file; None where neither was given."""
    return None if body is None and file is None else given_bytes(body, file)
