"""Events as they are sent: structured CloudEvents in JSON, signed as Standard Webhooks specifies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

import msgspec

from dovetail import Received

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


def structured(event: Received) -> bytes | None:
    """The event in the structured mode of CloudEvents 1.0; None for bytes that are no CloudEvent.

    One that came like that passes as it is, with every extension that it has.
    """
    if event.id is None:
        return None
    if _is_structured(event.body):
        return event.body
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": event.time,
        "traceparent": event.traceparent,
        "data_base64" if isinstance(event.data, bytes) else "data": event.data,
    }
    return msgspec.json.encode({key: one for key, one in attributes.items() if one is not None})


def _is_structured(body: bytes) -> bool:
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return isinstance(found, dict) and "specversion" in found


def signature(key: bytes, id: str, body: bytes, moment: float | None = None) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0 that let a receiver tell who sent this, and when."""
    stamp = str(int(time.time() if moment is None else moment))
    signed = hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
