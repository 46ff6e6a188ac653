"""Puts a worker's observers where they are told; chosen once, when it starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from dovetail.answering import Answering
from dovetail.envelope import Envelope
from dovetail.errors import ConfigurationError
from dovetail.gate import Gate
from dovetail.group import Group, Handler
from dovetail.observed import ObservedRunner, TracedRunner
from dovetail.observing import Observer, Tracer
from dovetail.queue import MessageQueue
from dovetail.runner import Runner
from dovetail.spans import Spans, TracedSubscription
from dovetail.tally import CountingSubscription, Guard, Tally
from dovetail.transport import Subscription


class Watch:
    """The observers of one worker. Raises ConfigurationError for two tracers."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers
        self._guard = Guard()
        tracers = [one for one in observers if isinstance(one, Tracer)]
        if len(tracers) > 1:
            raise ConfigurationError("a worker has one tracer at most: each gives messages a trace")
        self._tracer = tracers[0] if tracers else None
        self._joined: list[tuple[str, str]] = []

    def loops(
        self,
        queue: MessageQueue,
        group: Group,
        handler: Handler,
        subscription: Subscription,
        gate: Gate,
    ) -> Callable[[], Runner]:
        """What makes the loops of one handler."""
        tally, spans = self._of(group, handler)
        if spans is None:
            counting = CountingSubscription(subscription, tally)
            return partial(ObservedRunner, queue, group, handler, counting, gate)
        traced = TracedSubscription(subscription, tally, spans)
        return partial(TracedRunner, queue, group, handler, traced, gate)

    def answering(self, group: Group, handler: Handler, source: str) -> Answering:
        """What answers a handler's requests."""
        return _ObservedAnswering(group, handler, source, *self._of(group, handler))

    def joined(self, group: Group, handler: Handler) -> None:
        """A worker has joined for this handler."""
        place = group.name, handler.subject
        self._joined.append(place)
        for one in self._observers:
            self._guard.call(one, one.joined, *place)

    def left(self) -> None:
        """It has left for all of them."""
        joined, self._joined = self._joined, []
        for place in joined:
            for one in self._observers:
                self._guard.call(one, one.left, *place)

    def _of(self, group: Group, handler: Handler) -> tuple[Tally, Spans | None]:
        place = group.name, handler.subject
        tally = Tally(*place, self._observers, self._guard)
        if self._tracer is None:
            return tally, None
        return tally, Spans(*place, self._tracer, self._guard)


class _ObservedAnswering(Answering):
    """Counts requests, and follows them where there is a tracer."""

    def __init__(
        self, group: Group, handler: Handler, source: str, tally: Tally, spans: Spans | None
    ) -> None:
        super().__init__(group, handler, source)
        self._tally = tally
        self._spans = spans

    async def answer(self, body: bytes) -> bytes:
        self._tally.in_hand(1)
        try:
            return await super().answer(body)
        finally:
            self._tally.in_hand(-1)

    def _answer(self, result: Any, traceparent: str | None) -> bytes:
        answer = super()._answer(result, traceparent)
        self._tally.now.handled += 1
        self._tally.tell()
        return answer

    def _failure(self, failure: Exception, traceparent: str | None) -> bytes:
        self._tally.now.failed += 1
        self._tally.tell()
        return super()._failure(failure, traceparent)

    async def _call(self, envelope: Envelope[Any]) -> Any:
        started = time.monotonic()
        try:
            if self._spans is None:
                return await super()._call(envelope)
            with self._spans.process([self._context(envelope)]):
                return await super()._call(envelope)
        finally:
            self._tally.took(time.monotonic() - started)
