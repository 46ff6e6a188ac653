"""NATS by nats-py: JetStream, and subscriptions of the core."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen
from dovetail.testing.servers import NatsServer
from dovetail.testing.servers.nats import caught_up
from dovetail.transports.nats.topology import EVENTS

from .foreign import Message, Read


@asynccontextmanager
async def over_nats(server: NatsServer) -> AsyncIterator[OverNats]:
    """Connected."""
    client = await nats.connect(server.url)
    yield OverNats(client)
    await client.close()


class OverNats:
    """As Foreign."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._jetstream = client.jetstream()

    async def store(self, subject: str, message: Message) -> None:
        await self._jetstream.publish(subject, message.body, headers=dict(message.headers))

    @asynccontextmanager
    async def reading(self, subject: str) -> AsyncIterator[Read]:
        async def read(count: int) -> list[Message]:
            # From the first: the stream may not be there before something was published.
            subscription = await self._jetstream.subscribe(
                subject, stream=EVENTS, ordered_consumer=True
            )
            found = [await subscription.next_msg(LIMIT_SECONDS) for _ in range(count)]
            await subscription.unsubscribe()
            return [Message(one.data, one.headers or {}) for one in found]

        yield read

    async def tell(self, subject: str, body: bytes) -> None:
        await self._client.publish(subject, body)

    @asynccontextmanager
    async def hearing(self, subject: str) -> AsyncIterator[Seen[bytes]]:
        heard = Seen[bytes]()

        async def hear(message: Msg) -> None:
            heard.add(message.data)

        subscription = await self._client.subscribe(subject, cb=hear)
        await caught_up(self._client)
        yield heard
        await subscription.unsubscribe()
