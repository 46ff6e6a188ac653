"""The messages that one runner has fetched, and what becomes of them while a handler takes long."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

from dovetail.delivery import Delivery, Outgoing
from dovetail.limits import SETTLE_SECONDS, SLOW_SECONDS

#: A handled message, and what its handler returned, to be published.
Handled = tuple[Delivery, list[Outgoing]]


class Fetched:
    """Messages to be handled one after the other; take them from `waiting`, put them into `handled`.

    While a handler waits for something, what is handled already is settled, and what waits behind it
    for too long is given back. `settle` and `release` take such messages.
    """

    def __init__(
        self,
        deliveries: Sequence[Delivery],
        settle: Callable[[list[Handled]], Coroutine[Any, Any, None]],
        release: Callable[[Sequence[Delivery]], Coroutine[Any, Any, None]],
    ) -> None:
        self.waiting = deque(deliveries)
        self.handled: list[Handled] = []
        self._settle = settle
        self._release = release
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        #: How many were waiting when we looked last, and since when it was so many.
        self._left = len(deliveries)
        self._since = self._loop.time()

    async def __aenter__(self) -> Self:
        if self._left > 1:
            self._look_after(SETTLE_SECONDS)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._tasks:
            if error is not None:
                for task in self._tasks:
                    task.cancel()
            await _finished(self._tasks)

    def _look_after(self, pause: float) -> None:
        self._timer = self._loop.call_later(pause, self._look, pause)

    def _look(self, pause: float) -> None:
        """The loop is ours because a handler waits: see since when, and what can be done meanwhile."""
        now, left = self._loop.time(), len(self.waiting)
        if left != self._left:
            self._left, self._since, pause = left, now, SETTLE_SECONDS
        elif left and now - self._since > SLOW_SECONDS:
            overdue = list(self.waiting)
            self.waiting.clear()
            self._start(self._release(overdue))
        if self.handled:
            self._start(self._settle(self.handled))
        self._look_after(min(2 * pause, SLOW_SECONDS))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(self._loop.create_task(work))


async def _finished(tasks: set[asyncio.Task[None]]) -> None:
    """Wait for them; raises what one of them raised."""
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()
