"""Keeps open pages up to date: one listener on the queue for all browsers of this process."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from dovetail import MessageQueue, QueueError, Received
from todo.monitoring.metrics import Metrics

log = logging.getLogger("todo.web.live")

EVENTS = "events.todo.>"
#: Seconds between two readings at least, however many events come in.
PAUSE = 0.25
#: Seconds until the next reading without any event, while something waits or is unreachable. That is
#: how pages catch up when ItemSaved is not published.
SOON = 1.0
#: The same while all is well; in case an event was missed.
LATE = 10.0
#: Seconds after which a silent connection gets a sign of life, so that proxies keep it open.
HEARTBEAT = 15.0

#: Reads and renders what a view shows; and says whether that is likely to change by itself soon.
Render = Callable[[str], Awaitable[tuple[str, bool]]]


class Following(Protocol):
    """Told of events on their way to the pages."""

    def heard(self, event: Received) -> None:
        """Pages will show this, if it changes them."""

    def reading(self) -> None:
        """What is read from now on has all of that in it."""

    def handed(self, pages: int) -> None:
        """So many open pages were told what was read."""


class View:
    """One thing that pages show, rendered once for all who look at it."""

    def __init__(self) -> None:
        self.browsers: set[Browser] = set()
        self.content = ""
        self.unsettled = False

    def show(self, content: str, unsettled: bool) -> None:
        """Hand the content to those who have not seen it."""
        changed = content != self.content
        self.content, self.unsettled = content, unsettled
        for browser in self.browsers:
            if changed or browser.is_new:
                browser.is_new = False
                browser.put(content)


class Browser:
    """One open page. What it has not read yet is replaced by what is newer."""

    def __init__(self) -> None:
        self.is_new = True
        self._content: str | None = None
        self._there = asyncio.Event()
        self._ended = False

    def put(self, content: str) -> None:
        """Show this next."""
        self._content = content
        self._there.set()

    def end(self) -> None:
        """Let `messages` end."""
        self._ended = True
        self._there.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """The stream of server-sent events."""
        while not self._ended:
            yield await self._next()

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout(HEARTBEAT):
                await self._there.wait()
        except TimeoutError:
            return b": still here\n\n"
        self._there.clear()
        content, self._content = self._content, None
        return b"" if content is None else as_message(content)


class LivePages:
    """The open pages of this process. It listens and reads only while there are any."""

    def __init__(self, queue: MessageQueue, render: Render, metrics: Metrics) -> None:
        self._queue = queue
        self._render = render
        self._metrics = metrics
        self._views: dict[str, View] = {}
        self._changed = asyncio.Event()
        self._kept = False
        self._keepers: set[asyncio.Task[None]] = set()
        self._closed = False
        #: Follows events to the pages, where someone wants to know.
        self.following: Following | None = None

    async def stream(self, name: str) -> AsyncIterator[bytes]:
        """Server-sent events for one browser: the view's content now, and whenever it changes."""
        if self._closed:
            return
        browser = Browser()
        self._enter(name, browser)
        try:
            async for message in browser.messages():
                yield message
        finally:
            self._leave(name, browser)

    def close(self) -> None:
        """End every stream, so that the server can stop; browsers connect again when it is back."""
        self._closed = True
        self._end_all()

    async def closed(self) -> None:
        """Wait until nothing is read any more; queue and store may then be closed."""
        await asyncio.gather(*self._keepers)

    def _enter(self, name: str, browser: Browser) -> None:
        self._views.setdefault(name, View()).browsers.add(browser)
        self._count()
        self._changed.set()
        if not self._kept:
            self._kept = True
            keeper = asyncio.create_task(self._keep(), name="live pages")
            self._keepers.add(keeper)
            keeper.add_done_callback(self._keepers.discard)

    def _leave(self, name: str, browser: Browser) -> None:
        view = self._views[name]
        view.browsers.discard(browser)
        self._count()
        if not view.browsers:
            del self._views[name]
        # Without any views the keeper ends, but not in the middle of reading: it is not cancelled,
        # because that could cost the store a connection.
        self._changed.set()

    def _count(self) -> None:
        self._metrics.live_pages = sum(len(view.browsers) for view in self._views.values())

    def _end_all(self) -> None:
        for view in self._views.values():
            for browser in view.browsers:
                browser.end()

    async def _keep(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                listener = tasks.create_task(self._listen())
                await self._refresh_while_watched()
                self._kept = False
                listener.cancel()
        except* Exception:
            # Browsers connect again, and that starts afresh.
            log.exception("keeping pages up to date failed")
            self._kept = False
            self._end_all()

    async def _listen(self) -> None:
        while True:
            with suppress(QueueError):
                async for event in self._queue.listen(EVENTS):
                    if self.following:
                        self.following.heard(event)
                    self._changed.set()
            await asyncio.sleep(SOON)

    async def _refresh_while_watched(self) -> None:
        while self._views:
            self._changed.clear()
            await self._refresh()
            await asyncio.sleep(PAUSE)
            unsettled = any(view.unsettled for view in self._views.values())
            with suppress(TimeoutError):
                async with asyncio.timeout(SOON if unsettled else LATE):
                    await self._changed.wait()

    async def _refresh(self) -> None:
        if self.following:
            self.following.reading()
        for name, view in list(self._views.items()):
            view.show(*await self._render(name))
        if self.following:
            self.following.handed(sum(len(view.browsers) for view in self._views.values()))


def as_message(content: str) -> bytes:
    """One server-sent event. Its lines are those that the format knows, and no others."""
    lines = re.split(r"\r\n|\r|\n", content)
    return "".join(f"data: {line}\n" for line in lines).encode() + b"\n"
