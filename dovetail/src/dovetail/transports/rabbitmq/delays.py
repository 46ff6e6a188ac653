"""How long to wait for the next attempt: in queues from which messages come back after a fixed time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dovetail.transports.rabbitmq.layout import DUE, LEFT

#: In one queue all wait equally long, so that nobody waits behind another. What is to wait longer than one of
#: these waits in several, one after the other.
STEPS_MS: tuple[int, ...] = tuple(50 * 2**power for power in range(17))
#: A century, for who waits longer: AMQP has no larger numbers than some times have.
LONGEST_SECONDS = 100 * 365 * 86_400.0
#: Nobody minds being so much too early.
TOLERANCE_SECONDS = 0.01


def step_for(seconds: float) -> int:
    """The longest step that is not too long, in milliseconds; 0 for a time that is not worth waiting."""
    if seconds <= TOLERANCE_SECONDS:
        return 0
    limit = (seconds + TOLERANCE_SECONDS) * 1000
    return max([step for step in STEPS_MS if step <= limit], default=STEPS_MS[0])


def rest_of(seconds: float, step: int) -> dict[str, int]:
    """The headers that say what is left to wait after this step; none where nothing is.

    It is a length of time: the clocks of members differ. Only for waits of hours is there a time as well:
    whoever takes the message between two steps may be long in coming.
    """
    left = seconds - step / 1000
    if left <= TOLERANCE_SECONDS:
        return {}
    rest = {LEFT: int(left * 1000)}
    if seconds * 1000 > STEPS_MS[-1]:
        rest[DUE] = int((time.time() + seconds) * 1000)
    return rest


def left_of(headers: Mapping[str, Any]) -> float:
    """How many seconds a message has still to wait, by its headers."""
    left, due = headers.get(LEFT), headers.get(DUE)
    waits = [left / 1000] if isinstance(left, int) else []
    if isinstance(due, int):
        waits.append(due / 1000 - time.time())
    return max(0.0, min(waits, default=0.0))
