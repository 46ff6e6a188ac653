"""Puts a worker's observers where they are told; chosen once, when it starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from dovetail import clock
from dovetail.codec.envelope import Envelope
from dovetail.errors import ConfigurationError
from dovetail.group import Group, Handler
from dovetail.observer import Observer, Tracer
from dovetail.observing.counts import CountingSubscription, Guard, Tally
from dovetail.observing.observed_runner import ObservedRunner, TracedRunner
from dovetail.observing.spans import Spans, TracedSubscription
from dovetail.operating.renamed_groups import GroupSubscription
from dovetail.queue import MessageQueue
from dovetail.running.answering import Answering
from dovetail.running.pausing import GroupPause
from dovetail.running.runner import Runner


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
        subscription: GroupSubscription,
        pause: GroupPause,
    ) -> Callable[[], Runner]:
        """What makes the loops of one handler."""
        tally, spans = self._of(group, handler)
        if spans is None:
            counting = CountingSubscription(subscription, tally)
            return partial(ObservedRunner, queue, group, handler, counting, pause)
        traced = TracedSubscription(subscription, tally, spans)
        return partial(TracedRunner, queue, group, handler, traced, pause)

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
        self._tally.untold.handled += 1
        self._tally.tell()
        return answer

    def _failure(self, failure: Exception, traceparent: str | None) -> bytes:
        self._tally.untold.failed += 1
        self._tally.tell()
        return super()._failure(failure, traceparent)

    async def _call(self, envelope: Envelope[Any]) -> Any:
        started = clock.monotonic()
        try:
            if self._spans is None:
                return await super()._call(envelope)
            with self._spans.process([self._context(envelope)]):
                return await super()._call(envelope)
        finally:
            self._tally.took(clock.monotonic() - started)
