"""RabbitMQ as a transport."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from dovetail.delivery import Claim, Outgoing
from dovetail.envelope import Received
from dovetail.errors import Unsupported
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.members import Members
from dovetail.options import QueueOptions
from dovetail.status import QueueStatus
from dovetail.transport import Answerer, Done, Mend, Subscription
from dovetail.transports.rabbitmq import founding, members
from dovetail.transports.rabbitmq.address import Address
from dovetail.transports.rabbitmq.channel import Channel, ChannelClosed
from dovetail.transports.rabbitmq.claimed import ClaimedQueues
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.groups import Groups
from dovetail.transports.rabbitmq.layout import history, topology
from dovetail.transports.rabbitmq.letterbox import Letterbox
from dovetail.transports.rabbitmq.live import Live
from dovetail.transports.rabbitmq.overview import Overview
from dovetail.transports.rabbitmq.publisher import Publisher
from dovetail.transports.rabbitmq.subscription import RabbitSubscription
from dovetail.transports.rabbitmq.wire import Wire

log = logging.getLogger("dovetail.rabbitmq")

#: A founding group may have much history to copy.
CLAIM_SECONDS = 600.0
#: The server takes a connection for dead after two heartbeats without a sign of life.
HEARTBEATS = range(1, 60)
#: What the server says of a history that is kept for another time than we would have it.
_OTHER_AGE = re.compile(r"'x-max-age'.* current is (?:none|(?:the value )?'(\w+)')")


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
        self._publisher = Publisher(Client(address, options, quiet=True), self._provision)
        self._live = Live(self._client, options.source, self._publisher)
        self._letterbox = Letterbox(self._client, self._publisher)
        self._overview = Overview(self._client, self._live)
        self._groups = Groups(self._client, self._live)
        self._answering: set[asyncio.Task[None]] = set()
        self._client.on_connected += [self._prepare, self._live.attach]

    @property
    def connected(self) -> bool:
        """As Transport.connected."""
        return self._client.connected and self._publisher.connected

    async def open(self) -> None:
        """As Transport.open."""
        await self._client.open()

    async def _prepare(self, wire: Wire) -> None:
        channel = await Channel.open(wire)
        await self._provision(channel)
        await channel.close()

    async def _provision(self, channel: Channel) -> None:
        """What is there already is left as it is."""
        await self._provision_history(channel.wire)
        await asyncio.gather(*map(channel.ask, topology(self._options)))

    async def _provision_history(self, wire: Wire) -> None:
        """Whoever comes first says for how long it is kept."""
        channel = await Channel.open(wire)
        try:
            await channel.call(history(self._options))
        except ChannelClosed as error:
            if (other := _OTHER_AGE.search(error.text)) is None:
                raise
            age = other[1] or ""
            log.info("the history is kept for %s, as whoever made it wanted", age or "ever")
            channel = await Channel.open(wire)
            await channel.call(history(self._options, age))  # the rest is as it should be
        finally:
            await channel.close()

    async def close(self) -> None:
        """As Transport.close."""
        await self._publisher.close()
        await self._client.close()

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        """As Transport.publish."""
        await self._publisher.publish(messages, timeout)

    async def broadcast(self, subject: str, body: bytes) -> None:
        """As Transport.broadcast."""
        await self._live.broadcast(subject, body, self._options.timeout)

    def listen(
        self, pattern: str, missed: Callable[[], None] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Received]]:
        """As Transport.listen."""
        return self._live.listen(pattern, missed)

    async def claim(self, claim: Claim) -> Subscription:
        """As Transport.claim."""

        async def found(wire: Wire) -> None:
            await founding.claim(wire, claim, self._options)

        deadline = asyncio.get_running_loop().time() + CLAIM_SECONDS
        await self._client.with_wire(found, deadline=deadline)
        heartbeat = min(max(int(claim.lease / 2), HEARTBEATS.start), HEARTBEATS.stop)
        connection = Client(self._address, self._options, quiet=True, heartbeat=heartbeat)
        queues = ClaimedQueues(self._client, self._publisher, self._options, claim)

        async def on_channel(channel: Channel) -> None:
            await self._provision(channel)
            await founding.provision(channel, claim, self._options)
            await members.attend(channel, queues.name, subscription.in_flight, self._answer)

        subscription = RabbitSubscription(connection, queues, claim, on_channel)
        connection.start()
        return subscription

    def _answer(self, question: Content, body: bytes) -> None:
        """On the connection for the rest: one that publishes is not heard while the server is full."""
        task = asyncio.get_running_loop().create_task(self._live.answer(question, body))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

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
