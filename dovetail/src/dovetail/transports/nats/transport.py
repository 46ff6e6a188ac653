"""NATS JetStream as a transport."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from dovetail.delivery import Claim, Outgoing
from dovetail.envelope import Received
from dovetail.errors import ConfigurationError, DovetailError, QueueUnavailable
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.options import QueueOptions
from dovetail.room import Room
from dovetail.status import QueueStatus
from dovetail.transport import Answerer, Subscription
from dovetail.transports.nats import layout
from dovetail.transports.nats.address import Address
from dovetail.transports.nats.attempts import Attempts
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.letterbox import Letterbox
from dovetail.transports.nats.live import asking, listening, serving
from dovetail.transports.nats.overview import Overview
from dovetail.transports.nats.ping import Ping
from dovetail.transports.nats.provision import Place, Provision
from dovetail.transports.nats.publisher import Publisher
from dovetail.transports.nats.subscription import NatsSubscription
from dovetail.transports.nats.trim import trim
from dovetail.transports.nats.unstored import unstored

log = logging.getLogger("dovetail.nats")

TRIM_SECONDS = 60
#: A full store is not looked at again before that many seconds.
FULL_SECONDS = 1
#: What one API call may take; it outlasts a restart of the server.
API_SECONDS = 5.0
OLDEST_SERVER = (2, 10)


class NatsTransport:
    """As dovetail.transport.Transport says."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        self._options = options
        self._client = Client(address, options)
        self._api = JetStream(self._client, API_SECONDS)
        self._provision = Provision(self._api, options)
        self._full = asyncio.Event()
        self._publisher = Publisher(
            self._client,
            options.timeout,
            self._provision.take,
            self._make_room,
            self._provision.largest,
        )
        self._letterbox = Letterbox(self._api, self._publisher)
        self._room = Room()
        self._ping = Ping(self._client, self._api, self._publisher, self._room)
        self._overview = Overview(self._client, self._api, self._letterbox)
        self._trimmer: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """As Transport.connected."""
        return self._client.connected

    async def open(self) -> None:
        """As Transport.open."""
        await self._client.open()
        try:
            self._check_server()
        except BaseException:
            await self._client.close()
            raise

    def _check_server(self) -> None:
        if self._client.info.cluster and self._options.replicas == 1:
            log.warning(
                "the queue at %s is a cluster, and a stream that is made now has one copy, which is gone "
                "while its server is: connect with replicas=3",
                self._client.address.shown,
            )
        if self._client.info.version_numbers < OLDEST_SERVER:
            raise ConfigurationError(
                f"nats-server {self._client.info.version} at {self._client.address.shown} is too old: "
                "2.10 or later is needed",
                setting=self._options.setting,
            )

    async def close(self) -> None:
        """As Transport.close."""
        if self._trimmer is not None:
            self._trimmer.cancel()
            await asyncio.gather(self._trimmer, return_exceptions=True)
        await self._client.close()

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        """As Transport.publish."""
        await self._publisher.publish_all(messages, timeout)

    async def broadcast(self, subject: str, body: bytes) -> None:
        """As Transport.broadcast."""
        message = unstored(self._client.info, subject, body)
        try:
            async with asyncio.timeout(self._options.timeout):
                wire = await self._client.ready()
        except TimeoutError as error:
            raise QueueUnavailable(
                f"the queue at {self._client.address.shown} cannot be reached"
            ) from error
        wire.write(message)

    def listen(self, pattern: str) -> AbstractAsyncContextManager[AsyncIterator[Received]]:
        """As Transport.listen."""
        return listening(self._client, pattern)

    async def claim(self, claim: Claim) -> Subscription:
        """As Transport.claim."""
        place: Place | None = None

        async def restore() -> None:
            await self._provision.streams()
            await self._provision.consumer(claim, place)

        await restore()
        if claim.start == "new" and claim.kind == "event":
            place = await self._provision.place(claim)
        self._start_trimming()
        attempts = Attempts(
            self._api,
            self._publisher,
            self._provision.streams,
            layout.stream_of(claim),
            layout.consumer_of(claim.group, claim.subject),
        )
        return NatsSubscription(self._client, claim, attempts, self._letterbox.keep, restore)

    async def serve(
        self, subject: str, group: str | None, answer: Answerer
    ) -> Callable[[], Awaitable[None]]:
        """As Transport.serve."""
        return await serving(self._client, subject, group, answer, self._options.source)

    @asynccontextmanager
    async def request(
        self, subject: str, body: bytes, timeout: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """As Transport.request."""
        async with asking(self._client, subject, body, timeout) as replies:
            yield (payload async for _, payload in replies)

    async def dead_letters(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """As Transport.dead_letters."""
        return await self._letterbox.find(wanted)

    async def replay(self, letter: DeadLetter, body: bytes) -> None:
        """As Transport.replay."""
        await self._letterbox.replay(letter, body)

    async def drop(self, letter: DeadLetter) -> None:
        """As Transport.drop."""
        await self._letterbox.drop(letter)

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        """As Transport.waiting."""
        return await self._overview.waiting(subject, group, most)

    async def status(self) -> QueueStatus:
        """As Transport.status."""
        return await self._overview.status()

    async def ping(self, timeout: float) -> None:
        """As Transport.ping."""
        await self._ping.ping(timeout)

    def _make_room(self, size: int) -> None:
        self._room.refused(size)
        self._full.set()
        self._start_trimming()

    def _start_trimming(self) -> None:
        if self._trimmer is None:
            self._trimmer = asyncio.create_task(self._trim())

    async def _trim(self) -> None:
        """Once a minute, and soon after the store was found full."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TRIM_SECONDS):
                    await self._full.wait()
            try:
                await trim(self._api, self._options.keep, full=self._full.is_set())
            except DovetailError as error:
                log.warning("the history could not be trimmed, trying again later: %s", error)
            if self._full.is_set():
                await asyncio.sleep(FULL_SECONDS)
                self._full.clear()
