"""What a new claim's queue has from before: a copy of the history."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from pamqp import commands

from dovetail import clock
from dovetail.delivery import Claim
from dovetail.transports.rabbitmq import streams
from dovetail.transports.rabbitmq.channel import INTERNAL_ERROR, Channel, ChannelClosed
from dovetail.transports.rabbitmq.claims import is_event
from dovetail.transports.rabbitmq.delivery import copied
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.topology import SUBJECT, exchange_of, queue_of


class NewArrivals:
    """What comes to a claim's queue from the moment when it is bound: the history has that as well."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._queue = f"dovetail.arrivals.{clock.token()}"
        self._came: set[str] = set()
        self._more = asyncio.Event()
        channel.on_end = self._more.set

    @classmethod
    async def of(cls, channel: Channel, queue: str) -> NewArrivals:
        """From now on."""
        self = cls(channel)
        # It goes with its consumer: the connection stays, and nobody would empty it.
        await channel.call(
            commands.Queue.Declare(queue=self._queue, exclusive=True, auto_delete=True)
        )
        own = exchange_of(queue)
        await channel.call(commands.Queue.Bind(queue=self._queue, exchange=own, routing_key=""))
        await channel.consume(self._queue, self._take, no_ack=True)
        return self

    def _take(self, content: Content) -> None:
        self._came.add(_identity(content))
        self._more.set()

    async def without(self, contents: Sequence[Content]) -> list[Content]:
        """Those that have not come to the claim's queue."""
        # What the history has now has come here before what is put here now.
        mark = clock.token()
        await self._channel.put(self._queue, [(Properties(message_id=mark), b"")])
        while mark not in self._came:
            if self._channel.error is not None:
                raise self._channel.error
            self._more.clear()
            await self._more.wait()
        return [one for one in contents if _identity(one) not in self._came]


def _identity(content: Content) -> str:
    return content.properties.message_id or f"{content.key} {hash(content.body)}"


async def copy(channel: Channel, stream: str, wanted: Claim, arrivals: NewArrivals | None) -> int:
    """Copy what matches, and has not arrived, to the claim's queue. Gives how many."""
    queue, count = queue_of(wanted.group, wanted.subject), 0
    mark = await streams.append(channel.wire, stream)
    async with aclosing(streams.up_to(channel.wire, stream, mark)) as parts:
        async for part in parts:
            wants = [one for one in part if is_event(one, wanted.subject)]
            if arrivals is not None and wants:
                wants = await arrivals.without(wants)
            await store(channel, queue, [(_copy(one, wanted.subject), one.body) for one in wants])
            count += len(wants)
    return count


def _copy(content: Content, claimed: str) -> Properties:
    return copied(content, {SUBJECT: content.key} if content.key != claimed else {})


async def store(channel: Channel, queue: str, messages: Sequence[tuple[Properties, bytes]]) -> None:
    """Return when the queue has these."""
    if not messages:
        return
    batch = await channel.put(queue, messages)
    if batch.refused or batch.returned:  # begin anew, on another channel
        raise ChannelClosed(INTERNAL_ERROR, f"the queue {queue!r} has no leader, or is gone")
