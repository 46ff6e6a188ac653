"""NATS JetStream as a transport."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from dovetail.connecting import Reports
from dovetail.delivery import Claim, Outgoing
from dovetail.envelope import Received
from dovetail.errors import ConfigurationError, DovetailError, QueueUnavailable
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.members import Members
from dovetail.options import QueueOptions
from dovetail.room import Room
from dovetail.status import QueueStatus
from dovetail.transport import Answerer, Done, Mend, Subscription
from dovetail.transports.nats import gone_back, layout
from dovetail.transports.nats.address import Address
from dovetail.transports.nats.attempts import Attempts
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.groups import Groups
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.letterbox import Letterbox
from dovetail.transports.nats.live import asking, listening, serving
from dovetail.transports.nats.overview import Overview
from dovetail.transports.nats.ping import Ping
from dovetail.transports.nats.placing import placed
from dovetail.transports.nats.provision import Place, Provision
from dovetail.transports.nats.publisher import Publisher
from dovetail.transports.nats.rights import NotPermitted
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
#: Before these, a killed server lost streams (nats-server #6888) or a block that it was rewriting (#7627),
#: and a paused one what it had not written yet (#7594).
MENDED_SERVERS = ((2, 11, 12), (2, 12, 3))


def _is_mended(version: tuple[int, ...]) -> bool:
    older, newer = MENDED_SERVERS
    return version >= newer or older <= version < newer[:2]


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
        self._groups = Groups(self._client, self._api)
        self._trimmer: asyncio.Task[None] | None = None
        self._gone_back = gone_back.Watch(self._client, self._api)

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
        if not _is_mended(self._client.info.version_numbers):
            log.warning(
                "nats-server %s at %s can lose what it confirmed when it is killed or paused: take 2.12.3 or "
                "later (or 2.11.12)",
                self._client.info.version,
                self._client.address.shown,
            )

    async def close(self) -> None:
        """As Transport.close."""
        if self._trimmer is not None:
            self._trimmer.cancel()
            await asyncio.gather(self._trimmer, return_exceptions=True)
        await self._gone_back.close()
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

    def listen(
        self, pattern: str, missed: Callable[[], None] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Received]]:
        """As Transport.listen."""
        return listening(self._client, pattern, missed)

    async def claim(self, claim: Claim) -> Subscription:
        """As Transport.claim."""
        place: Place | None = None
        stream, consumer = layout.stream_of(claim), layout.consumer_of(claim.group, claim.subject)

        async def restore() -> None:
            await self._gone_back.check(stream, consumer)
            await self._provision.streams()
            await self._provision.consumer(claim, place)
            await self._gone_back.know(stream, consumer)

        await placed(restore, self._options.patience, Reports())
        if claim.start == "new" and claim.kind == "event":
            place = await self._provision.place(claim)
        self._start_trimming()
        attempts = Attempts(
            self._api,
            self._publisher,
            self._provision.streams,
            stream,
            consumer,
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
                if self._options.keep is not None:
                    await trim(self._api, self._options.keep, full=self._full.is_set())
            except NotPermitted as error:
                log.warning("the history is not trimmed by this worker: %s", error)
                return
            except DovetailError as error:
                log.warning("the history could not be trimmed, trying again later: %s", error)
            if self._full.is_set():
                await asyncio.sleep(FULL_SECONDS)
                self._full.clear()
