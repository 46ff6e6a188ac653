"""Waiting for what is to happen, never for time to pass."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from dovetail import MessageQueue

Item = TypeVar("Item")

#: What a test waits for, in seconds, before it fails.
LIMIT_SECONDS = 30.0
_LOOK_SECONDS = 0.01


class Seen(Generic[Item]):
    """What handlers were called with, in that order."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._more = asyncio.Event()

    def add(self, item: Item) -> None:
        """One more."""
        self.items.append(item)
        self._more.set()

    async def has(self, count: int, within: float = LIMIT_SECONDS) -> list[Item]:
        """All of them, as soon as there are so many at least."""
        try:
            async with asyncio.timeout(within):
                while len(self.items) < count:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(
                f"{len(self.items)} of {count} came within {within:g} s; the last: {self.items[-5:]}"
            ) from None
        return self.items

    def __len__(self) -> int:
        return len(self.items)


async def until(
    condition: Callable[[], Awaitable[bool]], what: str, within: float = LIMIT_SECONDS
) -> None:
    """Return as soon as the condition holds, for what has no signal."""
    try:
        async with asyncio.timeout(within):
            while not await condition():  # noqa: ASYNC110 - it has no signal
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        raise AssertionError(f"not within {within:g} s: {what}") from None


async def all_handled(queue: MessageQueue, *groups: str, within: float = LIMIT_SECONDS) -> None:
    """Return when nothing waits for these groups, and no member has anything: nothing can come again."""

    async def idle() -> bool:
        rows = [row for row in (await queue.status()).groups if row.group in groups]
        return bool(rows) and not any(row.waiting or row.in_hand for row in rows)

    async def still_idle() -> bool:
        # On RabbitMQ what comes back from a delay is in no queue for a moment.
        return await idle() and await idle()

    await until(still_idle, f"everything handled by {', '.join(groups)}", within)
