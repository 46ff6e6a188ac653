"""Publishing and handling that goes on through every fault, and the count of what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dovetail import Group, MessageQueue, QueueUnavailable
from dovetail.testing.conformance.names import Numbered, fresh, numbered
from dovetail.testing.conformance.waiting import Seen


class Load:
    """Events of one kind, published until each was accepted, and the group that handles them."""

    def __init__(self, **options: Any) -> None:
        self.event = numbered()
        self.accepted = Seen[int]()
        self.handled = Seen[int]()
        self.refusals = 0
        self.group = Group(fresh("group"), **{"lease": 2.0, **options})

        @self.group.on(self.event)
        async def handle(message: Numbered) -> None:
            self.handled.add(message.number)

    async def publish(self, queue: MessageQueue, numbers: range, at_once: int = 50) -> None:
        """Publish all of these, `at_once` at a time, each again under its id until it is accepted."""
        waiting = iter(numbers)

        async def some() -> None:
            for number in waiting:
                await self._until_accepted(queue, number)

        await asyncio.gather(*(some() for _ in range(at_once)))

    @asynccontextmanager
    async def publishing(
        self, queue: MessageQueue, count: int, at_once: int = 50
    ) -> AsyncIterator[None]:
        """Publish so many meanwhile; leaving the context waits until all are accepted."""
        task = asyncio.create_task(self.publish(queue, range(count), at_once))
        try:
            yield
            await self.accepted.has(count)
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _until_accepted(self, queue: MessageQueue, number: int) -> None:
        while True:
            try:
                await queue.publish(self.event(number), id=f"{self.group.name}-{number}")
            except QueueUnavailable:
                self.refusals += 1
            else:
                self.accepted.add(number)
                return

    def check(self, count: int) -> None:
        """Each was accepted and handled. What was in hand during a fault may have been handled again."""
        assert sorted(self.accepted.items) == list(range(count))
        assert set(self.handled.items) == set(range(count))
