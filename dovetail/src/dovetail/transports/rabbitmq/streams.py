"""Reading RabbitMQ streams: from somewhere to their present end, taking nothing away.

A stream begins to send at some time after it has said that it will, and does not tell where it ends. One
that is read on another node of a cluster may lag behind. So whoever must not miss anything writes a message
of its own, and reads up to that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from pamqp import commands

from dovetail import clock
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.channel import INTERNAL_ERROR, Batch, Channel, ChannelClosed
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.topology import OFFSET
from dovetail.transports.rabbitmq.wire import Wire


async def append(wire: Wire, stream: str, body: bytes = b"") -> str:
    """Write a message; its id, by which it is known when it is read.

    Raises ChannelClosed where the stream has no leader just now.
    """
    mark = clock.token()
    channel = await Channel.open(wire, confirms=True)
    try:
        batch = Batch(1, asyncio.get_running_loop().create_future())
        channel.publish_usual(batch, "", stream, mark, clock.time_ns() // 1_000_000_000, body)
        await batch.done
    finally:
        await channel.close()
    if batch.refused or batch.returned:
        raise ChannelClosed(INTERNAL_ERROR, f"the stream {stream!r} takes nothing")
    return mark


async def up_to(wire: Wire, stream: str, mark: str) -> AsyncGenerator[list[Content]]:
    """All from the first message to the one with this id, in order; a few of those behind it may come too."""
    async with _reading(wire, stream, "first") as reader:
        found = False
        while not found:
            part = await reader.more()
            yield part
            found = any(one.properties.message_id == mark for one in part)


async def last(wire: Wire, stream: str, within: float = limits.EMPTY_SECONDS) -> Content | None:
    """The very last message; None where none comes in these seconds."""
    async with _reading(wire, stream, "last") as reader:
        try:
            async with asyncio.timeout(within):
                part = await reader.more()
        except TimeoutError:
            return None
        return await _last_of(reader, part)


async def scan(wire: Wire, stream: str, start: int = 0) -> AsyncGenerator[list[Content]]:
    """What is there, in order, from an offset to the present end.

    For who only looks: a node of a cluster may lag behind.
    """
    if (newest := await last(wire, stream)) is None:
        return
    end, offset = offset_of(newest), -1
    async with _reading(wire, stream, start) as reader:
        while offset < end:
            part = await reader.more()
            yield part
            offset = offset_of(part[-1])


async def within(
    wire: Wire, stream: str, window: range
) -> AsyncGenerator[list[tuple[int, Content]]]:
    """What lies at these offsets, each with its own; something must."""
    async with _reading(wire, stream, window.start, prefetch=limits.MANY_STREAMED) as reader:
        offset = window.start - 1
        while offset < window.stop - 1:
            part = await reader.more()
            last = offset_of(part[-1])
            # They follow each other without gaps: the offset of each need not be decoded.
            first = last - len(part) + 1
            offset = last
            yield [(first + at, one) for at, one in enumerate(part) if first + at in window]


async def ends(wire: Wire, *streams: str) -> dict[str, range]:
    """Where each stream begins and ends now, for who only looks.

    One that is empty says nothing. It is waited for a little longer than for one that is not.
    """
    now = asyncio.get_running_loop().time
    begun, tasks = now(), {one: asyncio.ensure_future(_end(wire, one)) for one in streams}
    try:
        await asyncio.wait(
            tasks.values(), timeout=limits.EMPTY_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        patience = max(limits.SILENT_SECONDS, limits.SILENT_TIMES * (now() - begun))
        await asyncio.wait(
            tasks.values(), timeout=min(patience, begun + limits.EMPTY_SECONDS - now())
        )
        return {one: task.result() if task.done() else range(0) for one, task in tasks.items()}
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def _end(wire: Wire, stream: str) -> range:
    async def first() -> int:
        async with _reading(wire, stream, "first") as reader:
            return offset_of((await reader.more())[0])

    start, stop = await asyncio.gather(first(), _stop(wire, stream))
    return range(start, stop)


async def _stop(wire: Wire, stream: str) -> int:
    """Behind its last message: those that were written together come together."""
    async with _reading(wire, stream, "last") as reader:
        return offset_of(await _last_of(reader, await reader.more())) + 1


async def _last_of(reader: _Reader, part: list[Content]) -> Content:
    """What was written together comes together, but maybe not all at once."""
    while await reader.sent():
        part = await reader.more()
    return part[-1]


def offset_of(content: Content) -> int:
    """Where in its stream it lies."""
    return int((content.headers or {})[OFFSET])


class _Reader:
    """Consumes a stream; what was handed over is acked when more is wanted."""

    def __init__(self, channel: Channel, stream: str, prefetch: int) -> None:
        self._channel = channel
        self._stream = stream
        self._prefetch = prefetch
        self._consumer = ""
        self._came: list[Content] = []
        self._held = 0
        #: Whether something was let go.
        self._missing = False
        self._arrived = asyncio.Event()
        #: Of what was handed over last: the end, and the largest size in bytes.
        self._last: Content | None = None
        self._largest = 0
        self._acked = True
        channel.on_end = self._arrived.set

    async def begin(self, start: str | int) -> None:
        """Have it sent from there on."""
        self._came, self._held, self._missing = [], 0, False
        self._consumer = await self._channel.consume(
            self._stream,
            self._take,
            prefetch=self._prefetch,
            arguments={"x-stream-offset": start},
        )

    def _take(self, content: Content) -> None:
        self._missing = self._missing or self._held > limits.STREAMED_BYTES
        if not self._missing:
            self._came.append(content)
            self._held += len(content.body)
            self._arrived.set()

    async def more(self) -> list[Content]:
        """Wait for messages."""
        if not self._came:
            await self._suit()
            self._ack()
        while not self._came:
            self._arrived.clear()
            await self._arrived.wait()
            if self._channel.error is not None:
                raise self._channel.error
        part, self._came = self._came, []
        self._last, self._acked = part[-1], False
        self._largest = max(len(one.body) for one in part)
        self._held = 0
        return part

    async def _suit(self) -> None:
        """Have as many on their way as memory can take of that size."""
        wanted = (
            limits.MANY_STREAMED
            if self._largest < limits.SMALL_BYTES and not self._missing
            else limits.FEW_STREAMED
        )
        if (wanted != self._prefetch or self._missing) and self._last is not None:
            self._prefetch = wanted
            await self._channel.cancel(self._consumer)
            await self.begin(offset_of(self._last) + 1)
            self._acked = True  # with the consumer that it came to

    async def sent(self) -> bool:
        """Whether the server has more to send at once; it does so before it answers."""
        self._ack()
        await self._channel.call(commands.Basic.Qos(prefetch_count=self._prefetch))
        return bool(self._came) or self._missing

    def _ack(self) -> None:
        if self._last is not None and not self._acked:
            self._channel.tell(commands.Basic.Ack(self._last.tag, True))
            self._acked = True


@asynccontextmanager
async def _reading(
    wire: Wire, stream: str, start: str | int, prefetch: int = limits.FEW_STREAMED
) -> AsyncIterator[_Reader]:
    channel = await Channel.open(wire)
    try:
        reader = _Reader(channel, stream, prefetch)
        await reader.begin(start)
        yield reader
    finally:
        await channel.close()
