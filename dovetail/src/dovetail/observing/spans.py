"""What one handler's tracer has begun and not ended; what a tracer raises hurts no message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Literal

from dovetail.dead_letter import DeadLetter
from dovetail.delivery import Delivery, Outgoing
from dovetail.group import Context
from dovetail.observer import Span, Tracer
from dovetail.observing.counts import CountingSubscription, Guard, Tally
from dovetail.operating.renamed_groups import GroupSubscription
from dovetail.running.outgoing import Stamp


@dataclass
class _Way:
    """Where a message was processed, and the ids of its outgoing messages."""

    parent: str | None = None
    outgoing: list[str] = field(default_factory=list)


class Spans:
    """Of one handler."""

    def __init__(self, group: str, subject: str, tracer: Tracer, guard: Guard) -> None:
        self._group = group
        self._subject = subject
        self._tracer = tracer
        self._guard = guard
        self._ways: dict[Delivery, _Way] = {}
        self._publishing: dict[str, Span] = {}

    @contextmanager
    def process(self, contexts: Sequence[Context]) -> Iterator[Sequence[str | None]]:
        """As Tracer.process; gives what the spans hand on, and without a span what came in."""
        try:
            manager = self._tracer.process(contexts)
            parents = [span.traceparent for span in manager.__enter__()]
        except Exception as error:  # noqa: BLE001 - a tracer raises anything
            self._guard.report(self._tracer, error)
            yield [context.traceparent for context in contexts]
            return
        try:
            yield parents
        except BaseException as error:
            self._leave(manager, error)
            raise
        self._leave(manager, None)

    def _leave(self, manager: AbstractContextManager[object], raised: BaseException | None) -> None:
        kind = None if raised is None else type(raised)
        trace = None if raised is None else raised.__traceback__
        try:
            manager.__exit__(kind, raised, trace)
        except Exception as error:  # noqa: BLE001 - a tracer raises anything
            if error is not raised:
                self._guard.report(self._tracer, error)

    def processed(self, delivery: Delivery, parent: str | None) -> None:
        """The message was processed in this context."""
        self._ways[delivery] = _Way(parent)

    def stamp(self, delivery: Delivery) -> Stamp:
        """For outgoing messages of this one: each begins a span, which `published` ends."""
        way = self._ways.get(delivery, _Way())

        def stamp(kind: str, subject: str, id: str) -> str | None:
            try:
                span = self._tracer.publish(kind, subject, id, way.parent)
                traceparent = span.traceparent
            except Exception as error:  # noqa: BLE001 - a tracer raises anything
                self._guard.report(self._tracer, error)
                return way.parent
            way.outgoing.append(id)
            self._publishing[id] = span
            return traceparent

        return stamp

    def published(self, outgoing: Sequence[Outgoing], error: BaseException | None = None) -> None:
        """The queue has them, or would not take them."""
        for one in outgoing:
            self.end(self._publishing.pop(one.id, None), error)

    def settle(
        self, outcome: Literal["ack", "retry", "bury"], deliveries: Sequence[Delivery]
    ) -> Span | None:
        """As Tracer.settle; None where the tracer failed."""
        ways = [self._ways.get(one) for one in deliveries]
        parents = [way.parent for way in ways if way is not None and way.parent is not None]
        try:
            return self._tracer.settle(self._group, self._subject, outcome, parents)
        except Exception as error:  # noqa: BLE001 - a tracer raises anything
            self._guard.report(self._tracer, error)
            return None

    def end(self, span: Span | None, error: BaseException | None = None) -> None:
        """It is over."""
        if span is not None:
            self._guard.call(self._tracer, span.end, error)

    def forget(self, deliveries: Sequence[Delivery]) -> None:
        """Nobody has these in flight any more; what they were to cause was not published."""
        for one in deliveries:
            if way := self._ways.pop(one, None):
                for message_id in way.outgoing:
                    self.end(self._publishing.pop(message_id, None))


class TracedSubscription(CountingSubscription):
    """Has a span for each settling."""

    def __init__(self, inner: GroupSubscription, tally: Tally, spans: Spans) -> None:
        super().__init__(inner, tally)
        self.spans = spans

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.ack."""
        if not deliveries:
            return
        span = self.spans.settle("ack", deliveries)
        super().ack(deliveries)
        self.spans.end(span)

    async def retry(self, delivery: Delivery, pause: float) -> None:
        """As Subscription.retry."""
        with self._settling("retry", delivery):
            await super().retry(delivery, pause)

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """As Subscription.bury."""
        with self._settling("bury", delivery):
            await super().bury(delivery, letter)

    @contextmanager
    def _settling(self, outcome: Literal["retry", "bury"], delivery: Delivery) -> Iterator[None]:
        span = self.spans.settle(outcome, [delivery])
        try:
            yield
        except BaseException as error:
            self.spans.end(span, error)
            raise
        self.spans.end(span)
