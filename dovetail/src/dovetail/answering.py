"""Answers requests with a group's handlers."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from dovetail.envelope import Codec, Envelope, encode
from dovetail.group import Context, Group, Handler
from dovetail.identifiers import new_id
from dovetail.outcome import describe, failure_of
from dovetail.transport import Answerer

log = logging.getLogger("dovetail.worker")


def answerer(group: Group, handler: Handler, source: str) -> Answerer:
    """A function from the request's bytes to the answer's, that never raises."""
    codec: Codec[Any] = Codec(handler.message_type)

    async def answer(body: bytes) -> bytes:
        traceparent = None
        try:
            envelope: Envelope[Any] = codec.decode(body)
            traceparent = envelope.traceparent
            result = await _call(group, handler, envelope)
            return encode(
                result,
                id=new_id(),
                source=source,
                type=f"{handler.subject}.answer",
                traceparent=traceparent,
            )
        except (Exception, asyncio.CancelledError) as error:
            failure = failure_of(error)
            log.warning("%s: a request on %s failed", group.name, handler.subject, exc_info=True)
            return failure_answer(handler.subject, failure, source, traceparent)

    return answer


def failure_answer(
    subject: str, error: Exception, source: str, traceparent: str | None = None
) -> bytes:
    """The bytes that tell whoever asked why there is no answer."""
    return encode(
        msgspec.UNSET,  # null would not be the type that was asked for
        id=new_id(),
        source=source,
        type=f"{subject}.answer",
        traceparent=traceparent,
        failure=describe(error),
    )


async def _call(group: Group, handler: Handler, envelope: Envelope[Any]) -> Any:
    arguments = [envelope.data]
    if handler.wants_context:
        arguments.append(
            Context(
                id=envelope.id,
                subject=handler.subject,
                group=group.name,
                attempt=1,
                traceparent=envelope.traceparent,
                source=envelope.source,
            )
        )
    async with asyncio.timeout(group.options.timeout):
        return await handler.function(*arguments)
