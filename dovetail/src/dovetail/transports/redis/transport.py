"""Redis as a transport."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal

from dovetail.delivery import Claim, Outgoing
from dovetail.envelope import Received
from dovetail.errors import CommandClaimed, DovetailError, Unsupported
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.members import Members
from dovetail.options import QueueOptions
from dovetail.status import QueueStatus
from dovetail.subjects import is_pattern
from dovetail.transport import Answerer, Done, Mend, Subscription
from dovetail.transports.redis.address import Address
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.groups import Groups
from dovetail.transports.redis.layout import (
    channel_prefix_of,
    events_of,
    lua_pattern_of,
    queue_of,
)
from dovetail.transports.redis.letterbox import Letterbox
from dovetail.transports.redis.live import Live
from dovetail.transports.redis.overview import Overview
from dovetail.transports.redis.publisher import Publisher, check_size
from dovetail.transports.redis.pubsub import PubSub
from dovetail.transports.redis.settings import check_settings
from dovetail.transports.redis.subscription import RedisSubscription
from dovetail.transports.redis.trim import trim

log = logging.getLogger("dovetail.redis")

TRIM_SECONDS = 60


class RedisTransport:
    """As dovetail.transport.Transport says."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        if options.replicas > 1:
            raise Unsupported(
                "Redis copies to its replicas what it has accepted already: leave replicas out, and set "
                "min-replicas-to-write on the server",
                setting="replicas",
            )
        self._address = address
        self._options = options
        self._client = Client(address, options)
        self._pubsub = PubSub(address, options)
        self._channels = channel_prefix_of(address.database)
        self._live = Live(self._client, self._pubsub, options.source, self._channels)
        self._publisher = Publisher(self._client, options.limit_bytes, self._channels)
        self._letterbox = Letterbox(self._client)
        self._overview = Overview(self._client, options.limit_bytes)
        self._groups = Groups(self._client)
        self._trimmer: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """As Transport.connected."""
        return self._client.connected

    async def open(self) -> None:
        """As Transport.open."""
        await self._client.open()
        try:
            await check_settings(self._client, self._options.setting)
        except BaseException:
            await self._client.close()
            raise

    async def close(self) -> None:
        """As Transport.close."""
        if self._trimmer is not None:
            self._trimmer.cancel()
            await asyncio.wait([self._trimmer])
        await self._pubsub.close()
        await self._client.close()

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        """As Transport.publish."""
        await self._publisher.publish(messages, timeout)

    async def broadcast(self, subject: str, body: bytes) -> None:
        """As Transport.broadcast."""
        check_size(len(body))
        deadline = asyncio.get_running_loop().time() + self._options.timeout
        await self._client.run(
            "PUBLISH", self._channels + subject, body, deadline=deadline, repeat=False
        )

    def listen(
        self, pattern: str, missed: Callable[[], None] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Received]]:
        """As Transport.listen."""
        return self._live.listen(pattern, missed)

    async def claim(self, claim: Claim) -> Subscription:
        """As Transport.claim."""
        await self._found(claim, claim.start)
        if self._trimmer is None:
            self._trimmer = asyncio.create_task(self._trim())
        streams = [queue_of(claim.group, claim.subject)]
        if claim.kind == "event" and not is_pattern(claim.subject):
            streams.append(events_of(claim.subject))

        async def restore() -> None:
            log.error(
                "the queue at %s has lost what it held for the group %s on %s, noticed just now: it was "
                "emptied, or has started without what it had stored, unless someone removed the group. What "
                "waited there is lost; what comes from now on is handled",
                self._address.shown,
                claim.group,
                claim.subject,
            )
            await self._found(claim, "first")  # all that is there came after the group was gone

        connection = Client(self._address, self._options, quiet=True)
        connection.start()
        return RedisSubscription(self._client, connection, claim, streams, restore)

    async def _found(self, claim: Claim, start: Literal["first", "new"]) -> None:
        result, pattern = b"more", lua_pattern_of(claim.subject)
        what = claim.group, claim.subject, claim.kind, start, pattern
        while result == b"more":
            result = await self._client.script("claim", *what)
        if result != b"ok":
            raise CommandClaimed(claim.subject, result.decode())

    async def serve(
        self, subject: str, group: str | None, answer: Answerer
    ) -> Callable[[], Awaitable[None]]:
        """As Transport.serve."""
        return await self._live.serve(subject, group, answer)

    def request(
        self, subject: str, body: bytes, timeout: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """As Transport.request."""
        return self._live.request(subject, body, timeout)

    async def dead_letters(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """As Transport.dead_letters."""
        return await self._letterbox.find(wanted)

    async def count_letters(self, wanted: LetterFilter) -> Mapping[str, int]:
        """As Transport.count_letters."""
        return await self._letterbox.count(wanted)

    async def replay(self, letter: DeadLetter, body: bytes) -> None:
        """As Transport.replay."""
        await self._letterbox.replay(letter, body)

    async def drop(self, letter: DeadLetter) -> None:
        """As Transport.drop."""
        await self._letterbox.drop(letter)

    async def replay_letters(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        """As Transport.replay_letters."""
        await self._letterbox.replay_all(wanted, mend, done)

    async def drop_letters(self, wanted: LetterFilter, done: Done) -> None:
        """As Transport.drop_letters."""
        await self._letterbox.drop_all(wanted, done)

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        """As Transport.waiting."""
        return await self._overview.waiting(subject, group, most)

    async def status(self) -> QueueStatus:
        """As Transport.status."""
        return await self._overview.status()

    async def members(self) -> Sequence[Members]:
        """As Transport.members."""
        return await self._groups.members()

    async def group_names(self) -> Mapping[str, str]:
        """As Transport.group_names."""
        return await self._groups.names()

    async def rename_group(self, old: str, new: str) -> None:
        """As Transport.rename_group."""
        await self._groups.rename(old, new)

    async def remove_group(self, group: str, subjects: Sequence[str]) -> None:
        """As Transport.remove_group."""
        await self._groups.remove(group, subjects)

    async def ping(self, timeout: float) -> None:
        """As Transport.ping."""
        await self._publisher.ping(timeout)

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(TRIM_SECONDS)
            try:
                await trim(self._client, self._options)
            except DovetailError as error:
                log.warning("the history could not be trimmed, trying again in a minute: %s", error)
