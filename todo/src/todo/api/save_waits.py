"""Waits until the database has what was accepted, for requests with `Prefer: wait`.

The save-handler publishes events, which are listened to only while somebody waits. Not every installation
publishes them, and live events may be missed, so the database is asked from time to time as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from dovetail import MessageQueue, QueueError
from todo.events import ChangeSaved, ItemSaved
from todo.items import Item
from todo.store import Store, StoreUnavailable

#: Seconds until the database is asked for the first time; each time after takes twice as long.
FIRST_LOOK = 0.1
#: Seconds between two questions at most.
LAST_LOOK = 2.0
#: Seconds for which events are heard when nobody waits any longer.
LINGER = 10.0


@dataclass(eq=False)
class Wait:
    """One request that waits for an item, and for these changes of it."""

    id: str
    changes: frozenset[str] = frozenset()
    told: asyncio.Event = field(default_factory=asyncio.Event)


class SaveWaits:
    """All requests of this process that wait."""

    def __init__(self, queue: MessageQueue, store: Store) -> None:
        self._queue = queue
        self._store = store
        self._waits: dict[str, set[Wait]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._closed = False

    @contextmanager
    def awaited(self, id: str, changes: Collection[str] = ()) -> Iterator[Wait]:
        """Hear of it from now on, so before it is published."""
        wait = Wait(id, frozenset(changes))
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen(), name="what is saved")
        self._waits.setdefault(id, set()).add(wait)
        try:
            yield wait
        finally:
            self._waits[id].discard(wait)
            if not self._waits[id]:
                del self._waits[id]

    async def until_saved(self, wait: Wait, seconds: float) -> bool:
        """Whether the database has it, as soon as it has, or in so many seconds."""
        clock = asyncio.get_running_loop().time
        end, pause = clock() + seconds, FIRST_LOOK
        while not self._closed and (left := end - clock()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(pause, left)):
                    await wait.told.wait()
            wait.told.clear()
            # Never cancelled: that could cost the store a connection.
            if await self._has(wait):
                return True
            pause = min(2 * pause, LAST_LOOK)
        return False

    async def read(self, id: str) -> Item | None:
        """What the database has; None where it cannot be read, too."""
        try:
            return await self._store.get(id)
        except StoreUnavailable:
            return None

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._closed = True
        for waits in self._waits.values():
            for wait in waits:
                wait.told.set()
        if self._listening:
            self._listening.cancel()

    async def _has(self, wait: Wait) -> bool:
        try:
            if wait.changes:
                past = await self._store.history(wait.id)
                return wait.changes <= {one.change for one in past}
            return await self._store.get(wait.id) is not None
        except StoreUnavailable:
            return False

    async def _listen(self) -> None:
        hearing = [asyncio.create_task(one) for one in (self._hear_items(), self._hear_changes())]
        try:
            while self._waits:  # noqa: ASYNC110 - it is no event when nobody waits any longer
                await asyncio.sleep(LINGER)
        finally:
            for one in hearing:
                one.cancel()
            await asyncio.gather(*hearing, return_exceptions=True)

    async def _hear_items(self) -> None:
        with suppress(QueueError):
            async for event in self._queue.listen(ItemSaved):
                self._tell(event.item.id)

    async def _hear_changes(self) -> None:
        with suppress(QueueError):
            async for event in self._queue.listen(ChangeSaved):
                self._tell(event.id)

    def _tell(self, id: str) -> None:
        for wait in self._waits.get(id, ()):
            wait.told.set()
