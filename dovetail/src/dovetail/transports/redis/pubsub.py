"""Live events: told to whoever listens now, over Redis's own Pub/Sub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dovetail.codec.envelope import Received, received
from dovetail.codec.subjects import is_pattern, matches
from dovetail.transports.common.mailbox import Mailbox
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.limits import check_size
from dovetail.transports.redis.pubsub_connection import PubSubConnection
from dovetail.transports.redis.topology import (
    TAG,
    channel_prefix_of,
    glob_of,
    is_of_other_database,
)


class PubSub:
    """Broadcasts and listens. The script that stores durable events publishes them in the same way."""

    def __init__(self, client: Client, connection: PubSubConnection, timeout: float) -> None:
        self._client = client
        self._connection = connection
        #: Seconds for a broadcast.
        self._timeout = timeout
        self._prefix = channel_prefix_of(client.address.database)

    async def broadcast(self, subject: str, body: bytes) -> None:
        check_size(len(body))
        deadline = asyncio.get_running_loop().time() + self._timeout
        await self._client.run(
            "PUBLISH", self._prefix + subject, body, deadline=deadline, repeat=False
        )

    @asynccontextmanager
    async def listen(
        self, pattern: str, missed: Callable[[], None] | None = None
    ) -> AsyncIterator[AsyncIterator[Received]]:
        mailbox: Mailbox[Received] = Mailbox(pattern, missed)
        wild = is_pattern(pattern)

        def arrived(channel: bytes, payload: bytes) -> None:
            subject = channel.decode(errors="replace")  # other clients may use any bytes
            subject = subject.removeprefix(self._prefix)
            if not wild or (matches(pattern, subject) and not self._is_foreign(subject)):
                mailbox.put(received(subject, payload))

        kind, name = ("pmessage", glob_of(pattern)) if wild else ("message", pattern)
        channel = self._prefix + name
        await self._connection.subscribe(kind, channel, arrived)
        self._connection.on_lost.append(mailbox.gap)
        try:
            yield aiter(mailbox)
        finally:
            self._connection.on_lost.remove(mailbox.gap)
            self._connection.forget(kind, channel, arrived)

    def _is_foreign(self, subject: str) -> bool:
        """Whether a pattern let through what is no event of this database."""
        return subject.startswith(TAG) or (not self._prefix and is_of_other_database(subject))
