"""All open pages of this process, and the tasks that keep them up to date."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from starlette.responses import PlainTextResponse, Response

from dovetail import Received
from todo.monitoring.metrics import Metrics
from todo.web.live.broadcast import Broadcast
from todo.web.live.event_effects import EventEffects
from todo.web.live.event_stream import EventStream
from todo.web.live.page_stream import PageStream
from todo.web.live.poll import SOON, Poll, Sources
from todo.web.live.recent_deltas import stream_position_of
from todo.web.live.stale_items import StaleItems
from todo.web.live.subscription import EventSubscription

log = logging.getLogger("todo.web.live")

#: Seconds between two looks at whether anything is to be done.
TICK = 0.25
#: Seconds between two looks at queue and database while all is well, in case an event was missed.
LATE = 10.0
#: Seconds for which it goes on without pages: one that is just being loaded connects in a moment.
LINGER = 30.0
#: Seconds that a page waits for listening to begin.
PATIENCE = 1.0
#: Seconds that the event loop may be held up before events may have been lost meanwhile.
STALL = 5.0
#: Seconds between two chunks for a page, for each page that is open: so many are written to at once that
#: more of them take larger chunks, and not more of the processor.
PAUSE_PER_PAGE, LONGEST_PAUSE = 0.0005, 0.25


class EventObserver(Protocol):
    """Told of events on their way to the pages."""

    def heard(self, event: Received) -> None:
        """Pages will show this, if it changes them."""

    def reading(self) -> None:
        """What is handed over from now on has all of that in it."""

    def handed(self, pages: int) -> None:
        """So many open pages were told."""


class LivePages:
    """Listens and reads only while there are open pages."""

    def __init__(self, sources: Sources, metrics: Metrics) -> None:
        self._queue, self._metrics = sources.queue, metrics
        self._pages: set[PageStream] = set()
        self._news = asyncio.Event()
        self._poked = asyncio.Event()
        self._broadcast = Broadcast(self._news.set)
        self._stale = StaleItems(sources.store, self._broadcast)
        self._effects = EventEffects(self._broadcast, self._stale)
        self._poll = Poll(sources, self._broadcast, self._stale, self._effects)
        self._subscription = EventSubscription(sources.queue, self._heard, self._began)
        self._task: asyncio.Task[None] | None = None
        self._wanted_until, self._looked_at = 0.0, -LATE
        self._closed = False
        #: Follows events to the pages, where someone wants to know.
        self.observer: EventObserver | None = None

    def open(self, after: str, admitted: Callable[[], bool] | None) -> Response:
        """The stream for one browser that has seen everything until the place `after`.

        It ends where `admitted` says that whoever looks on has signed out.
        """
        if self._closed:
            return PlainTextResponse("", 503, {"Retry-After": "1"})
        return EventStream(lambda: self._reading(after), admitted)

    async def place(self) -> str:
        """The place of what is read from now on: a page shows that, and then what comes behind this place."""
        await self._used()
        return str(self._broadcast.recent.end)

    def look_again(self) -> None:
        """Something was changed that no event tells: look at once."""
        self._looked_at = -LATE
        self._poked.set()

    def missed(self) -> None:
        """Events may have been missed: let pages read the list again once none is any more."""
        self._subscription.lost()

    def close(self) -> None:
        """End every stream, so that the server can stop; browsers connect again when it is back."""
        self._closed = True
        self._poked.set()
        self._end_all()

    async def closed(self) -> None:
        """Close, and wait until nothing is read any more; queue and store may then be closed."""
        self.close()
        if self._task is not None:
            await self._task

    @asynccontextmanager
    async def _reading(self, after: str) -> AsyncIterator[PageStream]:
        await self._used()
        page = PageStream(self._broadcast, stream_position_of(after))
        self._pages.add(page)
        self._count()
        if self._closed:
            page.end()
        try:
            yield page
        finally:
            self._pages.discard(page)
            self._count()

    def _count(self) -> None:
        self._metrics.live_pages = len(self._pages)

    def _end_all(self) -> None:
        for page in self._pages:
            page.end()

    async def _used(self) -> None:
        """Go on for a while, and return when nothing is missed any more; soon, where it is long in coming."""
        self._wanted_until = _now() + LINGER
        if self._task is None and not self._closed:
            self._start()
        if self._queue.connected and not self._closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._subscription.going.wait()

    def _start(self) -> None:
        self._looked_at = -LATE
        self._broadcast.status = None
        self._subscription.lost()
        self._stale.begin()
        self._task = asyncio.create_task(self._keep(), name="live pages")

    @property
    def _wanted(self) -> bool:
        return not self._closed and (bool(self._pages) or _now() < self._wanted_until)

    async def _keep(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                stopped = [
                    tasks.create_task(self._subscription.run()),
                    tasks.create_task(self._hand_over()),
                ]
                reading = tasks.create_task(self._stale.run())
                await self._look_while_wanted()
                for task in stopped:
                    task.cancel()
                # Not cancelled in the middle of reading: that could cost the store a connection.
                self._stale.end()
                await reading
        except* Exception:
            # Browsers connect again, and that starts afresh.
            log.exception("keeping pages up to date failed")
            self._end_all()
            self._pages.clear()
            self._wanted_until = 0.0
        self._task = None
        if self._wanted:  # by one who came while it stopped
            self._start()

    async def _look_while_wanted(self) -> None:
        ticked = _now()
        while self._wanted:
            self._poked.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._poked.wait()
            now = _now()
            if now - ticked > TICK + STALL:
                self.missed()
            ticked = now
            self._broadcast.look_back(now)
            since = now - self._looked_at
            if since >= LATE or (since >= SOON and self._poll.unsettled):
                self._looked_at = now
                await self._poll.look()
                ticked = _now()

    def _heard(self, event: Received) -> None:
        if self.observer:
            self.observer.heard(event)
        self._effects.heard(event)

    def _began(self) -> None:
        self._poll.begin()
        self._broadcast.renew(_now())
        self.look_again()

    async def _hand_over(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self.observer:
                self.observer.reading()
            for page in self._pages:
                page.wake()
            if self.observer:
                self.observer.handed(len(self._pages))
            await asyncio.sleep(min(LONGEST_PAUSE, PAUSE_PER_PAGE * len(self._pages)))


def _now() -> float:
    return asyncio.get_running_loop().time()
