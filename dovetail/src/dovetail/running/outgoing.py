"""What a handler returned for a message, encoded to be published under ids of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from dovetail.checks.rules import shown
from dovetail.codec.encoding import encoding_of
from dovetail.codec.envelope import Envelope
from dovetail.codec.identifiers import derived_id
from dovetail.delivery import Outgoing
from dovetail.errors import EncodeError
from dovetail.group import Handler
from dovetail.message import Command, Event

#: Gives a message's trace context, by its kind, subject and id.
Stamp = Callable[[str, str, str], str | None]


def outgoing_of(
    result: Any,
    envelope: Envelope[Any],
    cause: str,
    handler: Handler,
    origin: tuple[str, str],
    stamp: Stamp | None = None,
) -> list[Outgoing]:
    """What a handler returned for one message, encoded under ids that are always the same for it.

    `cause` is the message's unique key; `origin` is the group's place and the source. `stamp` gives each its
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


def check_one_for_each(result: Any, messages: int, handler: Handler) -> None:
    """TypeError unless a batch handler returned one entry for each message: so ids are the same next time."""
    if not isinstance(result, (list, tuple)) or len(result) != messages:
        close_unawaited(result)
        raise TypeError(
            f"{handler.name} must return None, or a list with one entry for each of the {messages} "
            "messages: a message, a list of messages, or None"
        )
