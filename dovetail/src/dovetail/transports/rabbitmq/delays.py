"""Delivers again after a pause: in queues from which messages come back after a fixed time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dovetail import clock
from dovetail.limits import MOST_SECONDS
from dovetail.options import QueueOptions
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.claims import RegisteredClaim
from dovetail.transports.rabbitmq.delivery import RabbitDelivery, again
from dovetail.transports.rabbitmq.provisioning import QueuesOnDemand
from dovetail.transports.rabbitmq.publisher import Publisher
from dovetail.transports.rabbitmq.topology import DUE, LEFT, delay_queue


class Delays:
    """Has messages of claims delivered again."""

    def __init__(self, publisher: Publisher, queues: QueuesOnDemand, options: QueueOptions) -> None:
        self._publisher = publisher
        self._queues = queues
        self._options = options

    async def deliver_again(
        self,
        claim: RegisteredClaim,
        deliveries: Sequence[RabbitDelivery],
        pause: float,
        *,
        failed: bool = False,
    ) -> None:
        """Have copies delivered after `pause` seconds, to any member; `failed` counts as one attempt more."""
        pause = min(pause, MOST_SECONDS)
        step = step_for(pause)
        rest = rest_of(pause, step)
        copies = [
            (again(one, one.attempt + failed, rest, claim.subject), one.body) for one in deliveries
        ]
        if not step:
            await self._publisher.put(claim.queue, copies)
            return
        fact = msgspec.structs.replace(claim, delays=(step,))
        await self._queues.put(delay_queue(claim.queue, step, self._options), fact, copies)


def step_for(seconds: float) -> int:
    """The longest step that is not too long, in milliseconds; 0 for a time that is not worth waiting."""
    if seconds <= limits.TOLERANCE_SECONDS:
        return 0
    limit = (seconds + limits.TOLERANCE_SECONDS) * 1000
    return max(
        [step for step in limits.DELAYS_MILLISECONDS if step <= limit],
        default=limits.DELAYS_MILLISECONDS[0],
    )


def rest_of(seconds: float, step: int) -> dict[str, int]:
    """The headers that say what is left to wait after this step; none where nothing is.

    It is a length of time: the clocks of members differ. Only for waits of hours is there a time as well:
    whoever takes the message between two steps may be long in coming.
    """
    left = seconds - step / 1000
    if left <= limits.TOLERANCE_SECONDS:
        return {}
    rest = {LEFT: int(left * 1000)}
    if seconds * 1000 > limits.DELAYS_MILLISECONDS[-1]:
        rest[DUE] = clock.time_ns() // 1_000_000 + int(seconds * 1000)
    return rest


def left_of(headers: Mapping[str, Any]) -> float:
    """How many seconds a message has still to wait, by its headers."""
    left, due = headers.get(LEFT), headers.get(DUE)
    waits = [left / 1000] if isinstance(left, int) else []
    if isinstance(due, int):
        waits.append(due / 1000 - clock.time_ns() / 1e9)
    return max(0.0, min(waits, default=0.0))
