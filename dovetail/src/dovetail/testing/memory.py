"""A queue in memory, for tests of handlers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, Unpack, cast

from dovetail.checks.arguments import check
from dovetail.checks.rules import Seconds, seconds
from dovetail.group import Group
from dovetail.observing.traced_queue import TracedQueue
from dovetail.options import ConnectArguments, QueueOptions
from dovetail.queue import MessageQueue
from dovetail.transports.registry import make_transport
from dovetail.worker import Worker


class MemoryQueue(MessageQueue):
    """A queue that knows when everything is handled."""

    async def settled(self, timeout: Seconds = 5.0) -> None:
        """Return when nothing that was published waits for a group, or is in hand, or is to be tried again.

        What handlers returned counts, too. A dead letter is settled. Raises TimeoutError after `timeout`
        seconds, or a timedelta; it says what is left.
        """
        transport = cast(_Settling, self.transport)
        limit = check("settled", "timeout", timeout, seconds(above=0))
        try:
            async with asyncio.timeout(limit):
                await transport.settled()
        except TimeoutError:
            left = "; ".join(transport.unsettled())
            raise TimeoutError(f"not settled within {limit:g} s: {left}") from None


class _TracedMemoryQueue(MemoryQueue, TracedQueue):
    """With a tracer."""


class _Settling(Protocol):
    """What the transport in memory can tell beside what every transport can."""

    async def settled(self) -> None:
        """Return when `unsettled` is empty."""

    def unsettled(self) -> list[str]:
        """What is left to do, group by group, in words."""


@asynccontextmanager
async def memory_queue(
    *groups: Group, **options: Unpack[ConnectArguments]
) -> AsyncIterator[MemoryQueue]:
    """An empty queue of the test's own, in memory, with these groups running on it.

        async with memory_queue(save_handler(store)) as queue:
            await queue.publish(NewItem(…))
            await queue.settled()

    Options are those of `connect`. Leaving the context lets handlers finish what they have begun.
    """
    settings = QueueOptions.of(options)
    kind = MemoryQueue if settings.tracer is None else _TracedMemoryQueue
    async with (
        kind(make_transport("memory://", settings), settings) as queue,
        Worker(queue, groups),
    ):
        yield queue
