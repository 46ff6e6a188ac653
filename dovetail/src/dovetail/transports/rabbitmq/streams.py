"""Reading RabbitMQ streams: from somewhere to their present end, taking nothing away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pamqp import commands

from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.layout import OFFSET
from dovetail.transports.rabbitmq.wire import Wire

#: Messages on their way at once; only a few where the newest is large.
_PREFETCH, _FEW = 500, 8
_SMALL_BYTES = 16_384
#: A stream begins to send a moment after it has said that it will. The server answers in order: so many
#: questions later, it has begun.
_QUESTIONS = 3


async def newest(wire: Wire, stream: str) -> Content | None:
    """The first of the messages that were written last, together; None where the stream is empty."""
    found: list[Content] = []
    channel = await Channel.open(wire)
    try:
        await _consume(channel, stream, "last", found.append, 1)
        await _settled(channel)
    finally:
        await channel.close()
    return found[0] if found else None


async def beginning(wire: Wire, stream: str) -> int:
    """The offset of the oldest message that is still there; 0 where there is none."""
    async for part in scan(wire, stream, "first"):
        return offset_of(part[0])
    return 0


async def end(wire: Wire, stream: str) -> int:
    """The offset that the next message will have."""
    offset = -1
    async for part in scan(wire, stream, "last"):
        offset = offset_of(part[-1])
    return offset + 1


async def scan(wire: Wire, stream: str, start: str | datetime) -> AsyncGenerator[list[Content]]:
    """What is there from `start` on, in order, to the present end; the next part when the last is dealt with.

    `start` is "first", "last" (a few), or a time: then a few that are older may come as well.
    """
    last = await newest(wire, stream)
    if last is None:
        return
    channel = await Channel.open(wire)
    came: list[Content] = []
    more = asyncio.Event()
    channel.on_end = more.set

    def take(content: Content) -> None:
        came.append(content)
        more.set()

    try:
        prefetch = _PREFETCH if len(last.body) < _SMALL_BYTES else _FEW
        await _consume(channel, stream, start, take, prefetch)
        await _settled(channel)
        offset = -1
        while came or (offset < 0 and start == "first"):  # else nothing is as young as that
            await more.wait()
            if channel.error is not None:
                raise channel.error
            part = came[:]
            came.clear()
            more.clear()
            yield part
            offset = offset_of(part[-1])
            channel.tell(commands.Basic.Ack(part[-1].tag, True))
            if offset < offset_of(last):
                await more.wait()
            elif not await _same_end(wire, stream, last):
                return  # what was there when we began lies before what was written since
            else:
                await _settled(channel)
    finally:
        await channel.close()


async def _same_end(wire: Wire, stream: str, last: Content) -> bool:
    """Whether nothing was written since `last` and what was written with it."""
    now = await newest(wire, stream)
    return now is not None and offset_of(now) == offset_of(last)


def offset_of(content: Content) -> int:
    """Where in its stream it lies."""
    return int((content.headers or {})[OFFSET])


def ago(seconds: float) -> datetime:
    """A time in the past."""
    return datetime.now(UTC) - timedelta(seconds=seconds)


async def _consume(
    channel: Channel, stream: str, start: Any, taker: Callable[[Content], None], prefetch: int
) -> None:
    arguments = {"x-stream-offset": start}
    await channel.consume(stream, taker, prefetch=prefetch, arguments=arguments)


async def _settled(channel: Channel) -> None:
    """Return when what the server has sent by now has come."""
    for _ in range(_QUESTIONS):
        await channel.call(commands.Basic.Qos(prefetch_count=_PREFETCH))
