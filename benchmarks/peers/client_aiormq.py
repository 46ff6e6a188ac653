"""aiormq, for the comparison of clients. It starts a task for each message that comes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import cast

import aiormq
from aiormq.abc import AbstractConnection, DeliveredMessage
from aiormq.channel import Channel
from pamqp import commands

from benchmarks.clients.measured import AHEAD, AcksTogether, Handle, bodies, decode
from benchmarks.clients.quorum import ARGUMENTS, QUEUE
from benchmarks.content import item_id


async def connect(url: str, variant: str) -> Aiormq:
    """Connected, with a channel that confirms."""
    connection = await aiormq.connect(url)
    return Aiormq(connection, cast(Channel, await connection.channel(publisher_confirms=True)))


class Aiormq:
    """As Measured."""

    def __init__(self, connection: AbstractConnection, channel: Channel) -> None:
        self._connection = connection
        self._channel = channel

    async def _declare(self, *, passive: bool = False) -> None:
        await self._channel.queue_declare(QUEUE, passive=passive, durable=True, arguments=ARGUMENTS)

    async def prepare(self) -> None:
        """As Measured.prepare."""
        await self._declare()

    async def publish(self, first: int, count: int) -> None:
        """As Measured.publish."""
        now = datetime.now(UTC)
        await asyncio.gather(
            *(
                self._publish_one(item_id(first + at), now, body)
                for at, body in enumerate(bodies(first, count))
            )
        )

    async def _publish_one(self, id: str, now: datetime, body: bytes) -> None:
        properties = commands.Basic.Properties(
            content_type="application/octet-stream", delivery_mode=2, message_id=id, timestamp=now
        )
        said = await self._channel.basic_publish(
            body, routing_key=QUEUE, properties=properties, mandatory=True, wait=False
        )
        assert isinstance(said, commands.Basic.Ack), f"refused, or returned: {said}"

    async def handle(self, count: int, handle: Handle) -> None:
        """As Measured.handle."""
        channel, left, done = self._channel, count, asyncio.Event()
        sending: set[asyncio.Task[None]] = set()

        def send(tag: int) -> None:
            task = asyncio.create_task(channel.basic_ack(tag, multiple=True, wait=False))
            sending.add(task)
            task.add_done_callback(sending.discard)

        async def take(message: DeliveredMessage) -> None:
            nonlocal left
            await handle(decode(message.body))
            assert message.delivery_tag
            acks.add(message.delivery_tag)
            left -= 1
            if not left:
                done.set()

        acks = AcksTogether(send)
        await channel.basic_qos(prefetch_count=AHEAD)
        await channel.basic_consume(QUEUE, take)
        await done.wait()
        await asyncio.sleep(0)  # the last ack is on its way
        await asyncio.gather(*sending)
        await self._declare(passive=True)  # answered when all before it is done

    async def close(self) -> None:
        """As Measured.close."""
        await self._connection.close()
