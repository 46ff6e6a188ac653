"""Runs one handler on one subscription: fetch, decode, call, publish, ack."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context as ContextVars
from contextvars import copy_context
from typing import Any

from dovetail.calling import Calls
from dovetail.delivery import Delivery, Outgoing
from dovetail.envelope import SPEC_VERSION, Codec, Envelope, received
from dovetail.errors import DovetailError, NotReady, QueueFull, QueueUnavailable
from dovetail.gate import Gate, Stopping
from dovetail.group import Context, Group, Handler
from dovetail.identifiers import unique_key
from dovetail.outcome import Failures, Stamp, WorkerLost, caused, close_unawaited, lost_limit
from dovetail.portion import SETTLE_SECONDS, Handled, Portion
from dovetail.queue import MessageQueue
from dovetail.transport import Subscription

log = logging.getLogger("dovetail.worker")

#: Messages are taken from the subscription in portions that take about this long to handle.
PORTION_SECONDS = 0.05
LARGEST_PORTION = 256

#: A message in hand: how it came, and what it says.
InHand = tuple[Delivery, Envelope[Any]]


class Runner:
    """One of a worker's loops. `run` returns after the subscription was stopped."""

    def __init__(
        self,
        queue: MessageQueue,
        group: Group,
        handler: Handler,
        subscription: Subscription,
        gate: Gate,
    ) -> None:
        self._queue = queue
        self._group = group
        self._handler = handler
        self._subscription = subscription
        self._gate = gate
        self._failures = Failures(group, handler, subscription)
        self._decode = _decoder(handler, lost_limit(group.options.lease))
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
        portion = self._handler.batch or 1
        while deliveries := await self._subscription.fetch(portion):
            started = clock()
            # Of what is handled one by one, only the first is finished when the worker is told to stop.
            self.in_hand = len(deliveries) if self._handler.batch else 1
            try:
                await handle(deliveries)
            except Stopping:
                await self._subscription.release(deliveries)
            except asyncio.CancelledError:
                await self._subscription.release(deliveries)
                raise
            self.in_hand = 0
            if not self._handler.batch:
                portion = _next_portion(portion, clock() - started)
            # A handler that never waits would keep everything else in this process waiting.
            await asyncio.sleep(0)

    # One by one

    async def _handle_singly(self, deliveries: Sequence[Delivery]) -> None:
        async with Portion(deliveries, self._settle, self._subscription.release) as portion:
            while portion.waiting and not self._gate.stopping:
                await self._calls.apart(self._handle_each(portion.waiting, portion.handled))
            await self._settle(portion.handled)
        if self._gate.stopping:
            raise Stopping

    async def _handle_each(self, waiting: deque[Delivery], handled: list[Handled]) -> None:
        """In a context of its own; returns before the end where a handler has changed that."""
        clock = asyncio.get_running_loop().time
        gate, decode, call = self._gate, self._decode, self._plain_function()
        context, cancelling = copy_context(), self._calls.cancelling
        settled = clock()
        while waiting and not gate.stopping:
            delivery = waiting.popleft()
            try:
                envelope = decode(delivery)
                if call is None:
                    result = await self._call([(delivery, envelope)])
                else:
                    result = await call(envelope.data)
                outgoing = [] if result is None else self._caused(result, delivery, envelope)
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
            await self._subscription.release(stale)

    def _plain_function(self) -> Callable[..., Any] | None:
        """The handler's function, where nothing has to be done around a call of it."""
        plain = not self._handler.wants_context and self._group.options.timeout is None
        return self._handler.function if plain else None

    async def _recover(self, delivery: Delivery, error: Exception) -> None:
        """The first try failed: wait until dependencies are ready and try again, or give it back."""
        while self._not_ready(error):
            await self._gate.failed(error)
            try:
                envelope = self._decode(delivery)
                # Not in a copy of this context: the first try may have changed it.
                call = self._call([(delivery, envelope)])
                result = await self._calls.apart(call, self._context_of_worker)
                outgoing = self._caused(result, delivery, envelope)
            except BaseException as another:  # noqa: BLE001 - handlers raise anything
                error = await self._calls.failure(another)
                continue
            await self._calls.go_on()
            self._gate.worked()
            await self._settle([(delivery, outgoing)])
            return
        await self._failures.handle(delivery, error)

    # In batches

    async def _handle_batch(self, deliveries: Sequence[Delivery]) -> None:
        in_hand: list[InHand] = []
        for delivery in deliveries:
            try:
                in_hand.append((delivery, self._decode(delivery)))
            except DovetailError as error:
                await self._failures.handle(delivery, error)
        if in_hand:
            await self._try_batch(in_hand)

    async def _try_batch(self, in_hand: list[InHand]) -> None:
        """Call the handler; where it fails, call it with halves, until what fails is alone."""
        try:
            handled = self._aligned(in_hand, await self._call_when_ready(in_hand))
        except Stopping:
            raise
        except Exception as error:  # noqa: BLE001 - handlers raise anything
            if len(in_hand) == 1:
                await self._failures.handle(in_hand[0][0], error)
                return
            middle = len(in_hand) // 2
            await self._try_batch(in_hand[:middle])
            await self._try_batch(in_hand[middle:])
        else:
            await self._settle(handled)

    async def _call_when_ready(self, in_hand: list[InHand]) -> Any:
        waited = False
        while True:
            try:
                result = await self._calls.apart(self._call(in_hand))
            except BaseException as error:  # noqa: BLE001 - handlers raise anything
                failure = await self._calls.failure(error)
            else:
                await self._calls.go_on()
                if waited:
                    self._gate.worked()
                return result
            if not self._not_ready(failure):
                raise failure
            waited = True
            await self._gate.failed(failure)

    def _aligned(self, in_hand: list[InHand], result: Any) -> list[Handled]:
        """What a batch handler returned, message by message: so the ids are the same next time."""
        if result is None:
            return [(delivery, []) for delivery, _ in in_hand]
        if not isinstance(result, (list, tuple)) or len(result) != len(in_hand):
            close_unawaited(result)
            raise TypeError(
                f"{self._handler.name} must return None, or a list with one entry for "
                f"each of the {len(in_hand)} messages: a message, a list of messages, or None"
            )
        return [
            (delivery, self._caused(one, delivery, envelope))
            for (delivery, envelope), one in zip(in_hand, result, strict=True)
        ]

    # Common

    async def _call(self, in_hand: list[InHand]) -> Any:
        handler, limit = self._handler, self._group.options.timeout
        arguments: list[Any] = [[envelope.data for _, envelope in in_hand]]
        if handler.wants_context:
            arguments.append([self._context(*one) for one in in_hand])
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

    def _caused(
        self,
        result: Any,
        delivery: Delivery,
        envelope: Envelope[Any],
        stamp: Stamp | None = None,
    ) -> list[Outgoing]:
        origin = (self._group.name, self._queue.options.source)
        cause = unique_key(envelope.id or delivery.key, envelope.source)
        return caused(result, envelope, cause, self._handler, origin, stamp)

    def _not_ready(self, error: Exception) -> bool:
        return isinstance(error, NotReady) or self._group.options.is_not_ready(error)

    async def _settle(self, handled: list[Handled]) -> None:
        """Publish what was caused, wait until the queue has it, and only then ack. Empties the list."""
        settling = handled[:]
        handled.clear()
        if outgoing := [one for _, caused in settling for one in caused]:
            try:
                await self._publish(outgoing)
            except DovetailError as error:
                await self._settle_apart(settling, error)
                return
        self._subscription.ack([delivery for delivery, _ in settling])
        if settling and (not self._gate.has_handled or log.isEnabledFor(logging.DEBUG)):
            self._say_handled([delivery for delivery, _ in settling])

    def _say_handled(self, deliveries: Sequence[Delivery]) -> None:
        name = self._group.name
        if not self._gate.has_handled:
            self._gate.has_handled = True
            first = deliveries[0]
            log.info(
                "%s handles; the first was message %s on %s", name, first.message_id, first.subject
            )
        if log.isEnabledFor(logging.DEBUG):
            for one in deliveries:
                log.debug("%s: message %s on %s is handled", name, one.message_id, one.subject)

    async def _publish(self, outgoing: list[Outgoing]) -> None:
        """Return when the queue has all of them, however long it cannot take them."""
        try:
            await self._queue.transport.publish(outgoing, self._queue.options.timeout)
        except (QueueUnavailable, QueueFull) as error:
            await self._publish_again(outgoing, error)

    async def _publish_again(self, outgoing: list[Outgoing], failure: Exception) -> None:
        """Each by itself: the queue, which remembers ids for a time only, gets none that it has taken."""
        transport, timeout = self._queue.transport, self._queue.options.timeout
        while outgoing:
            await self._gate.failed(failure)
            results = await asyncio.gather(
                *(transport.publish((one,), timeout) for one in outgoing), return_exceptions=True
            )
            outgoing = [one for one, result in zip(outgoing, results, strict=True) if result]
            for result in filter(None, results):
                if not isinstance(result, (QueueUnavailable, QueueFull)):
                    raise result
                failure = result
        self._gate.worked()

    async def _settle_apart(self, settling: list[Handled], error: DovetailError) -> None:
        """Something that was caused cannot be published, now or ever: find out whose fault it is."""
        if len(settling) == 1:
            await self._failures.handle(settling[0][0], error)
            return
        for one in settling:
            await self._settle([one])


def _next_portion(portion: int, took: float) -> int:
    if took > PORTION_SECONDS:
        return max(1, portion // 2)
    return min(portion * 2, LARGEST_PORTION)


def _decoder(handler: Handler, lost: int) -> Callable[[Delivery], Envelope[Any]]:
    """How this handler's messages are opened. Raises DecodeError, and WorkerLost after so many deliveries."""
    typed = handler.message_type
    decode = Codec[Any](typed, answers=False).decode if typed else None

    def checked(delivery: Delivery) -> Envelope[Any]:
        if delivery.lost >= lost:
            raise WorkerLost(delivery.lost)
        return decode(delivery.body, delivery.headers) if decode else _any_message(delivery)

    return checked


def _any_message(delivery: Delivery) -> Envelope[Any]:
    message = received(delivery.subject, delivery.body, delivery.headers)
    return Envelope(
        specversion=SPEC_VERSION,
        id=message.id or "",
        source=message.source or "",
        type=message.type or "",
        traceparent=message.traceparent,
        data=message,
    )
