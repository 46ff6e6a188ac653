"""What becomes of a message that its handler failed on: it is retried, or moved to the dead letters."""

from __future__ import annotations

import asyncio
import logging
import math
import traceback

from dovetail import clock
from dovetail.codec.envelope import received
from dovetail.codec.error_text import describe, encodable, last_bytes, shortened
from dovetail.dead_letter import DeadLetter
from dovetail.delivery import Delivery
from dovetail.errors import DecodeError, DovetailError, Reject, Retry
from dovetail.group import Group, Handler
from dovetail.limits import ID_LENGTH, TRACEBACK_BYTES, UNSETTLED_DELIVERIES, UNSETTLED_SECONDS
from dovetail.transport import Subscription

log = logging.getLogger("dovetail.worker")


def unsettled_limit(lease: float) -> int:
    """After how many deliveries without ack or failure a message is suspected; `lease` is in seconds."""
    return max(UNSETTLED_DELIVERIES, math.ceil(UNSETTLED_SECONDS / lease))


class NeverSettled(DovetailError):
    """The message was delivered again and again, and neither acked nor failed."""

    def __init__(self, times: int) -> None:
        super().__init__(
            f"delivered {times} times without ack or failure: it may be what kills its workers"
        )


class Failures:
    """Decides what becomes of the messages that one handler failed on."""

    def __init__(self, group: Group, handler: Handler, subscription: Subscription) -> None:
        self._group = group
        self._handler = handler
        self._subscription = subscription

    async def handle(self, delivery: Delivery, error: Exception) -> None:
        """Retry after the group's backoff, or move to the dead letters."""
        options = self._group.options
        final = (
            isinstance(error, (Reject, DecodeError, NeverSettled))
            or delivery.attempt >= options.retry.tries
        )
        try:
            if final:
                await self._bury(delivery, error)
                return
            pause = options.retry.pause(delivery.attempt)
            if isinstance(error, Retry) and error.after is not None:
                pause = error.after
            log.warning(
                "%s: message %s on %s failed (attempt %d of %d), again in %.1f s: %s",
                self._group.name,
                shortened(delivery.message_id, ID_LENGTH),
                delivery.subject,
                delivery.attempt,
                options.retry.tries,
                pause,
                describe(error),
                exc_info=_trace_of(error),
            )
            await self._subscription.retry(delivery, pause)
        except DovetailError as failure:
            log.warning(
                "%s: message %s comes again, as what becomes of it could not be stored: %s",
                self._group.name,
                delivery.message_id,
                describe(failure),
            )

    async def _bury(self, delivery: Delivery, error: Exception) -> None:
        message = received(delivery.subject, delivery.body, delivery.headers)
        log.error(
            "%s: message %s on %s goes to the dead letters after attempt %d: %s",
            self._group.name,
            shortened(delivery.message_id, ID_LENGTH),
            delivery.subject,
            delivery.attempt,
            describe(error),
            exc_info=_trace_of(error),
        )
        letter = DeadLetter(
            group=self._group.name,
            subject=delivery.subject,
            claimed=self._handler.subject,
            kind=self._handler.kind,
            message_id=shortened(message.id or "", ID_LENGTH),
            reason=describe(error),
            traceback=last_bytes(
                encodable("".join(traceback.format_exception(error))), TRACEBACK_BYTES
            ),
            attempts=delivery.attempt,
            published_at=message.time,
            died_at=clock.now(),
            body=delivery.body,
            headers=dict(delivery.headers) if delivery.headers else None,
        )
        await self._subscription.bury(delivery, letter)


def failure_of(error: BaseException) -> Exception:
    """What a handler failed with. Raises CancelledError where this task itself was cancelled.

    Then whatever the handler made of it, as drivers do that turn it into an error of their own, is no
    failure of the handler.
    """
    task = asyncio.current_task()
    if task is None or task.cancelling():
        raise asyncio.CancelledError from error
    if isinstance(error, Exception):
        return error
    if isinstance(error, asyncio.CancelledError):
        failure = RuntimeError("the handler waited for something that was cancelled")
    else:
        failure = RuntimeError(
            f"the handler raised {describe(error)}; that is for ending a program"
        )
    failure.__cause__ = error
    return failure


def _trace_of(error: Exception) -> Exception | None:
    """What a log shows the traceback of: what the handler did not foresee, where a text file can hold it."""
    if isinstance(error, (Retry, DecodeError, NeverSettled)):
        return None
    text = "".join(traceback.format_exception(error))
    return error if encodable(text) == text else None
