"""What each client must do to be measured, and what several of them need for that."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import msgspec

from benchmarks.content_msgspec import NewItem, new_item

#: A trivial handler of one message.
Handle = Callable[[NewItem], Awaitable[None]]

GROUP = "bench"
#: What a server sends ahead of the acks, or gives to one read.
AHEAD = 1000

decode = msgspec.json.Decoder(NewItem).decode
_encode = msgspec.json.Encoder().encode


class Measured(Protocol):
    """A client that is connected. Each module of one has `async def connect(url, variant) -> Measured`."""

    async def prepare(self) -> None:
        """Make the stream or queue."""

    async def publish(self, first: int, count: int) -> None:
        """Publish the messages with these numbers at once; return when each is confirmed."""

    async def handle(self, count: int, handle: Handle) -> None:
        """Decode so many messages, call `handle` for each, ack each.

        Return when all acks are on their way, or where the server tells nobody of them: when it has them.
        """

    async def close(self) -> None:
        """Disconnect."""


def bodies(first: int, count: int) -> list[bytes]:
    """The messages with these numbers."""
    return [_encode(new_item(number)) for number in range(first, first + count)]


AnyItem = TypeVar("AnyItem")


class Arrivals(Generic[AnyItem]):
    """What a callback was given, for a task that awaits the handler."""

    def __init__(self) -> None:
        self._items: deque[AnyItem] = deque()
        self._came = asyncio.Event()

    def put(self, item: AnyItem) -> None:
        """One came."""
        self._items.append(item)
        self._came.set()

    async def each(self, count: int, use: Callable[[AnyItem], Awaitable[None]]) -> None:
        """Use so many of them, in their order."""
        items = self._items
        while count:
            await self._came.wait()
            self._came.clear()
            while items:
                await use(items.popleft())
                count -= 1


class AcksTogether:
    """Sends one ack for all that was handled in one turn of the event loop."""

    def __init__(self, send: Callable[[int], object]) -> None:
        self._send = send
        self._last = 0

    def add(self, tag: int) -> None:
        """It was handled, and all before it."""
        if not self._last:
            asyncio.get_running_loop().call_soon(self._flush)
        self._last = tag

    def _flush(self) -> None:
        tag, self._last = self._last, 0
        self._send(tag)
