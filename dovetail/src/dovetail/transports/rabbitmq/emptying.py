"""Takes everything out of a queue that nobody reads any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from pamqp import commands

from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.entry import copied
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.layout import ATTEMPT
from dovetail.transports.rabbitmq.look import count_of
from dovetail.transports.rabbitmq.wire import Wire

_AT_ONCE = 200
#: What is ready comes within this time; what does not has gone elsewhere meanwhile.
_SILENT_SECONDS = 1.0


async def emptying(wire: Wire, queue: str) -> AsyncGenerator[list[Content]]:
    """Its messages in portions; each portion is removed when the next one is asked for."""
    channel = await Channel.open(wire)
    try:
        left = await count_of(channel, queue)
        if not left:
            return
        came: list[Content] = []
        arrived = asyncio.Event()

        def take(content: Content) -> None:
            came.append(content)
            arrived.set()

        channel.on_end = arrived.set
        await channel.consume(queue, take, prefetch=_AT_ONCE)
        while left > 0 and await _come(channel, arrived):
            part, came[:] = list(came), []
            left -= len(part)
            yield part
            channel.tell(commands.Basic.Ack(part[-1].tag, True))
    finally:
        await channel.close()


async def _come(channel: Channel, arrived: asyncio.Event) -> bool:
    """Whether more came."""
    try:
        async with asyncio.timeout(_SILENT_SECONDS):
            await arrived.wait()
    except TimeoutError:
        return False
    if channel.error is not None:
        raise channel.error
    arrived.clear()
    return True


def handed_over(content: Content) -> tuple[Properties, bytes]:
    """A command as it is put into the queue of another group; its attempts still count."""
    attempt = (content.headers or {}).get(ATTEMPT)
    return copied(content, {ATTEMPT: attempt} if attempt else {}), content.body
