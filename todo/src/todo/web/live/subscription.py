"""Listens to the events of the queue, and knows whether some were missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from dovetail import Event, MessageQueue, QueueError, Received, new_id

EVENTS = "events.todo.>"
#: Seconds until a word of ours that was not heard is said again: at first, and at most.
_AGAIN, _AGAIN_AT_MOST = 0.05, 1.0


class Here(Event, frozen=True, subject="events.todo.here"):
    """Published live by a listener to itself: once it receives this, it receives everything."""

    who: str


class EventSubscription:
    """`heard` gets every event. `began` is called when none is missed from now on, until `lost`."""

    def __init__(
        self, queue: MessageQueue, heard: Callable[[Received], None], began: Callable[[], None]
    ) -> None:
        self._queue = queue
        self._heard, self._began = heard, began
        self._word = ""
        self._wanted = asyncio.Event()
        self.going = asyncio.Event()

    def lost(self) -> None:
        """Events may have been missed."""
        self._word = new_id()
        self.going.clear()
        self._wanted.set()

    async def run(self) -> None:
        """Listen until cancelled; what was before counts as lost."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._say())

    async def _listen(self) -> None:
        while True:
            with suppress(QueueError):
                async for event in self._queue.listen(EVENTS, missed=self.lost):
                    if event.subject == Here.__subject__:
                        self._is_here(event)
                    else:
                        self._heard(event)
            self.lost()
            await asyncio.sleep(_AGAIN_AT_MOST)

    def _is_here(self, event: Received) -> None:
        if not self.going.is_set() and event.data == {"who": self._word}:
            self._wanted.clear()
            self.going.set()
            self._began()

    async def _say(self) -> None:
        pause = _AGAIN
        while True:
            await self._wanted.wait()
            with suppress(QueueError):
                await self._queue.publish(Here(self._word), durable=False)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.going.wait()
            pause = _AGAIN if self.going.is_set() else min(2 * pause, _AGAIN_AT_MOST)
