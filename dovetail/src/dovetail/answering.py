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

log = logging.getLogger("dovetail.worker")


class Answering:
    """One handler's answers."""

    def __init__(self, group: Group, handler: Handler, source: str) -> None:
        self._group = group
        self._handler = handler
        self._source = source
        self._codec: Codec[Any] = Codec(handler.message_type)

    async def answer(self, body: bytes) -> bytes:
        """From the request's bytes to the answer's; never raises."""
        traceparent = None
        try:
            envelope: Envelope[Any] = self._codec.decode(body)
            traceparent = envelope.traceparent
            return self._answer(await self._call(envelope), traceparent)
        except (Exception, asyncio.CancelledError) as error:
            failure = failure_of(error)
            name, subject = self._group.name, self._handler.subject
            log.warning("%s: a request on %s failed", name, subject, exc_info=True)
            return self._failure(failure, traceparent)

    def _answer(self, result: Any, traceparent: str | None) -> bytes:
        return encode(
            result,
            id=new_id(),
            source=self._source,
            type=f"{self._handler.subject}.answer",
            traceparent=traceparent,
        )

    def _failure(self, failure: Exception, traceparent: str | None) -> bytes:
        return failure_answer(self._handler.subject, failure, self._source, traceparent)

    async def _call(self, envelope: Envelope[Any]) -> Any:
        arguments = [envelope.data]
        if self._handler.wants_context:
            arguments.append(self._context(envelope))
        async with asyncio.timeout(self._group.options.timeout):
            return await self._handler.function(*arguments)

    def _context(self, envelope: Envelope[Any]) -> Context:
        return Context(
            id=envelope.id,
            subject=self._handler.subject,
            group=self._group.name,
            attempt=1,
            traceparent=envelope.traceparent,
            source=envelope.source,
        )


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
