"""RabbitMQ by aiormq."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiormq
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic

from dovetail.testing.conformance.waiting import Seen
from dovetail.testing.servers import RabbitServer
from dovetail.transports.rabbitmq.topology import EVENTS, LIVE

from .foreign import Message, Read


@asynccontextmanager
async def over_rabbitmq(server: RabbitServer) -> AsyncIterator[OverRabbit]:
    """Connected, with publisher confirms."""
    connection = await aiormq.connect(server.url)
    yield OverRabbit(await connection.channel())
    await connection.close()


class OverRabbit:
    """As Foreign."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel

    async def store(self, subject: str, message: Message) -> None:
        headers = dict(message.headers)
        properties = Basic.Properties(
            content_type=headers.pop("content-type", None), headers=headers, delivery_mode=2
        )
        confirmed = await self._channel.basic_publish(
            message.body,
            exchange=EVENTS,
            routing_key=subject,
            properties=properties,
            mandatory=True,
        )
        assert isinstance(confirmed, Basic.Ack)

    @asynccontextmanager
    async def reading(self, subject: str) -> AsyncIterator[Read]:
        async with self._bound(EVENTS, subject) as seen:

            async def read(count: int) -> list[Message]:
                return [_message(one) for one in await seen.has(count)]

            yield read

    async def tell(self, subject: str, body: bytes) -> None:
        await self._channel.basic_publish(body, exchange=LIVE, routing_key=subject)

    @asynccontextmanager
    async def hearing(self, subject: str) -> AsyncIterator[Seen[bytes]]:
        heard = Seen[bytes]()
        async with self._bound(LIVE, subject, heard):
            yield heard

    @asynccontextmanager
    async def _bound(
        self, exchange: str, subject: str, bodies: Seen[bytes] | None = None
    ) -> AsyncIterator[Seen[DeliveredMessage]]:
        """What a queue of its own gets, but for other subjects: `dovetail.events` does not look at them."""
        seen = Seen[DeliveredMessage]()

        async def take(message: DeliveredMessage) -> None:
            if message.routing_key == subject:
                seen.add(message)
                if bodies is not None:
                    bodies.add(message.body)

        queue = (await self._channel.queue_declare(exclusive=True)).queue
        assert queue is not None
        await self._channel.queue_bind(queue, exchange, routing_key=subject)
        await self._channel.basic_consume(queue, take, no_ack=True)
        yield seen
        await self._channel.queue_delete(queue)


def _message(delivered: DeliveredMessage) -> Message:
    properties = delivered.header.properties
    assert properties.content_type is not None
    return Message(
        delivered.body, {**(properties.headers or {}), "content-type": properties.content_type}
    )
