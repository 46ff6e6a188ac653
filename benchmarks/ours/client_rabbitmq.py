"""Our RabbitMQ client, used as the transport uses it: one batch for all that is published together."""

from __future__ import annotations

import asyncio
import time

from pamqp import commands

from benchmarks.clients.measured import AHEAD, AcksTogether, Arrivals, Handle, bodies, decode
from benchmarks.clients.quorum import ARGUMENTS, QUEUE
from benchmarks.content import item_id
from dovetail.options import QueueOptions
from dovetail.transports.rabbitmq.address import parse_address
from dovetail.transports.rabbitmq.channel import Batch, Channel
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.frames import Content


async def connect(url: str, variant: str) -> OursOnRabbitMQ:
    """Connected, with a channel that confirms."""
    client = Client(parse_address(url, "url"), QueueOptions())
    await client.open()
    return OursOnRabbitMQ(client, await Channel.open(await client.ready(), confirms=True))


class OursOnRabbitMQ:
    """As Measured."""

    def __init__(self, client: Client, channel: Channel) -> None:
        self._client = client
        self._channel = channel

    async def _declare(self, *, passive: bool = False) -> None:
        declare = commands.Queue.Declare(
            queue=QUEUE, passive=passive, durable=True, arguments=ARGUMENTS
        )
        await self._channel.call(declare)

    async def prepare(self) -> None:
        """As Measured.prepare."""
        await self._declare()

    async def publish(self, first: int, count: int) -> None:
        """As Measured.publish."""
        now = int(time.time())
        batch = Batch(count, asyncio.get_running_loop().create_future())
        for at, body in enumerate(bodies(first, count)):
            self._channel.publish_usual(batch, "", QUEUE, item_id(first + at), now, body)
        await batch.done
        if batch.refused or batch.returned:
            raise RuntimeError("refused, or returned")

    async def handle(self, count: int, handle: Handle) -> None:
        """As Measured.handle."""
        channel = self._channel
        arrivals: Arrivals[Content] = Arrivals()
        acks = AcksTogether(lambda tag: channel.tell(commands.Basic.Ack(tag, True)))

        async def use(content: Content) -> None:
            await handle(decode(content.body))
            acks.add(content.tag)

        await channel.consume(QUEUE, arrivals.put, prefetch=AHEAD)
        await arrivals.each(count, use)
        await asyncio.sleep(0)  # the last ack is written
        await self._declare(passive=True)  # answered when all before it is done

    async def close(self) -> None:
        """As Measured.close."""
        await self._client.close()
