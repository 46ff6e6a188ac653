"""Messages that wait for a claim, as they are found in the streams and in the queues for delays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from pamqp import commands

from dovetail.limits import MOST_PREFETCH
from dovetail.transports.rabbitmq import limits, streams
from dovetail.transports.rabbitmq.backlog import Position
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.claims import RegisteredClaim
from dovetail.transports.rabbitmq.delivery import headers_of, published
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.members import WaitingMessage
from dovetail.transports.rabbitmq.topology import HISTORY, SUBJECT, UNCLAIMED, delay_of
from dovetail.transports.rabbitmq.wire import Wire


async def in_streams(
    wire: Wire, most: int, wanted: Callable[[Content], bool], first: Position | None = None
) -> list[WaitingMessage]:
    """The first messages that are wanted, from a position on, or those that a group would begin with."""
    found: list[WaitingMessage] = []
    begun = first is None
    for stream in (UNCLAIMED, HISTORY):
        begun = begun or (first is not None and stream == first.stream)
        if not begun or len(found) >= most:
            continue
        start = first.offset if first is not None and stream == first.stream else 0
        async with aclosing(streams.scan(wire, stream, start)) as parts:
            async for part in parts:
                found += [_message(one) for one in part if wanted(one)]
                if len(found) >= most:
                    break
    return found[:most]


async def delayed(wire: Wire, claim: RegisteredClaim, most: int) -> list[WaitingMessage]:
    """The first of what waits for its next attempt; each is away from its queue for a moment."""
    channel = await Channel.open(wire)
    found: list[WaitingMessage] = []
    try:
        for step in claim.delays:
            found += await _peek(channel, delay_of(claim.queue, step), claim.subject, most)
    finally:
        await channel.close()  # all go back
    return found


async def _peek(channel: Channel, queue: str, claimed: str, most: int) -> list[WaitingMessage]:
    got: list[Content] = []
    declared = await channel.call(commands.Queue.Declare(queue=queue, passive=True))
    wanted = min(most, declared.message_count, MOST_PREFETCH)
    enough = asyncio.Event()

    def take(content: Content) -> None:
        got.append(content)
        if len(got) >= wanted:
            enough.set()

    if wanted:
        consumer = await channel.consume(queue, take, prefetch=wanted)
        try:
            async with asyncio.timeout(limits.ANSWER_SECONDS):
                await enough.wait()
        except TimeoutError:  # they went back to be handled
            pass
        await channel.cancel(consumer)
    return [_message(one, claimed) for one in got]


def _message(content: Content, claimed: str = "") -> WaitingMessage:
    table = content.headers or {}
    subject = str(table.get(SUBJECT) or claimed or content.key)
    return WaitingMessage(subject, content.body, headers_of(content), published(content))
