"""A queue in memory, for tests of handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dovetail import Group, MessageQueue, Worker, connect


@asynccontextmanager
async def memory_queue(*groups: Group, **options: Any) -> AsyncIterator[MessageQueue]:
    """An empty queue of the test's own, in memory, with these groups running on it.

    `async with memory_queue(save_handler(store)) as queue: await queue.publish(NewItem(…))`. Options are
    those of `connect`. Leaving the context lets handlers finish what they have begun.
    """
    async with connect("memory://", **options) as queue, Worker(queue, groups):
        yield queue
