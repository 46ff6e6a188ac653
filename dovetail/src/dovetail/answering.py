"""Answers requests with a group's handlers."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from dovetail.envelope import SPEC_VERSION, Codec, Envelope, encode
from dovetail.group import Context, Group, Handler
from dovetail.identifiers import new_id
from dovetail.outcome import describe
from dovetail.transport import Answerer

log = logging.getLogger("dovetail.worker")


def answerer(group: Group, handler: Handler, source: str) -> Answerer:
    """A function from the request's bytes to the answer's, that never raises."""
    codec: Codec[Any] = Codec(handler.message_type)

    async def answer(body: bytes) -> bytes:
        envelope: Envelope[Any] = Envelope(specversion=SPEC_VERSION, id="", source="", type="")
        result: Any = msgspec.UNSET  # null would not be the type that was asked for
        failure = None
        try:
            envelope = codec.decode(body)
            result = await _call(group, handler, envelope)
        except Exception as error:
            log.warning("%s: a request on %s failed", group.name, handler.subject, exc_info=True)
            failure = describe(error)
        return encode(
            result,
            id=new_id(),
            source=source,
            type=f"{handler.subject}.answer",
            traceparent=envelope.traceparent,
            failure=failure,
        )

    return answer


async def _call(group: Group, handler: Handler, envelope: Envelope[Any]) -> Any:
    arguments = [envelope.data]
    if handler.wants_context:
        arguments.append(Context(envelope.id, handler.subject, group.name, 1, envelope.traceparent))
    async with asyncio.timeout(group.options.timeout):
        return await handler.function(*arguments)
