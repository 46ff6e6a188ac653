"""Hands what a connection's callback brings to one reader, without holding the connection up."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Generic, Self, TypeVar

from dovetail.limits import MOST_BEHIND

Item = TypeVar("Item")

log = logging.getLogger("dovetail")


class Mailbox(Generic[Item]):
    """Unbounded in time, bounded in size: iterate over it; the oldest goes where there is no room.

    `missed` is called soon after that, and after `gap`.
    """

    def __init__(self, name: str, missed: Callable[[], None] | None = None) -> None:
        self._name = name
        self._told_of_gaps = missed
        self._items: deque[Item] = deque(maxlen=MOST_BEHIND)
        self._there = asyncio.Event()
        self._missed = 0

    def put(self, item: Item) -> None:
        """Add one, without waiting."""
        if len(self._items) == MOST_BEHIND:
            self._missed += 1
            if self._missed % MOST_BEHIND == 1:
                log.warning(
                    "a listener on %s is too slow: it missed %d messages", self._name, self._missed
                )
            self.gap()
        self._items.append(item)
        self._there.set()

    def gap(self) -> None:
        """Something may not have come."""
        if self._told_of_gaps is not None:
            # Not from here: what it raises must not end the connection that calls us.
            asyncio.get_running_loop().call_soon(self._told_of_gaps)

    async def get(self, deadline: float | None = None) -> Item:
        """The oldest; TimeoutError when there is none by the deadline, a time of the event loop."""
        async with asyncio.timeout_at(deadline):
            return await anext(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        while not self._items:
            self._there.clear()
            await self._there.wait()
        return self._items.popleft()
