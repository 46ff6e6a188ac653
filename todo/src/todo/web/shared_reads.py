"""Shares one read among all who ask for the same at once, as open pages do after an outage of the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Found = TypeVar("Found")


class SharedReads(Generic[Found]):
    """For each key at most one read runs, and one waits to run, for all who asked in the meantime.

    So everyone gets what was read after they asked.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[Found]] = {}
        self._next: dict[Hashable, asyncio.Task[Found]] = {}

    async def share(self, key: Hashable, read: Callable[[], Awaitable[Found]]) -> Found:
        """What the next reading finds."""
        flight = self._next.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fly(key, self._running.get(key), read))
            self._next[key] = flight
        # One who goes away takes it from nobody.
        return await asyncio.shield(flight)

    async def _fly(
        self,
        key: Hashable,
        before: asyncio.Task[Found] | None,
        read: Callable[[], Awaitable[Found]],
    ) -> Found:
        if before is not None:
            await asyncio.wait([before])
        self._running[key] = self._next.pop(key)
        try:
            return await read()
        finally:
            del self._running[key]
