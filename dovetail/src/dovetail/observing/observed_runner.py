"""A worker's loops where somebody watches. Those that nobody watches have none of this."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextvars import copy_context
from typing import Any

from dovetail import clock
from dovetail.codec.envelope import Envelope
from dovetail.delivery import Delivery, Outgoing
from dovetail.errors import DecodeError
from dovetail.group import Group, Handler
from dovetail.limits import SETTLE_SECONDS
from dovetail.observer import LONG_SECONDS
from dovetail.observing.counts import CountingSubscription
from dovetail.observing.spans import TracedSubscription
from dovetail.queue import MessageQueue
from dovetail.running.failures import NeverSettled
from dovetail.running.fetched import Handled
from dovetail.running.outgoing import Stamp
from dovetail.running.pausing import GroupPause
from dovetail.running.runner import Decoded, Runner


class ObservedRunner(Runner):
    """Takes the time of each call, and counts."""

    def __init__(
        self,
        queue: MessageQueue,
        group: Group,
        handler: Handler,
        subscription: CountingSubscription,
        pause: GroupPause,
    ) -> None:
        super().__init__(queue, group, handler, subscription, pause)
        self._tally = subscription.tally

    async def _handle_singly(self, deliveries: Sequence[Delivery]) -> None:
        tally, count = self._tally, len(deliveries)
        tally.in_hand(count)
        try:
            await super()._handle_singly(deliveries)
        finally:
            tally.rest()
            tally.in_hand(-count)

    async def _handle_batch(self, deliveries: Sequence[Delivery]) -> None:
        tally, count = self._tally, len(deliveries)
        tally.in_hand(count)
        try:
            await super()._handle_batch(deliveries)
        finally:
            tally.rest()
            tally.in_hand(-count)

    async def _handle_each(self, waiting: deque[Delivery], handled: list[Handled]) -> None:
        """As in Runner, with the time of each call: apart, so that there nobody asks for it."""
        call = self._plain_function()
        if call is None:
            await super()._handle_each(waiting, handled)
            return
        monotonic, is_stopping = clock.monotonic, self._pause.is_stopping
        decode, tally = self._decode, self._tally
        context, cancelling = copy_context(), self._calls.cancelling
        settled = since = started = monotonic()
        calls = 0
        while waiting and not is_stopping():
            delivery = waiting.popleft()
            try:
                envelope = decode(delivery)
                result = await call(envelope.data)
                outgoing = [] if result is None else self._outgoing(result, delivery, envelope)
            except BaseException as error:  # noqa: BLE001 - handlers raise anything
                tally.took_together(calls, started - since)
                if not isinstance(error, (DecodeError, NeverSettled)):
                    tally.took(monotonic() - started)
                await self._failed(delivery, error, handled)
                return
            ended = monotonic()
            if ended - started > LONG_SECONDS:
                tally.took_together(calls, started - since)
                tally.took(ended - started)
                calls, since = 0, ended
            else:
                calls += 1
            started = ended
            handled.append((delivery, outgoing))
            if ended - settled > SETTLE_SECONDS:
                tally.took_together(calls, ended - since)
                await self._took_long(ended - settled, waiting, handled)
                calls, settled = 0, monotonic()
                since = started = settled
            if cancelling() or copy_context() != context:
                break
        tally.took_together(calls, started - since)
        await self._calls.go_on()

    async def _call(self, batch: list[Decoded]) -> Any:
        started = clock.monotonic()
        try:
            return await super()._call(batch)
        finally:
            self._tally.took(clock.monotonic() - started)

    async def _publish(self, outgoing: list[Outgoing]) -> None:
        await super()._publish(outgoing)
        self._tally.untold.published += len(outgoing)


class TracedRunner(ObservedRunner):
    """Also follows each message."""

    def __init__(
        self,
        queue: MessageQueue,
        group: Group,
        handler: Handler,
        subscription: TracedSubscription,
        pause: GroupPause,
    ) -> None:
        super().__init__(queue, group, handler, subscription, pause)
        self._spans = subscription.spans

    async def _handle_singly(self, deliveries: Sequence[Delivery]) -> None:
        try:
            await super()._handle_singly(deliveries)
        finally:
            self._spans.forget(deliveries)

    async def _handle_batch(self, deliveries: Sequence[Delivery]) -> None:
        try:
            await super()._handle_batch(deliveries)
        finally:
            self._spans.forget(deliveries)

    def _plain_function(self) -> None:
        return None

    async def _call(self, batch: list[Decoded]) -> Any:
        contexts = [self._context(*one) for one in batch]
        with self._spans.process(contexts) as parents:
            for (delivery, _), parent in zip(batch, parents, strict=True):
                self._spans.processed(delivery, parent)
            return await super()._call(batch)

    def _outgoing(
        self,
        result: Any,
        delivery: Delivery,
        envelope: Envelope[Any],
        stamp: Stamp | None = None,
    ) -> list[Outgoing]:
        return super()._outgoing(result, delivery, envelope, stamp or self._spans.stamp(delivery))

    async def _publish(self, outgoing: list[Outgoing]) -> None:
        try:
            await super()._publish(outgoing)
        except BaseException as error:
            self._spans.published(outgoing, error)
            raise
        self._spans.published(outgoing)
