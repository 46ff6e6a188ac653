"""Answers requests with a group's handlers."""

from __future__ import annotations

import asyncio
import logging
from contextvars import copy_context
from typing import Any

from dovetail.codec.answers import failure_answer
from dovetail.codec.encoding import Encoder
from dovetail.codec.envelope import Codec, Envelope
from dovetail.codec.error_text import describe
from dovetail.codec.identifiers import new_id
from dovetail.group import Context, Group, Handler
from dovetail.message import Request, answer_type
from dovetail.running.calling import Calls
from dovetail.running.outgoing import close_unawaited

log = logging.getLogger("dovetail.worker")


class Answering:
    """One handler's answers."""

    def __init__(self, group: Group, handler: Handler, source: str) -> None:
        self._group = group
        self._handler = handler
        self._source = source
        self._codec: Codec[Any] = Codec(handler.message_type, answers=False)
        self._encoder = answer_encoder(handler)
        #: That of the worker: a request may come in whatever context.
        self._worker_context = copy_context()
        self._has_answered = False

    async def answer(self, body: bytes) -> bytes:
        """From the request's bytes to the answer's; never raises."""
        traceparent, calls = None, Calls()
        try:
            envelope: Envelope[Any] = self._codec.decode(body)
            traceparent = envelope.traceparent
            result = await calls.apart(self._call(envelope), self._worker_context)
            await calls.go_on()
            answer = self._answer(result, traceparent)
        except BaseException as error:  # handlers raise anything
            failure = await calls.failure(error)
            name, subject = self._group.name, self._handler.subject
            what = describe(failure)
            log.warning("%s: a request on %s failed: %s", name, subject, what, exc_info=failure)
            return self._failure(failure, traceparent)
        self._say_answered(envelope)
        return answer

    def _say_answered(self, envelope: Envelope[Any]) -> None:
        about = self._group.name, envelope.id, self._handler.subject
        if not self._has_answered:
            self._has_answered = True
            log.info("%s answers; the first was request %s on %s", *about)
        log.debug("%s: request %s on %s is answered", *about)

    def _answer(self, result: Any, traceparent: str | None) -> bytes:
        close_unawaited(result)
        return self._encoder.encode(result, new_id(), self._source, traceparent)

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


def answer_encoder(handler: Handler) -> Encoder:
    """Writes this handler's answers, and checks that whoever asks can read them."""
    assert handler.message_type is not None
    assert issubclass(handler.message_type, Request)
    return Encoder(
        answer_type(handler.message_type),
        name=f"what {handler.name} answered",
        type=f"{handler.subject}.answer",
    )
