"""Live messages: to everybody who listens now, stored nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dovetail.codec.envelope import Received, received
from dovetail.codec.subjects import matches
from dovetail.transports.common.mailbox import Mailbox
from dovetail.transports.rabbitmq import live_channel
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.delivery import headers_of
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.live_channel import LiveChannel
from dovetail.transports.rabbitmq.topology import LIVE, key_of


class PubSub:
    """Speakers and listeners of one process."""

    def __init__(self, client: Client, live: LiveChannel) -> None:
        self._client = client
        self._live = live

    async def broadcast(self, subject: str, body: bytes, timeout: float) -> None:
        """To those who listen, at most once."""
        self._live.check_size(len(body))
        deadline = asyncio.get_running_loop().time() + timeout
        await self._live.publish(LIVE, subject, Properties(), body, deadline)

    @asynccontextmanager
    async def listen(
        self, pattern: str, missed: Callable[[], None] | None
    ) -> AsyncIterator[AsyncIterator[Received]]:
        """By a queue of its own, which is bound anew on each connection."""
        mailbox: Mailbox[Received] = Mailbox(pattern, missed)

        def came(content: Content) -> None:
            if matches(pattern, content.key):
                mailbox.put(received(content.key, content.body, headers_of(content)))

        async def attach(channel: Channel) -> None:
            await live_channel.own_queue(channel, LIVE, key_of(pattern), came)

        self._client.on_lost.append(mailbox.gap)
        try:
            async with self._live.attached(f"listening to {pattern}", attach, mailbox.gap):
                yield aiter(mailbox)
        finally:
            self._client.on_lost.remove(mailbox.gap)
