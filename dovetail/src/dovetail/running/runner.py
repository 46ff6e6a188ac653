"""Runs one handler on one subscription: fetch, decode, call, publish, ack."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context as ContextVars
from contextvars import copy_context
from typing import Any

from dovetail.codec.envelope import Envelope
from dovetail.codec.identifiers import unique_key
from dovetail.delivery import Delivery, Outgoing
from dovetail.errors import DovetailError, NotReady
from dovetail.group import Context, Group, Handler
from dovetail.limits import LARGEST_BATCH, SETTLE_SECONDS, TURN_SECONDS
from dovetail.operating.renamed_groups import GroupSubscription
from dovetail.queue import MessageQueue
from dovetail.running.calling import Calls
from dovetail.running.decoding import decoder_for
from dovetail.running.failures import Failures, unsettled_limit
from dovetail.running.fetched import Fetched, Handled
from dovetail.running.outgoing import Stamp, check_one_for_each, outgoing_of
from dovetail.running.pausing import GroupPause, Stopping
from dovetail.running.publishing import publish_until_taken

log = logging.getLogger("dovetail.worker")


#: How a message came, and what it says.
Decoded = tuple[Delivery, Envelope[Any]]


class Runner:
    """One of a worker's loops. `run` returns after the subscription was stopped."""

    def __init__(
        self,
        queue: MessageQueue,
        group: Group,
        handler: Handler,
        subscription: GroupSubscription,
        pause: GroupPause,
    ) -> None:
        self._queue = queue
        self._group = group
        self._handler = handler
        self._subscription = subscription
        self._pause = pause
        self._failures = Failures(group, handler, subscription)
        self._decode = decoder_for(handler, unsettled_limit(group.options.lease))
        self._calls: Calls
        #: The worker's own, as `run` found it.
        self._context_of_worker: ContextVars
        #: A call that took so long may have held up the renewing of leases until they ended.
        self._stale_seconds = group.options.lease * 2 / 3
        #: Messages that the handler has, or is about to have.
        self.in_hand = 0

    async def run(self) -> None:
        """Handle messages until the subscription gives no more."""
        self._calls = Calls()
        self._context_of_worker = copy_context()
        clock = asyncio.get_running_loop().time
        handle = self._handle_batch if self._handler.batch else self._handle_singly
        batch_size = self._handler.batch or 1
        while deliveries := await self._subscription.fetch(batch_size):
            started = clock()
            # Of what is handled one by one, only the first is finished when the worker is told to stop.
            self.in_hand = len(deliveries) if self._handler.batch else 1
            try:
                await handle(deliveries)
            except Stopping:
                await self._release(deliveries)
            except asyncio.CancelledError:
                await self._release(deliveries)
                raise
            self.in_hand = 0
            if not self._handler.batch:
                batch_size = _next_batch_size(batch_size, clock() - started)
            # A handler that never waits would keep everything else in this process waiting.
            await asyncio.sleep(0)

    # One by one

    async def _handle_singly(self, deliveries: Sequence[Delivery]) -> None:
        async with Fetched(deliveries, self._settle, self._release) as fetched:
            while fetched.waiting and not self._pause.is_stopping():
                await self._calls.apart(self._handle_each(fetched.waiting, fetched.handled))
            await self._settle(fetched.handled)
        if self._pause.is_stopping():
            raise Stopping

    async def _handle_each(self, waiting: deque[Delivery], handled: list[Handled]) -> None:
        """In a context of its own; returns before the end where a handler has changed that."""
        clock = asyncio.get_running_loop().time
        is_stopping, decode, call = self._pause.is_stopping, self._decode, self._plain_function()
        context, cancelling = copy_context(), self._calls.cancelling
        settled = clock()
        while waiting and not is_stopping():
            delivery = waiting.popleft()
            try:
                envelope = decode(delivery)
                if call is None:
                    result = await self._call([(delivery, envelope)])
                else:
                    result = await call(envelope.data)
                outgoing = [] if result is None else self._outgoing(result, delivery, envelope)
            except BaseException as error:  # noqa: BLE001 - handlers raise anything
                await self._failed(delivery, error, handled)
                return
            handled.append((delivery, outgoing))
            now = clock()
            if now - settled > SETTLE_SECONDS:
                await self._took_long(now - settled, waiting, handled)
                settled = clock()
            if (
                cancelling() or copy_context() != context
            ):  # the same where nothing was set: one comparison
                await self._calls.go_on()
                return

    async def _failed(
        self, delivery: Delivery, error: BaseException, handled: list[Handled]
    ) -> None:
        failure = await self._calls.failure(error)
        await self._settle(handled)
        await self._recover(delivery, failure)

    async def _took_long(
        self, seconds: float, waiting: deque[Delivery], handled: list[Handled]
    ) -> None:
        """Let nothing wait for what is handled next, nor call for what another member may have by now."""
        await self._settle(handled)
        if seconds > self._stale_seconds and waiting:
            stale = list(waiting)
            waiting.clear()
            await self._release(stale)

    async def _release(self, deliveries: Sequence[Delivery]) -> None:
        try:
            await self._subscription.release(deliveries)
        except DovetailError as error:
            name, count = self._group.name, len(deliveries)
            log.warning("%s: %d messages come again when their leases end: %s", name, count, error)

    def _plain_function(self) -> Callable[..., Any] | None:
        """The handler's function, where nothing has to be done around a call of it."""
        plain = not self._handler.wants_context and self._group.options.timeout is None
        return self._handler.function if plain else None

    async def _recover(self, delivery: Delivery, error: Exception) -> None:
        """The first try failed: wait until dependencies are ready and try again, or give it back."""
        while self._not_ready(error):
            await self._pause.failed(error)
            try:
                envelope = self._decode(delivery)
                # Not in a copy of this context: the first try may have changed it.
                call = self._call([(delivery, envelope)])
                result = await self._calls.apart(call, self._context_of_worker)
                outgoing = self._outgoing(result, delivery, envelope)
            except BaseException as another:  # noqa: BLE001 - handlers raise anything
                error = await self._calls.failure(another)
                continue
            await self._calls.go_on()
            self._pause.worked()
            await self._settle([(delivery, outgoing)])
            return
        await self._failures.handle(delivery, error)

    # In batches

    async def _handle_batch(self, deliveries: Sequence[Delivery]) -> None:
        batch: list[Decoded] = []
        for delivery in deliveries:
            try:
                batch.append((delivery, self._decode(delivery)))
            except DovetailError as error:
                await self._failures.handle(delivery, error)
        if batch:
            await self._try_batch(batch)

    async def _try_batch(self, batch: list[Decoded]) -> None:
        """Call the handler; where it fails, call it with halves, until what fails is alone."""
        try:
            handled = self._aligned(batch, await self._call_when_ready(batch))
        except Stopping:
            raise
        except Exception as error:  # noqa: BLE001 - handlers raise anything
            if len(batch) == 1:
                await self._failures.handle(batch[0][0], error)
                return
            middle = len(batch) // 2
            await self._try_batch(batch[:middle])
            await self._try_batch(batch[middle:])
        else:
            await self._settle(handled)

    async def _call_when_ready(self, batch: list[Decoded]) -> Any:
        waited = False
        while True:
            try:
                result = await self._calls.apart(self._call(batch))
            except BaseException as error:  # noqa: BLE001 - handlers raise anything
                failure = await self._calls.failure(error)
            else:
                await self._calls.go_on()
                if waited:
                    self._pause.worked()
                return result
            if not self._not_ready(failure):
                raise failure
            waited = True
            await self._pause.failed(failure)

    def _aligned(self, batch: list[Decoded], result: Any) -> list[Handled]:
        """What a batch handler returned, message by message."""
        if result is None:
            return [(delivery, []) for delivery, _ in batch]
        check_one_for_each(result, len(batch), self._handler)
        return [
            (delivery, self._outgoing(one, delivery, envelope))
            for (delivery, envelope), one in zip(batch, result, strict=True)
        ]

    # Common

    async def _call(self, batch: list[Decoded]) -> Any:
        handler, limit = self._handler, self._group.options.timeout
        arguments: list[Any] = [[envelope.data for _, envelope in batch]]
        if handler.wants_context:
            arguments.append([self._context(*one) for one in batch])
        if not handler.batch:
            arguments = [one[0] for one in arguments]
        if limit is None:
            return await handler.function(*arguments)
        async with asyncio.timeout(limit) as timer:
            try:
                return await handler.function(*arguments)
            except asyncio.CancelledError as error:
                if timer.expired():
                    raise TimeoutError(f"the handler took longer than {limit:g} s") from error
                raise

    def _context(self, delivery: Delivery, envelope: Envelope[Any]) -> Context:
        return Context(
            id=envelope.id or delivery.key,
            subject=delivery.subject,
            group=self._group.name,
            attempt=delivery.attempt,
            traceparent=envelope.traceparent,
            source=envelope.source,
        )

    def _outgoing(
        self,
        result: Any,
        delivery: Delivery,
        envelope: Envelope[Any],
        stamp: Stamp | None = None,
    ) -> list[Outgoing]:
        # By the place, which a rename leaves: what is handled again under a new name causes the same ids.
        origin = (self._subscription.place, self._queue.options.source)
        cause = unique_key(envelope.id or delivery.key, envelope.source)
        return outgoing_of(result, envelope, cause, self._handler, origin, stamp)

    def _not_ready(self, error: Exception) -> bool:
        return isinstance(error, NotReady) or self._group.options.is_not_ready(error)

    async def _settle(self, handled: list[Handled]) -> None:
        """Publish what handlers returned, and ack once the queue has it. Empties the list."""
        settling = handled[:]
        handled.clear()
        if outgoing := [one for _, returned in settling for one in returned]:
            try:
                await self._publish(outgoing)
            except DovetailError as error:
                await self._settle_apart(settling, error)
                return
        self._subscription.ack([delivery for delivery, _ in settling])
        if settling and (not self._pause.has_handled or log.isEnabledFor(logging.DEBUG)):
            self._say_handled([delivery for delivery, _ in settling])

    def _say_handled(self, deliveries: Sequence[Delivery]) -> None:
        name = self._group.name
        if not self._pause.has_handled:
            self._pause.has_handled = True
            first = deliveries[0]
            log.info(
                "%s handles; the first was message %s on %s", name, first.message_id, first.subject
            )
        if log.isEnabledFor(logging.DEBUG):
            for one in deliveries:
                log.debug("%s: message %s on %s is handled", name, one.message_id, one.subject)

    async def _publish(self, outgoing: list[Outgoing]) -> None:
        await publish_until_taken(self._queue, outgoing, self._pause)

    async def _settle_apart(self, settling: list[Handled], error: DovetailError) -> None:
        """Something that a handler returned cannot be published, now or ever: find out whose fault it is."""
        if len(settling) == 1:
            await self._failures.handle(settling[0][0], error)
            return
        for one in settling:
            await self._settle([one])


def _next_batch_size(batch_size: int, took: float) -> int:
    if took > TURN_SECONDS:
        return max(1, batch_size // 2)
    return min(batch_size * 2, LARGEST_BATCH)
