"""Traces, as OpenTelemetry's own exporter in memory has them, over real servers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, aclosing
from typing import Literal

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from dovetail import (
    Backoff,
    ConfigurationError,
    Context,
    Group,
    MessageQueue,
    NoGroup,
    Received,
    Span,
    Tracer,
    Worker,
    connect,
)
from dovetail.codec.envelope import encode
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import (
    Numbered,
    Question,
    fresh,
    numbered,
    order,
    question,
)
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.tracing import Tracing

#: Neither of them is one.
MALFORMED = ["", "00-zz-1-01", "0" * 55, "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "\x00é" * 100]


class Traces:
    """A tracer of our own, and what it has recorded."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = Tracing(system="test", tracer_provider=self.provider)

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """Those that have ended, by the name or how it begins."""
        return [one for one in self._exporter.get_finished_spans() if one.name.startswith(name)]

    def one(self, name: str) -> ReadableSpan:
        [span] = self.spans(name)
        return span


@pytest.fixture
def traces() -> Iterator[Traces]:
    traces = Traces()
    yield traces
    traces.provider.shutdown()


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def id_of(span: ReadableSpan) -> int:
    return int(span.context.span_id)


def trace_of(span: ReadableSpan) -> int:
    return int(span.context.trace_id)


def linked(span: ReadableSpan) -> set[int]:
    return {link.context.span_id for link in span.links}


async def test_one_trace_from_the_request_to_the_page(queue_url: str, traces: Traces) -> None:
    """POST, publish, process, publish what it causes, and what a listener does with that."""
    new, saved, heard = numbered(), numbered(), Seen[Received]()
    group, tracing = Group(fresh("group")), traces.tracing
    inside = Seen[trace.SpanContext]()

    @group.on(new)
    async def save(message: Numbered) -> Numbered:
        inside.add(trace.get_current_span().get_span_context())
        return saved(message.number)

    async def page(queue: MessageQueue) -> None:
        async with aclosing(queue.listen(saved.__subject__)) as events:
            async for event in events:
                with tracing.received(event):
                    heard.add(event)

    server = traces.provider.get_tracer("server")
    async with connect(queue_url, tracer=tracing) as queue:
        listening = asyncio.create_task(page(queue))
        await until(lambda: _hears(queue, saved, heard), "the page listens")
        heard.items.clear()
        async with Worker(queue, [group], observers=[tracing]):
            with server.start_as_current_span("POST /todo") as post:
                message_id = await queue.publish(new(7))
            await heard.has(1)
            await all_handled(queue, group.name)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    published, processed = (
        traces.one(f"publish {new.__subject__}"),
        traces.one(f"process {new.__subject__}"),
    )
    acked = traces.one(f"ack {new.__subject__}")
    post_id = post.get_span_context()
    [caused] = [
        one
        for one in traces.spans(f"publish {saved.__subject__}")
        if trace_of(one) == post_id.trace_id
    ]
    [received] = [
        one
        for one in traces.spans(f"process {saved.__subject__}")
        if trace_of(one) == post_id.trace_id
    ]
    assert parent_of(published) == post_id.span_id
    assert parent_of(processed) == id_of(published)
    assert parent_of(caused) == id_of(processed)
    assert parent_of(received) == id_of(caused)
    assert parent_of(acked) == id_of(processed)
    assert {trace_of(one) for one in (published, processed, caused, received, acked)} == {
        post_id.trace_id
    }
    assert inside.items == [processed.context]
    assert [one.kind for one in (published, processed, caused, acked)] == [
        SpanKind.PRODUCER,
        SpanKind.CONSUMER,
        SpanKind.PRODUCER,
        SpanKind.CLIENT,
    ]
    assert processed.attributes == {
        "messaging.system": "test",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": new.__subject__,
        "messaging.message.id": message_id,
        "messaging.consumer.group.name": group.name,
        "dovetail.attempt": 1,
    }
    assert published.attributes is not None
    assert published.attributes["messaging.operation.type"] == "send"
    assert published.attributes["messaging.message.id"] == message_id
    assert not [one for one in traces.spans() if one.status.status_code is StatusCode.ERROR]


async def _hears(queue: MessageQueue, event: type[Numbered], heard: Seen[Received]) -> bool:
    await queue.publish(event(), durable=False)
    return bool(heard.items)


async def test_batch_keeps_each_message_in_its_trace(queue_url: str, traces: Traces) -> None:
    """What message i causes belongs to the trace of message i."""
    new, saved, group = numbered(), numbered(), Group(fresh("group"))
    heard, tracing = Seen[Numbered](), traces.tracing

    @group.on(new, batch=10)
    async def save(messages: list[Numbered]) -> list[Numbered]:
        return [saved(one.number) for one in messages]

    page = recording(saved, heard)
    async with connect(queue_url, tracer=tracing) as queue:
        await queue.publish_many([new(number) for number in range(10)])
        async with Worker(queue, [group, page], observers=[tracing]):
            await heard.has(10)
            await all_handled(queue, group.name, page.name)

    published = {id_of(one): one for one in traces.spans(f"publish {new.__subject__}")}
    each = [one for one in traces.spans(f"process {new.__subject__}") if one.parent]
    calls = [one for one in traces.spans(f"process {new.__subject__}") if not one.parent]
    caused = traces.spans(f"publish {saved.__subject__}")
    assert (
        len(published)
        == len(each)
        == len(caused)
        == len(traces.spans(f"process {saved.__subject__}"))
        == 10
    )
    assert {parent_of(one) for one in each} == set(published)
    assert {parent_of(one) for one in caused} == {id_of(one) for one in each}
    assert len({trace_of(one) for one in published.values()}) == 10
    assert {trace_of(one) for one in caused} == {trace_of(one) for one in published.values()}
    for call in calls:
        assert call.attributes is not None
        assert call.attributes["messaging.batch.message_count"] == len(call.links)
        mine = [one for one in each if id_of(call) in linked(one)]
        assert linked(call) == {parent_of(one) for one in mine}
    alone = [one for one in each if not one.links]
    assert sum(len(call.links) for call in calls) + len(alone) == 10


async def test_failures_are_recorded(traces: Traces) -> None:
    new, group = numbered(), Group(fresh("group"), retry=Backoff(first=0.01, tries=2))
    tracing = traces.tracing

    @group.on(new)
    async def fail(message: Numbered) -> None:
        raise ValueError("no such thing")

    async with connect("memory://", tracer=tracing) as queue:
        await queue.publish(new(1))
        with pytest.raises(NoGroup):
            await queue.send(order()(1))
        async with Worker(queue, [group], observers=[tracing]):
            await until(lambda: _has_letter(queue), "it is given up")
    first, second = traces.spans(f"process {new.__subject__}")
    assert [span.attributes["dovetail.attempt"] for span in (first, second) if span.attributes] == [
        1,
        2,
    ]
    retried, buried = traces.one("retry "), traces.one("bury ")
    assert [parent_of(retried), parent_of(buried)] == [id_of(first), id_of(second)]
    for span in (first, second):
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "ValueError: no such thing"
        assert span.attributes is not None
        assert span.attributes["error.type"] == "ValueError"
        assert [event.name for event in span.events] == ["exception"]
    assert traces.one("send ").status.status_code is StatusCode.ERROR
    assert buried.status.status_code is StatusCode.UNSET


async def _has_letter(queue: MessageQueue) -> bool:
    return bool(await queue.dead_letters.list())


async def test_requests(traces: Traces) -> None:
    ask, group, tracing = question(), Group(fresh("group")), traces.tracing

    @group.on(ask)
    async def answer(message: Question) -> str:
        return "yes"

    async with (
        connect("memory://", tracer=tracing) as queue,
        Worker(queue, [group], observers=[tracing]),
    ):
        assert await queue.request(ask(1)) == "yes"
        assert list(await queue.gather(ask(2), most=1)) == ["yes"]
    asked, processed = traces.spans("request "), traces.spans("process ")
    assert [parent_of(one) for one in processed] == [id_of(one) for one in asked]
    assert {one.kind for one in asked} == {SpanKind.CLIENT}
    assert not [one for one in traces.spans() if one.status.status_code is StatusCode.ERROR]


@pytest.mark.parametrize("traceparent", MALFORMED, ids=range(len(MALFORMED)))
@pytest.mark.parametrize("batch", [0, 5], ids=["singly", "batch"])
async def test_malformed_context_hurts_nothing(
    traces: Traces, traceparent: str, batch: int
) -> None:
    new, saved, group, seen = numbered(), numbered(), Group(fresh("group")), Seen[object]()
    tracing = traces.tracing

    @group.on(new, batch=batch)
    async def save(message: object) -> object:
        seen.add(message)
        return [saved(1)] * len(message) if isinstance(message, list) else saved(1)

    async with connect("memory://") as queue:
        for number in range(3):
            body = encode(
                new(number), id=str(number), source="s", type="t", traceparent=traceparent
            )
            await queue.publish_raw(new.__subject__, body, id=str(number))
        async with Worker(queue, [group], observers=[tracing]):
            await all_handled(queue, group.name)
        with tracing.received(Received(subject="a", body=b"", data=None, traceparent=traceparent)):
            pass
        assert not await queue.dead_letters.list()
    assert len(traces.spans("publish ")) == 3
    assert all(trace_of(one) for one in traces.spans())


async def test_context_that_is_given_goes_as_it_is(traces: Traces) -> None:
    new, command, tracing = numbered(), order(), traces.tracing
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    got, group = Seen[Context](), Group(fresh("group"))

    @group.on(new)
    async def take(message: Numbered, context: Context) -> None:
        got.add(context)

    @group.on(command)
    async def do(message: object, context: Context) -> None:
        got.add(context)

    for tracer in (None, tracing):
        async with connect("memory://", tracer=tracer) as queue, Worker(queue, [group]):
            await queue.publish(new(1), traceparent=given)
            await queue.send(command(1), traceparent=given)
            await got.has(2)
        assert [one.traceparent for one in got.items] == [given, given]
        got.items.clear()
    assert not traces.spans()


async def test_without_a_provider_the_trace_goes_on() -> None:
    """Who records nothing hands on what came in."""
    new, saved, got, tracing = numbered(), numbered(), Seen[Context](), Tracing()
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    group = Group(fresh("group"))

    @group.on(new)
    async def cause(message: Numbered) -> Numbered:
        return saved(1)

    @group.on(saved)
    async def take(message: Numbered, context: Context) -> None:
        got.add(context)

    async with connect("memory://", tracer=tracing) as queue:
        async with Worker(queue, [group], observers=[tracing]):
            await queue.publish(new(1), traceparent=given)
            await got.has(1)
        await queue.publish(new(1))
    assert got.items[0].traceparent == given


class Broken(Tracer):
    """Fails at one thing."""

    def __init__(self, inner: Tracer, at: str) -> None:
        self._inner = inner
        self._at = at

    def _fail(self, at: str) -> None:
        if self._at == at:
            raise ValueError(at)

    def publish(self, kind: str, subject: str, id: str, parent: str | None = None) -> Span:
        self._fail("publish")
        return BrokenSpan(self._inner.publish(kind, subject, id, parent), self._at)

    def process(self, contexts: Sequence[Context]) -> AbstractContextManager[Sequence[Span]]:
        self._fail("process")
        return self._inner.process(contexts)

    def settle(
        self,
        group: str,
        subject: str,
        outcome: Literal["ack", "retry", "bury"],
        parents: Sequence[str],
    ) -> Span:
        self._fail("settle")
        return BrokenSpan(self._inner.settle(group, subject, outcome, parents), self._at)


class BrokenSpan:
    """Fails at its end, or when it is asked."""

    def __init__(self, inner: Span, at: str) -> None:
        self._inner = inner
        self._at = at

    @property
    def traceparent(self) -> str | None:
        if self._at == "traceparent":
            raise ValueError
        return self._inner.traceparent

    def end(self, error: BaseException | None = None) -> None:
        self._inner.end(error)
        if self._at == "end":
            raise ValueError


@pytest.mark.parametrize("at", ["publish", "process", "settle", "traceparent", "end"])
@pytest.mark.parametrize("batch", [0, 5], ids=["singly", "batch"])
async def test_tracer_that_fails_hurts_nothing(
    traces: Traces, at: str, batch: int, caplog: pytest.LogCaptureFixture
) -> None:
    new, saved, group, seen = numbered(), numbered(), Group(fresh("group")), Seen[Numbered]()
    tracer = Broken(traces.tracing, at)

    @group.on(new, batch=batch)
    async def save(message: object) -> object:
        return [saved(1)] * len(message) if isinstance(message, list) else saved(1)

    group.on(saved)(recording(saved, seen).handlers[0].function)
    async with connect("memory://", tracer=tracer) as queue:
        async with Worker(queue, [group], observers=[tracer]):
            await queue.publish_many([new(number) for number in range(5)])
            await queue.publish(new(5))
            await seen.has(6)
            await all_handled(queue, group.name)
        assert len(seen) == 6
        assert not await queue.dead_letters.list()
    said = [one for one in caplog.records if "the observer Broken failed" in one.message]
    assert 1 <= len(said) <= 2  # once by the queue, once by the worker


async def test_two_tracers_are_refused(traces: Traces) -> None:
    async with connect("memory://") as queue:
        with pytest.raises(ConfigurationError, match="one tracer"):
            Worker(queue, [], observers=[traces.tracing, Tracing()])


async def test_nothing_is_left_of_what_was_cancelled(traces: Traces) -> None:
    """Spans of what a handler caused that was never published end, too."""
    new, group, begun = numbered(), Group(fresh("group")), Seen[int]()

    @group.on(new)
    async def wait(message: Numbered) -> None:
        begun.add(1)
        await asyncio.Event().wait()

    async with connect("memory://", tracer=traces.tracing) as queue:
        await queue.publish(new(1))
        async with Worker(queue, [group], observers=[traces.tracing], drain=2.2):
            await begun.has(1)
    span = traces.one(f"process {new.__subject__}")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "CancelledError"
