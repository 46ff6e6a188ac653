"""nats-py for the comparison of clients, each message under a Nats-Msg-Id.

- `pulls`: `publish_async`, whose futures are awaited; pull requests of our own on a plain subscription.
- `fetch`: `js.publish`, one task for each; `PullSubscription.fetch(1000)` and `msg.ack()`.
"""

from __future__ import annotations

import asyncio

import nats
from nats.aio.client import Client

from benchmarks.clients.measured import Handle
from benchmarks.content import STREAM, SUBJECT
from benchmarks.content_msgspec import NewItem
from benchmarks.peers import raw_handlers
from benchmarks.peers.raw_publish import Publisher


async def connect(url: str, variant: str) -> NatsPy:
    """Connected."""
    return NatsPy(await nats.connect(url), variant)


class NatsPy:
    """As Measured."""

    def __init__(self, client: Client, variant: str) -> None:
        self._client = client
        self._own_pulls = variant == "pulls"
        publisher = Publisher(client.jetstream(), with_id=True)
        self.publish = publisher.publish_async if self._own_pulls else publisher.gather

    async def prepare(self) -> None:
        """As Measured.prepare."""
        await self._client.jetstream().add_stream(name=STREAM, subjects=[SUBJECT])

    async def handle(self, count: int, handle: Handle) -> None:
        """As Measured.handle."""
        await raw_handlers.add_consumer(self._client.jetstream())
        if not self._own_pulls:
            await raw_handlers.fetch(self._client, handle, count)
            return
        left, done = count, asyncio.Event()

        async def counted(event: NewItem) -> None:
            nonlocal left
            await handle(event)
            left -= 1
            if not left:
                done.set()

        await raw_handlers.pulls(self._client, counted)
        await done.wait()

    async def close(self) -> None:
        """As Measured.close."""
        await self._client.close()
