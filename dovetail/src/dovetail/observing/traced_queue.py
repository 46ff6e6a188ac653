"""The queue where a tracer follows what is published."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager

from dovetail.codec.encoding import encoding_of
from dovetail.delivery import Outgoing
from dovetail.errors import ConfigurationError, DovetailError
from dovetail.message import Command, Event, Request
from dovetail.observer import Span, Tracer
from dovetail.observing.counts import Guard
from dovetail.options import QueueOptions
from dovetail.queue import PUBLISH_MANY, Answer, MessageQueue, id_of, with_ids
from dovetail.transport import Transport


class TracedQueue(MessageQueue):
    """As MessageQueue; a message that is given a trace context goes with that one, as it is."""

    def __init__(self, transport: Transport, options: QueueOptions) -> None:
        super().__init__(transport, options)
        if options.tracer is None:
            raise ConfigurationError("a traced queue needs a tracer")
        self._tracer: Tracer = options.tracer
        self._guard = Guard()

    async def publish(
        self,
        event: Event,
        *,
        id: str | None = None,
        durable: bool = True,
        traceparent: str | None = None,
    ) -> str:
        """As MessageQueue.publish."""
        message_id = id_of(id)
        subject = encoding_of(event, "publish", ("event",)).subject
        with self._published("event", subject, message_id, traceparent) as trace:
            return await super().publish(event, id=message_id, durable=durable, traceparent=trace)

    async def publish_many(
        self, events: Sequence[Event], *, ids: Sequence[str] | None = None
    ) -> list[str]:
        """As MessageQueue.publish_many; each has a span of its own."""
        spans: list[Span] = []
        outgoing: list[Outgoing] = []
        with self._ended(spans):
            for event, message_id in with_ids(events, ids):
                subject = encoding_of(event, *PUBLISH_MANY).subject
                trace = self._begin("event", subject, message_id, spans)
                outgoing.append(self._outgoing(PUBLISH_MANY, event, message_id, trace))
            await self.transport.publish(outgoing, self.options.timeout)
        return [one.id for one in outgoing]

    async def send(
        self, command: Command, *, id: str | None = None, traceparent: str | None = None
    ) -> str:
        """As MessageQueue.send."""
        message_id = id_of(id)
        subject = encoding_of(command, "send", ("command",)).subject
        with self._published("command", subject, message_id, traceparent) as trace:
            return await super().send(command, id=message_id, traceparent=trace)

    async def _ask(
        self, call: str, request: Request[Answer], timeout: float, traceparent: str | None = None
    ) -> AsyncGenerator[tuple[Answer, DovetailError | None]]:
        subject = encoding_of(request, call, ("request",)).subject
        with self._published("request", subject, "", traceparent) as trace:
            async with aclosing(super()._ask(call, request, timeout, trace)) as answers:
                async for answer in answers:
                    yield answer

    @contextmanager
    def _published(
        self, kind: str, subject: str, message_id: str, given: str | None
    ) -> Iterator[str | None]:
        if given is not None:
            yield given
            return
        spans: list[Span] = []
        trace = self._begin(kind, subject, message_id, spans)
        with self._ended(spans):
            yield trace

    @contextmanager
    def _ended(self, spans: Sequence[Span]) -> Iterator[None]:
        try:
            yield
        except GeneratorExit:  # whoever asked has the answers that it wants
            self._end(spans, None)
            raise
        except BaseException as error:
            self._end(spans, error)
            raise
        self._end(spans, None)

    def _begin(self, kind: str, subject: str, message_id: str, spans: list[Span]) -> str | None:
        """The context of a span that is among `spans` then; None where the tracer failed."""
        try:
            span = self._tracer.publish(kind, subject, message_id)
            trace = span.traceparent
        except Exception as error:  # noqa: BLE001 - a tracer raises anything
            self._guard.report(self._tracer, error)
            return None
        spans.append(span)
        return trace

    def _end(self, spans: Sequence[Span], error: BaseException | None) -> None:
        for span in spans:
            self._guard.call(self._tracer, span.end, error)
