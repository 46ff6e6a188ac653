"""Publishing: every message is confirmed, and must have reached a queue."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence

from dovetail import clock
from dovetail.codec.identifiers import new_id
from dovetail.delivery import Outgoing
from dovetail.errors import (
    ConfigurationError,
    DovetailError,
    MessageTooLarge,
    NoGroup,
    QueueError,
    QueueFull,
    QueueUnavailable,
)
from dovetail.limits import LONGEST_ID
from dovetail.network.protocol import ConnectionLost
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.channel import NOT_FOUND, Batch, Channel, ChannelClosed
from dovetail.transports.rabbitmq.client import Client, NoSuchQueue
from dovetail.transports.rabbitmq.frames import Properties
from dovetail.transports.rabbitmq.topology import COMMANDS, EVENTS
from dovetail.transports.rabbitmq.wire import Wire

#: No queue has this name.
PING = "dovetail.ping"
_TOO_LARGE = re.compile(r"larger than configured max size (\d+)")

#: Writes one caller's messages on a channel.
Write = Callable[[Channel, Batch], None]


class Publisher:
    """Publishes on a connection of its own: a server that is full does not read from those that publish."""

    def __init__(self, client: Client, provision: Callable[[Channel], Awaitable[None]]) -> None:
        self._client = client
        self._provision = provision
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()
        self.limit = limits.MESSAGE_BYTES
        #: Whether the server has said so.
        self._limit_is_told = False
        client.on_connected.append(self._connected)

    @property
    def client(self) -> Client:
        """Its connection, for who publishes in step with something else that it does there."""
        return self._client

    def check_size(self, size: int, id: str | None = None) -> None:
        """Raise MessageTooLarge for a body of so many bytes."""
        if size > self.limit:
            raise MessageTooLarge(size, self.limit, id=id, setting="max_message_size")

    def check_copy(self, size: int, id: str | None = None) -> None:
        """The same for a copy of what the server had: it takes that, unless it has said otherwise."""
        if self._limit_is_told:
            self.check_size(size, id)

    def learn_size(self, error: Exception | None) -> bool:
        """Whether this is the server's word on how large a message may be."""
        found = _TOO_LARGE.search(str(error))
        if found:
            self.limit, self._limit_is_told = int(found[1]), True
        return bool(found)

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        """As Transport.publish."""
        deadline = asyncio.get_running_loop().time() + timeout
        for part in _batches(messages):
            try:
                batch = await self._confirmed(len(part), self._writing(part), deadline)
            except DovetailError as error:
                raise _for(part[0], error) from error
            if batch.returned:
                raise _returned(part, batch.returned)

    async def put(self, queue: str, messages: Sequence[tuple[Properties, bytes]]) -> None:
        """Return when the queue has the messages, which the server had before in another one."""

        def write(channel: Channel, batch: Batch) -> None:
            for properties, body in messages:
                self.check_copy(len(body), properties.message_id)
                channel.publish(batch, "", queue, properties, body)

        deadline = asyncio.get_running_loop().time() + limits.COMMAND_SECONDS
        batch = await self._confirmed(len(messages), write, deadline)
        if batch.returned:
            raise NoSuchQueue(f"the queue {queue!r} is gone; what was to go there was not accepted")

    async def ping(self, timeout: float) -> None:
        """As Transport.ping: a message that no queue is to have is given back, and confirmed.

        The server tells of an alarm only those that publish.
        """
        client = self._client

        def write(channel: Channel, batch: Batch) -> None:
            def alarmed() -> None:
                if channel.wire.alarm and not batch.done.done():
                    batch.done.set_exception(client.full(channel.wire.alarm))

            callbacks = channel.wire.on_alarm
            callbacks.append(alarmed)
            batch.done.add_done_callback(lambda _: callbacks.remove(alarmed))
            channel.publish(batch, "", PING, Properties(message_id=new_id()), b"")

        if client.alarm:
            raise client.full(client.alarm)
        await self._confirmed(1, write, asyncio.get_running_loop().time() + timeout)

    @property
    def connected(self) -> bool:
        """Whether its connection stands, or was not needed yet."""
        return self._client.connected or not self._client.started

    async def close(self) -> None:
        """Disconnect."""
        await self._client.close()

    async def _confirmed(self, count: int, write: Write, deadline: float) -> Batch:
        """Publish, again where the connection was lost or a queue refused, until all is confirmed."""
        loop, client = asyncio.get_running_loop(), self._client
        client.start()
        why, written, pause = "", False, limits.REFUSED_SECONDS
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    batch = Batch(count, loop.create_future())
                    try:
                        channel = await self._ready()
                        write(channel, batch)
                        written = True
                        await batch.done
                    except ConnectionLost as error:
                        why = f"the connection was lost ({error})"
                        continue
                    except ChannelClosed as error:
                        if error.passes:
                            await asyncio.sleep(limits.RETRY_SECONDS)
                        else:
                            self._understand(error)
                        why = str(error)
                        continue
                    if not batch.refused:
                        return batch
                    why = "a queue takes nothing: it has no leader, or a policy limits it"
                    await channel.close()
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, limits.LONGEST_REFUSED_SECONDS)
        except TimeoutError as error:
            if written and client.alarm:
                why = f"did not confirm in time ({client.alarm}: see its {client.alarm_settings})"
                raise QueueUnavailable(f"the queue at {client.address.shown}: {why}") from error
            raise client.unavailable(why) from error

    async def _ready(self) -> Channel:
        """The channel, as soon as it may be used."""
        while True:
            wire = await self._client.ready()
            await wire.writable()
            if wire.alarm:
                await self._alarm_over(wire)
                continue
            channel = self._channel
            if channel is not None and channel.error is None:
                return channel
            async with self._opening:
                if self._channel is channel:
                    await self._connected(wire)

    async def _alarm_over(self, wire: Wire) -> None:
        over = asyncio.Event()
        wire.on_alarm.append(over.set)
        try:
            await over.wait()
        finally:
            wire.on_alarm.remove(over.set)

    async def _connected(self, wire: Wire) -> None:
        channel = await Channel.open(wire, confirms=True)
        try:
            await self._provision(channel)
        except BaseException:
            channel.leave()
            raise
        self._channel = channel

    def _understand(self, error: ChannelClosed) -> None:
        """Return where another try may succeed; else raise what the refusal means."""
        if not self.learn_size(error) and error.code != NOT_FOUND:
            raise self._client.refused(error)

    def _writing(self, messages: Sequence[Outgoing]) -> Write:
        now = clock.time_ns() // 1_000_000_000

        def write(channel: Channel, batch: Batch) -> None:
            for one in messages:
                self.check_size(len(one.body), one.id)
                if len(one.id.encode()) > LONGEST_ID:
                    raise ConfigurationError(f"the id {one.id!r} is longer than {LONGEST_ID} bytes")
            for one in messages:
                exchange = EVENTS if one.kind == "event" else COMMANDS
                channel.publish_usual(batch, exchange, one.subject, one.id, now, one.body)

        return write


def _batches(messages: Sequence[Outgoing]) -> Iterator[Sequence[Outgoing]]:
    """What is published together; the next only when these are stored, to keep the order whatever goes wrong.

    Commands come first: one of them may be refused, and then nothing is to have been accepted.
    """
    ordered = messages
    if len(messages) > 1:
        ordered = sorted(messages, key=lambda one: one.kind)  # "command" < "event"
        commands = sum(one.kind == "command" for one in ordered)
        if 0 < commands < len(ordered):
            yield ordered[:commands]
            ordered = ordered[commands:]
    for first in range(0, len(ordered), limits.PUBLISHED_AT_ONCE):
        yield ordered[first : first + limits.PUBLISHED_AT_ONCE]


def _returned(messages: Sequence[Outgoing], ids: Sequence[str]) -> DovetailError:
    [first, *_] = [one for one in messages if one.id in ids]
    if first.kind == "command":
        return NoGroup(first.subject)
    return QueueError("the server lost where events are kept; connect again", id=first.id)


def _for(message: Outgoing, error: DovetailError) -> DovetailError:
    """The error as the one who published this message is to see it."""
    if isinstance(error, QueueUnavailable):
        text = f"{error}; publishing again under the same id is harmless"
        return QueueUnavailable(text, id=message.id)
    return QueueFull(str(error), id=message.id) if isinstance(error, QueueFull) else error
