"""Traces with OpenTelemetry. Needs its API: the extra `tracing` of dovetail-messaging.

    tracing = Tracing()
    async with connect(url, tracer=tracing) as queue:
        await run(queue, groups, observers=[tracing])

Spans are named and described by OpenTelemetry's semantic conventions for messaging. Where they go is the
application's: it sets a tracer provider of the SDK up; without one nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Literal

from dovetail.checks.arguments import check
from dovetail.checks.extras import missing_for
from dovetail.checks.rules import text
from dovetail.codec.envelope import Received
from dovetail.codec.error_text import describe
from dovetail.group import Context
from dovetail.observer import Span, Tracer

try:
    from opentelemetry import trace
    from opentelemetry.context import Context as TraceContext
    from opentelemetry.trace import Link, SpanKind, Status, StatusCode, TracerProvider
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ModuleNotFoundError as error:
    raise missing_for("dovetail.tracing", "opentelemetry-api", "tracing", error) from error

#: A span links to so many others at most, as the SDK has it.
MOST_LINKS = 128

_Attributes = dict[str, str | int]
_propagator = TraceContextTextMapPropagator()
#: What the conventions call our kinds of message: the operation, and who waits for what.
_PUBLISH = {
    "event": ("publish", SpanKind.PRODUCER),
    "command": ("send", SpanKind.PRODUCER),
    "request": ("request", SpanKind.CLIENT),
}


def trace_context(traceparent: str | None) -> TraceContext:
    """The context that a W3C traceparent names, to start spans in; an empty one where it is malformed."""
    if traceparent is None:
        return TraceContext()
    return _propagator.extract({"traceparent": traceparent}, TraceContext())


class Tracing(Tracer):
    """A span for each message that is published, processed and settled, all of one way in one trace.

    A handler runs inside its process span, which is a child of the one that published the message. A call
    with several messages has a trace of its own, linked to theirs, and in each of theirs a process span as
    long as the call. `system` is `messaging.system`: "nats", "redis", "rabbitmq".
    """

    def __init__(
        self, *, system: str = "dovetail", tracer_provider: TracerProvider | None = None
    ) -> None:
        self._system: str = check("Tracing", "system", system, text)
        self._tracer = trace.get_tracer("dovetail", tracer_provider=tracer_provider)

    def publish(self, kind: str, subject: str, id: str, parent: str | None = None) -> _Step:
        """As Tracer.publish."""
        operation, span_kind = _PUBLISH[kind]
        attributes = self._attributes(operation, "send", subject)
        if id:
            attributes["messaging.message.id"] = id
        context = None if parent is None else trace_context(parent)
        name = f"{operation} {subject}"
        return _Step(self._tracer.start_span(name, context, span_kind, attributes))

    @contextmanager
    def process(self, contexts: Sequence[Context]) -> Iterator[Sequence[Span]]:
        """As Tracer.process."""
        if len(contexts) == 1:
            with self._current(self._process(contexts[0])) as step:
                yield [step]
            return
        with self._current(self._batch(contexts)) as batch, ExitStack() as each:
            link = Link(batch.span.get_span_context())
            yield [each.enter_context(_ending(self._process(one, link))) for one in contexts]

    @contextmanager
    def received(self, message: Received) -> Iterator[Span]:
        """Inside it goes on what began where this message was published.

        For what `queue.listen` gives, and other ways of taking messages without a handler.
        """
        attributes = self._attributes("process", "process", message.subject)
        if message.id is not None:
            attributes["messaging.message.id"] = message.id
        with self._current(
            self._consumer(message.subject, message.traceparent, attributes)
        ) as step:
            yield step

    def settle(
        self,
        group: str,
        subject: str,
        outcome: Literal["ack", "retry", "bury"],
        parents: Sequence[str],
    ) -> _Step:
        """As Tracer.settle."""
        attributes = self._attributes(outcome, "settle", subject)
        attributes["messaging.consumer.group.name"] = group
        context, links = TraceContext(), list[Link]()
        if len(parents) == 1:
            context = trace_context(parents[0])
        else:
            attributes["messaging.batch.message_count"] = len(parents)
            links = _links(parents)
        name = f"{outcome} {subject}"
        return _Step(self._tracer.start_span(name, context, SpanKind.CLIENT, attributes, links))

    def _process(self, context: Context, link: Link | None = None) -> _Step:
        attributes = self._attributes("process", "process", context.subject)
        attributes["messaging.message.id"] = context.id
        attributes["messaging.consumer.group.name"] = context.group
        attributes["dovetail.attempt"] = context.attempt
        return self._consumer(context.subject, context.traceparent, attributes, link)

    def _batch(self, contexts: Sequence[Context]) -> _Step:
        subject = contexts[0].subject
        attributes = self._attributes("process", "process", subject)
        attributes["messaging.consumer.group.name"] = contexts[0].group
        attributes["messaging.batch.message_count"] = len(contexts)
        links = _links([one.traceparent for one in contexts])
        name, kind = f"process {subject}", SpanKind.CONSUMER
        return _Step(self._tracer.start_span(name, TraceContext(), kind, attributes, links))

    def _consumer(
        self,
        subject: str,
        traceparent: str | None,
        attributes: _Attributes,
        link: Link | None = None,
    ) -> _Step:
        name, links = f"process {subject}", [link] if link is not None else []
        parent = trace_context(traceparent)
        return _Step(self._tracer.start_span(name, parent, SpanKind.CONSUMER, attributes, links))

    def _attributes(self, name: str, kind: str, subject: str) -> _Attributes:
        return {
            "messaging.system": self._system,
            "messaging.operation.name": name,
            "messaging.operation.type": kind,
            "messaging.destination.name": subject,
        }

    @contextmanager
    def _current(self, step: _Step) -> Iterator[_Step]:
        with (
            _ending(step),
            trace.use_span(step.span, record_exception=False, set_status_on_exception=False),
        ):
            yield step


class _Step:
    """As Span says."""

    def __init__(self, span: trace.Span) -> None:
        self.span = span

    @property
    def traceparent(self) -> str | None:
        """As Span.traceparent."""
        context = self.span.get_span_context()
        if not context.is_valid:
            return None
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def end(self, error: BaseException | None = None) -> None:
        """As Span.end."""
        if error is not None and self.span.is_recording():
            self.span.record_exception(error)
            self.span.set_attribute("error.type", type(error).__qualname__)
            self.span.set_status(Status(StatusCode.ERROR, describe(error)))
        self.span.end()


@contextmanager
def _ending(step: _Step) -> Iterator[_Step]:
    try:
        yield step
    except BaseException as error:
        step.end(error)
        raise
    step.end()


def _links(traceparents: Sequence[str | None]) -> list[Link]:
    contexts = [
        trace.get_current_span(trace_context(one)).get_span_context()
        for one in traceparents[:MOST_LINKS]
    ]
    return [Link(context) for context in contexts if context.is_valid]
