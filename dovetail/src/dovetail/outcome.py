"""What becomes of a message: what its handler returned is published, its failure is retried or buried."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from dovetail.delivery import Delivery, Outgoing
from dovetail.encoding import encoding_of
from dovetail.envelope import Envelope, received
from dovetail.errors import DecodeError, DovetailError, EncodeError, Reject, Retry
from dovetail.group import Group, Handler
from dovetail.identifiers import derived_id
from dovetail.letters import DeadLetter
from dovetail.message import Command, Event
from dovetail.rules import shown
from dovetail.transport import Subscription

log = logging.getLogger("dovetail.worker")

#: Deliveries of one message that may end without a word, because worker or queue was killed, before
#: the message itself is suspected.
LOST_LIMIT = 20
#: And how long they must have taken together: each takes a lease's time.
LOST_SECONDS = 300.0
#: Bytes as JSON that are kept of a traceback, whose end says most; headers of NATS have 64 KiB at most.
TRACEBACK_BYTES = 16_000
#: Characters kept of what an error says, of which the beginning says most, and of an id.
REASON_LENGTH = 4000
ID_LENGTH = 1000


def lost_limit(lease: float) -> int:
    """How many deliveries of a message may be lost with this lease, in seconds, before it is suspected."""
    return max(LOST_LIMIT, math.ceil(LOST_SECONDS / lease))


#: Gives a message's trace context, by its kind, subject and id.
Stamp = Callable[[str, str, str], str | None]


class WorkerLost(DovetailError):
    """Workers died again and again with this message in their hands."""

    def __init__(self, times: int) -> None:
        super().__init__(f"{times} workers ended without a word while they had this message")


def caused(
    result: Any,
    envelope: Envelope[Any],
    cause: str,
    handler: Handler,
    origin: tuple[str, str],
    stamp: Stamp | None = None,
) -> list[Outgoing]:
    """What a handler returned for one message, encoded under ids that are always the same for it.

    `cause` is the message's unique key; `origin` is the group's name and the source. `stamp` gives each its
    trace context; without it they have that of the message.
    """
    if result is None:
        return []
    group, source = origin
    outgoing = []
    for index, message in enumerate(result if isinstance(result, (list, tuple)) else (result,)):
        if not isinstance(message, (Event, Command)):
            close_unawaited(message)
            raise TypeError(
                f"{handler.name} returned {shown(message)}; "
                "a handler returns Events, Commands or None"
            )
        encoding = encoding_of(message, handler.name, ("event", "command"))
        message_id = derived_id(cause, f"{group}/{handler.subject}", index)
        kind, subject = encoding.kind, encoding.subject
        trace = envelope.traceparent if stamp is None else stamp(kind, subject, message_id)
        try:
            body = encoding.encode(message, message_id, source, trace)
        except EncodeError as error:
            raise EncodeError(f"{handler.name} returned what nobody could read: {error}") from error
        outgoing.append(Outgoing(kind, subject, body, message_id))  # type: ignore[arg-type]
    return outgoing


def close_unawaited(result: object) -> None:
    """Or Python says that nobody awaited it, without saying whose it is."""
    if inspect.iscoroutine(result):
        result.close()


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
            isinstance(error, (Reject, DecodeError, WorkerLost))
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
                _shortened(delivery.message_id, ID_LENGTH),
                delivery.subject,
                delivery.attempt,
                options.retry.tries,
                pause,
                describe(error),
                exc_info=_trace_of(error),
            )
            await self._subscription.retry(delivery, pause)
        except DovetailError as trouble:
            log.warning(
                "%s: message %s comes again when its lease ends: %s",
                self._group.name,
                delivery.message_id,
                describe(trouble),
            )

    async def _bury(self, delivery: Delivery, error: Exception) -> None:
        message = received(delivery.subject, delivery.body, delivery.headers)
        log.error(
            "%s: message %s on %s goes to the dead letters after attempt %d: %s",
            self._group.name,
            _shortened(delivery.message_id, ID_LENGTH),
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
            message_id=_shortened(message.id or "", ID_LENGTH),
            reason=describe(error),
            traceback=_end(_encodable("".join(traceback.format_exception(error))), TRACEBACK_BYTES),
            attempts=delivery.attempt,
            published_at=message.time,
            died_at=datetime.now(UTC),
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
    if isinstance(error, (Retry, DecodeError, WorkerLost)):
        return None
    text = "".join(traceback.format_exception(error))
    return error if _encodable(text) == text else None


def describe(error: BaseException) -> str:
    """An error's class and text on one line, whatever that text holds."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - an error of somebody else's, with a __str__ that fails
        text = "(its text cannot be read)"
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return _shortened(_encodable(said), REASON_LENGTH)


def _shortened(text: str, length: int) -> str:
    """No longer than that: a dead letter carries it beside a message as large as the queue takes."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _end(text: str, most: int) -> str:
    """The end of it, as long as it has no more bytes in JSON."""
    while (size := len(msgspec.json.encode(text))) > most:
        text = text[-(len(text) * most // size) :]
    return text


def _encodable(text: str) -> str:
    """With halves of characters, as in names of files that are no UTF-8, written out."""
    return text.encode(errors="backslashreplace").decode()
