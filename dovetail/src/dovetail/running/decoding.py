"""Decodes what is delivered to a handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dovetail.codec.envelope import SPEC_VERSION, Codec, Envelope, received
from dovetail.delivery import Delivery
from dovetail.group import Handler
from dovetail.running.failures import NeverSettled


def decoder_for(handler: Handler, most_unsettled: int) -> Callable[[Delivery], Envelope[Any]]:
    """Decodes this handler's messages; raises DecodeError, and NeverSettled after so many deliveries."""
    typed = handler.message_type
    decode = Codec[Any](typed, answers=False).decode if typed else None

    def checked(delivery: Delivery) -> Envelope[Any]:
        if delivery.unsettled >= most_unsettled:
            raise NeverSettled(delivery.unsettled)
        return decode(delivery.body, delivery.headers) if decode else _any_message(delivery)

    return checked


def _any_message(delivery: Delivery) -> Envelope[Any]:
    message = received(delivery.subject, delivery.body, delivery.headers)
    return Envelope(
        specversion=SPEC_VERSION,
        id=message.id or "",
        source=message.source or "",
        type=message.type or "",
        traceparent=message.traceparent,
        data=message,
    )
