"""RabbitMQ as a transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from dovetail.codec.envelope import Received
from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.delivery import Claim, Outgoing
from dovetail.errors import Unsupported
from dovetail.options import QueueOptions
from dovetail.status import Members, QueueStatus
from dovetail.transport import Answerer, Done, Mend, Subscription
from dovetail.transports.common.requests import AnswerTasks
from dovetail.transports.rabbitmq import groups, limits, members, provisioning
from dovetail.transports.rabbitmq.address import Address
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.dead_letters import DeadLetterStore
from dovetail.transports.rabbitmq.delays import Delays
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.inspection import Inspection
from dovetail.transports.rabbitmq.live_channel import LiveChannel
from dovetail.transports.rabbitmq.provisioning import QueuesOnDemand
from dovetail.transports.rabbitmq.publisher import Publisher
from dovetail.transports.rabbitmq.pubsub import PubSub
from dovetail.transports.rabbitmq.requests import Requests
from dovetail.transports.rabbitmq.subscription import RabbitSubscription
from dovetail.transports.rabbitmq.topology import queue_of
from dovetail.transports.rabbitmq.wire import Wire


class RabbitTransport:
    """As dovetail.transport.Transport says. Publishing has its own connection, so has each claim."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        if options.limit_bytes is not None:
            raise Unsupported(
                "RabbitMQ limits its store for all that use it: leave limit_bytes out, and set "
                "disk_free_limit and vm_memory_high_watermark on the server",
                setting="limit_bytes",
            )
        self._address = address
        self._options = options
        self._client = Client(address, options)
        self._client.on_connected.append(self._prepare)
        self._publisher = Publisher(Client(address, options, quiet=True), self._provision)
        live = LiveChannel(self._client, self._publisher)
        self._pubsub = PubSub(self._client, live)
        self._requests = Requests(live, options.source)
        queues = QueuesOnDemand(self._client, self._publisher)
        self._delays = Delays(self._publisher, queues, options)
        self._dead_letters = DeadLetterStore(self._client, self._publisher, queues, options)
        self._inspection = Inspection(self._client, self._requests)
        # On the connection for the rest: one that publishes is not heard while the server is full.
        self._telling = AnswerTasks[tuple[Content, bytes]](lambda one: self._requests.answer(*one))

    @property
    def connected(self) -> bool:
        """Whether both connections stand, as far as they were needed yet."""
        return self._client.connected and self._publisher.connected

    async def open(self) -> None:
        await self._client.open()

    async def _prepare(self, wire: Wire) -> None:
        channel = await Channel.open(wire)
        await self._provision(channel)
        await channel.close()

    async def _provision(self, channel: Channel) -> None:
        await provisioning.shared(channel, self._options)

    async def close(self) -> None:
        await self._publisher.close()
        await self._client.close()

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        await self._publisher.publish(messages, timeout)

    async def broadcast(self, subject: str, body: bytes) -> None:
        await self._pubsub.broadcast(subject, body, self._options.timeout)

    def listen(
        self, pattern: str, missed: Callable[[], None] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Received]]:
        return self._pubsub.listen(pattern, missed)

    async def claim(self, claim: Claim) -> Subscription:
        async def register(wire: Wire) -> None:
            await provisioning.claim(wire, claim, self._options)

        async def on_channel(channel: Channel) -> None:
            await self._provision(channel)
            await provisioning.again(channel, claim, self._options)
            await members.attend(channel, queue, subscription.in_flight, self._tell)

        queue = queue_of(claim.group, claim.subject)
        deadline = asyncio.get_running_loop().time() + limits.CLAIM_SECONDS
        await self._client.with_wire(register, deadline=deadline)
        heartbeat = min(
            max(int(claim.lease / limits.MISSED_HEARTBEATS), limits.LEASE_HEARTBEATS.start),
            limits.LEASE_HEARTBEATS.stop,
        )
        connection = Client(self._address, self._options, quiet=True, heartbeat=heartbeat)
        subscription = RabbitSubscription(
            connection, claim, self._delays, self._dead_letters, on_channel
        )
        connection.start()
        return subscription

    def _tell(self, question: Content, body: bytes) -> None:
        self._telling.start((question, body))

    async def serve(
        self, subject: str, group: str | None, answer: Answerer
    ) -> Callable[[], Awaitable[None]]:
        return await self._requests.serve(subject, group, answer)

    def request(
        self, subject: str, body: bytes, timeout: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._requests.request(subject, body, timeout)

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
        return await self._inspection.members()

    async def group_names(self) -> Mapping[str, str]:
        return await groups.names(self._client)

    async def rename_group(self, old: str, new: str) -> None:
        await groups.rename(self._client, old, new)

    async def remove_group(self, group: str, subjects: Sequence[str]) -> None:
        await groups.remove(self._client, group, subjects)

    async def ping(self, timeout: float) -> None:
        await self._publisher.ping(timeout)
