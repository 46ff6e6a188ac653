"""The load of a queue: publishers that know what was confirmed, a group at work, and one that looks."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Set
from contextlib import AsyncExitStack
from itertools import compress
from types import TracebackType
from typing import Any, Self

from benchmarks.power.load import LIMIT_SECONDS, Found, Load
from dovetail import (
    Context,
    DovetailError,
    Event,
    Group,
    MessageQueue,
    QueueUnavailable,
    Worker,
    connect,
    new_id,
)

AT_ONCE = 20
#: Messages of each publisher in a second, at most.
RATE = 30
_LEASE_SECONDS = 2.0
_LOOK_SECONDS = 0.1
#: After so long without a message a group is taken to get none any more: some leases.
_STUCK_SECONDS = 15.0
#: What twenty messages take where the group is to fall behind.
_SLOW_SECONDS = 0.05

TEXT = "x" * 150


class Entry(Event, subject="events.power.entry"):
    """As long as usual."""

    text: str = TEXT


def counting(
    name: str, seen: Counter[str], lease: float, may_hurry: asyncio.Event | None = None
) -> Group:
    """A group that counts ids of what is unchanged, and falls behind the publishers until it may hurry."""
    group = Group(name, lease=lease)

    @group.on(Entry, batch=20)
    async def count(entries: list[Entry], contexts: list[Context]) -> None:
        if may_hurry is not None and not may_hurry.is_set():
            await asyncio.sleep(_SLOW_SECONDS)
        whole = (one.text == TEXT for one in entries)
        seen.update(one.id for one in compress(contexts, whole))

    return group


class MessageLoad(Load):
    """On a queue at an address."""

    def __init__(self, url: str, **options: Any) -> None:
        self._url = url
        self._options = {"patience": None, "timeout": 3.0, **options}
        self._confirmed: dict[str, float] = {}
        self._handled = Counter[str]()
        self._may_publish = asyncio.Event()
        self._may_hurry = asyncio.Event()
        self._news = asyncio.Event()
        #: How many publishers have something that is not confirmed yet.
        self._busy = 0
        self._looks = 0
        self._missing: Set[str] = frozenset()
        self._stack = AsyncExitStack()
        self._queue: MessageQueue
        self._publishers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        at_work = counting("at-work", self._handled, _LEASE_SECONDS, self._may_hurry)
        async with AsyncExitStack() as stack:
            self._queue = await stack.enter_async_context(self._connect())
            await stack.enter_async_context(Worker(self._queue, [at_work], drain=2))
            self._publishers = [asyncio.create_task(self._publish()) for _ in range(AT_ONCE)]
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in self._publishers:
            one.cancel()
        await asyncio.gather(*self._publishers, return_exceptions=True)
        await self._stack.aclose()

    def _connect(self) -> MessageQueue:
        return connect(self._url, **self._options)

    async def run(self, seconds: float) -> None:
        self._may_hurry.clear()
        self._may_publish.set()
        await asyncio.sleep(seconds)

    async def again(self) -> None:
        self._news.clear()
        async with asyncio.timeout(LIMIT_SECONDS):
            await self._news.wait()

    async def settle(self) -> Found:
        self._may_publish.clear()
        self._may_hurry.set()
        async with asyncio.timeout(LIMIT_SECONDS):
            while self._busy:  # noqa: ASYNC110 - twenty count it
                await asyncio.sleep(_LOOK_SECONDS)
        confirmed = dict(self._confirmed)
        stored = await self._look(confirmed.keys())
        self._missing = confirmed.keys() - stored.keys()
        await self._wait_handled(self._queue, "at-work", self._handled)
        return Found(
            confirmed,
            unhandled=confirmed.keys() - self._handled.keys(),
            missing=self._missing,
            doubled=frozenset(one for one, times in stored.items() if times > 1),
        )

    async def _look(self, confirmed: Set[str]) -> Counter[str]:
        """All that is stored. Where more is missing than before, look again: the group may be stuck."""
        stored = await self._handled_by_new_group()
        if confirmed - stored.keys() - self._missing:
            stored |= await self._handled_by_new_group()
        return stored

    async def _handled_by_new_group(self) -> Counter[str]:
        self._looks += 1
        name, stored = f"look-{self._looks}", Counter[str]()
        async with self._connect() as queue:
            async with Worker(queue, [counting(name, stored, LIMIT_SECONDS)]):
                await self._wait_handled(queue, name, stored)
            await queue.remove_group(name, force=True)
        return stored

    async def _wait_handled(self, queue: MessageQueue, name: str, seen: Counter[str]) -> None:
        """Until the group has seen all that was confirmed, or has nothing left to see, or sees nothing."""
        idle, until = 0, time.monotonic() + _STUCK_SECONDS
        while self._confirmed.keys() - seen.keys() and idle < 5 and time.monotonic() < until:
            await asyncio.sleep(_LOOK_SECONDS)
            before = seen.total()
            left = await _left(queue, name)
            idle = idle + 1 if left == 0 and seen.total() == before else 0
            if seen.total() > before:
                until = time.monotonic() + _STUCK_SECONDS

    async def _publish(self) -> None:
        while True:
            await self._may_publish.wait()
            message_id = new_id()
            self._busy += 1
            await self._until_confirmed(message_id)
            self._busy -= 1
            await asyncio.sleep(1 / RATE)

    async def _until_confirmed(self, message_id: str) -> None:
        while True:
            try:
                await self._queue.publish(Entry(), id=message_id)
            except QueueUnavailable:
                await asyncio.sleep(0.05)
            else:
                self._confirmed[message_id] = time.monotonic()
                self._news.set()
                return


async def _left(queue: MessageQueue, name: str) -> int | None:
    """What the group has yet to handle; None where that cannot be told now."""
    try:
        rows = (await queue.status()).groups
    except DovetailError:
        return None
    return sum(row.waiting + row.in_hand for row in rows if row.group == name)
