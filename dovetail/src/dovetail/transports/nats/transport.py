"""NATS JetStream as a transport."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from dovetail.codec.envelope import Received
from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.delivery import Claim, Outgoing
from dovetail.network.connecting import Reports
from dovetail.options import QueueOptions
from dovetail.status import Members, QueueStatus
from dovetail.transport import Answerer, Done, Mend, Subscription
from dovetail.transports.common.store_room import Room
from dovetail.transports.common.trimming import Trimmer
from dovetail.transports.nats import topology
from dovetail.transports.nats.address import Address
from dovetail.transports.nats.attempts import AttemptStore
from dovetail.transports.nats.claims import Claims
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.core_publish import core_message
from dovetail.transports.nats.dead_letters import DeadLetterStore
from dovetail.transports.nats.group_consumer import GroupConsumer, Position
from dovetail.transports.nats.groups import Groups
from dovetail.transports.nats.handshake import doubts
from dovetail.transports.nats.inspection import Inspection, Ping
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.limits import API_SECONDS
from dovetail.transports.nats.members import members
from dovetail.transports.nats.permissions import NotPermitted
from dovetail.transports.nats.placement import placed
from dovetail.transports.nats.provisioning import Provisioning
from dovetail.transports.nats.publisher import Publisher
from dovetail.transports.nats.pubsub import listening, send
from dovetail.transports.nats.requests import asking, serving
from dovetail.transports.nats.stream_reader import StreamReader
from dovetail.transports.nats.stream_rollback import RollbackWatch
from dovetail.transports.nats.subscription import NatsSubscription
from dovetail.transports.nats.trimming import trim

log = logging.getLogger("dovetail.nats")


class NatsTransport:
    """As dovetail.transport.Transport says."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        self._options = options
        self._client = Client(address, options)
        self._api = JetStream(self._client, API_SECONDS)
        self._reader = StreamReader(self._client, self._api)
        self._provisioning = Provisioning(self._api, options)
        self._publisher = Publisher(
            self._client,
            options.timeout,
            self._provisioning.take,
            self._make_room,
            self._provisioning.largest,
        )
        self._dead_letters = DeadLetterStore(self._api, self._reader, self._publisher)
        self._room = Room()
        self._ping = Ping(self._client, self._api, self._publisher, self._room)
        self._claims = Claims(self._api)
        self._inspection = Inspection(
            self._client, self._api, self._reader, self._dead_letters, self._claims
        )
        self._groups = Groups(self._api, self._claims)
        self._trimmer = Trimmer(self._trim, log, final=(NotPermitted,))
        self._rollback_watch = RollbackWatch(self._client, self._api)

    @property
    def connected(self) -> bool:
        return self._client.connected

    async def open(self) -> None:
        await self._client.open()
        for doubt in doubts(self._client.info, self._options.replicas):
            log.warning("the queue at %s %s", self._client.address.shown, doubt)

    async def close(self) -> None:
        await self._trimmer.close()
        await self._rollback_watch.close()
        await self._client.close()

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        await self._publisher.publish_all(messages, timeout)

    async def broadcast(self, subject: str, body: bytes) -> None:
        message = core_message(self._client.info, subject, body)
        await send(self._client, message, self._client.loop.time() + self._options.timeout)

    def listen(
        self, pattern: str, missed: Callable[[], None] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Received]]:
        return listening(self._client, pattern, missed)

    async def claim(self, claim: Claim) -> Subscription:
        stream, name = topology.stream_of(claim), topology.consumer_of(claim.group, claim.subject)
        consumer = GroupConsumer(self._api, self._provisioning, claim)
        position: Position | None = None

        async def restore() -> None:
            await self._rollback_watch.check(stream, name)
            await consumer.ensure(position)
            await self._rollback_watch.know(stream, name)
            if claim.kind == "event":
                await self._claims.note(name)

        await placed(restore, self._options.patience, Reports())
        if claim.start == "new" and claim.kind == "event":
            position = await consumer.position()
        self._trimmer.start()
        attempts = AttemptStore(
            self._reader,
            self._publisher,
            self._provisioning.streams,
            topology.consumer_name(claim),
        )
        return NatsSubscription(
            self._client, claim, attempts, self._dead_letters.keep, restore, lambda: consumer.config
        )

    async def serve(
        self, subject: str, group: str | None, answer: Answerer
    ) -> Callable[[], Awaitable[None]]:
        return await serving(self._client, subject, group, answer, self._options.source)

    @asynccontextmanager
    async def request(
        self, subject: str, body: bytes, timeout: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        async with asking(self._client, subject, body, timeout) as replies:
            yield (payload async for _, payload in replies)

    async def dead_letters(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        return await self._dead_letters.find(wanted)

    async def count_letters(self, wanted: LetterFilter) -> Mapping[str, int]:
        return await self._dead_letters.count(wanted)

    async def replay(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        await self._dead_letters.replay(wanted, mend, done)

    async def drop(self, wanted: LetterFilter, done: Done) -> None:
        await self._dead_letters.drop(wanted, done)

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        return await self._inspection.waiting(subject, group, most)

    async def status(self) -> QueueStatus:
        return await self._inspection.status()

    async def members(self) -> Sequence[Members]:
        return await members(self._client, self._api)

    async def group_names(self) -> Mapping[str, str]:
        return await self._groups.names()

    async def rename_group(self, old: str, new: str) -> None:
        await self._groups.rename(old, new)

    async def remove_group(self, group: str, subjects: Sequence[str]) -> None:
        await self._groups.remove(group, subjects)

    async def ping(self, timeout: float) -> None:
        await self._ping.ping(timeout)

    def _make_room(self, size: int) -> None:
        self._room.refused(size)
        self._trimmer.full()
        self._trimmer.start()

    async def _trim(self, full: bool) -> None:
        if self._options.keep is not None:
            await trim(self._api, self._options.keep, full=full, claims=self._claims)
