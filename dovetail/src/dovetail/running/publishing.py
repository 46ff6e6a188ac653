"""Publishes what handlers returned, however long the queue cannot take it."""

from __future__ import annotations

import asyncio

from dovetail.delivery import Outgoing
from dovetail.errors import QueueFull, QueueUnavailable
from dovetail.queue import MessageQueue
from dovetail.running.pausing import GroupPause


async def publish_until_taken(
    queue: MessageQueue, outgoing: list[Outgoing], pause: GroupPause
) -> None:
    """Return when the queue has all of them; the group pauses while it takes none."""
    try:
        await queue.transport.publish(outgoing, queue.options.timeout)
    except (QueueUnavailable, QueueFull) as error:
        await _publish_again(queue, outgoing, pause, error)


async def _publish_again(
    queue: MessageQueue, outgoing: list[Outgoing], pause: GroupPause, failure: Exception
) -> None:
    """Each by itself: the queue, which remembers ids for a time only, gets none that it has taken."""
    publish, timeout = queue.transport.publish, queue.options.timeout
    while outgoing:
        await pause.failed(failure)
        results = await asyncio.gather(
            *(publish((one,), timeout) for one in outgoing), return_exceptions=True
        )
        outgoing = [one for one, result in zip(outgoing, results, strict=True) if result]
        for result in filter(None, results):
            if not isinstance(result, (QueueUnavailable, QueueFull)):
                raise result
            failure = result
    pause.worked()
