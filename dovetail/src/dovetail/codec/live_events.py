"""Live events of one class, out of whatever comes on its subject."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

import msgspec

from dovetail.checks.rules import shown
from dovetail.codec.envelope import Received, decoder
from dovetail.errors import DecodeError
from dovetail.message import Event

AnyEvent = TypeVar("AnyEvent", bound=Event)

log = logging.getLogger("dovetail")


async def typed(events: AsyncGenerator[Received], kind: type[AnyEvent]) -> AsyncGenerator[AnyEvent]:
    """Those that are of this class. What is none is logged: the first, and each time it is twice as many."""
    decoder(kind, kind.__name__)  # says at once what is wrong with the class
    missed, next_report = 0, 1
    async with aclosing(events):
        async for received in events:
            try:
                event = _event(received, kind)
            except DecodeError as error:
                missed += 1
                if missed == next_report:
                    next_report *= 2
                    log.warning(
                        "a listener on %s left out a message that is no %s (%d so far): %s",
                        received.subject,
                        kind.__name__,
                        missed,
                        error,
                    )
                continue
            yield event


def _event(received: Received, kind: type[AnyEvent]) -> AnyEvent:
    if received.id is None:
        raise DecodeError(f"it is no CloudEvent: {shown(received.body)}")
    try:
        return msgspec.convert(received.data, kind, str_keys=True)
    except Exception as error:  # a __post_init__ raises anything
        raise DecodeError(str(error)) from error
