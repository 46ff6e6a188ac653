"""The channel for what is not stored: broadcasts, requests and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pamqp import commands
from pamqp.base import Frame

from dovetail.network.protocol import ConnectionLost
from dovetail.transports.rabbitmq.attachments import Attachments
from dovetail.transports.rabbitmq.channel import INTERNAL_ERROR, Channel, ChannelClosed
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.handshake import numbers_of
from dovetail.transports.rabbitmq.publisher import Publisher
from dovetail.transports.rabbitmq.wire import Wire

#: RabbitMQ's name for "to the channel that asked".
REPLY_TO = "amq.rabbitmq.reply-to"
#: The feature that RabbitMQ 4 can be told to refuse, and refuses by itself from 4.3 on.
_NO_TRANSIENT = "transient_nonexcl_queues"


class LiveChannel:
    """Of one process. It is made again on each new connection, and where the server has closed it."""

    def __init__(self, client: Client, publisher: Publisher) -> None:
        self._client = client
        self._learn_size = publisher.learn_size
        self.check_size = publisher.check_size
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()
        #: Told of answers to what was published here, and of what no queue takes.
        self.on_answer: Callable[[Content], None] = lambda content: None
        self.on_return: Callable[[Content], None] = lambda content: None
        client.on_connected.append(self._open)
        self.attached = Attachments(client).attached

    @property
    def refuses_transient(self) -> bool:
        """Whether the server, unless told otherwise, lets nobody share a queue that goes with its node."""
        return numbers_of(self._client.version) >= (4, 3)

    async def _open(self, wire: Wire) -> None:
        channel = await Channel.open(wire)
        channel.on_return = self.on_return
        channel.on_end = lambda: self._learn_size(channel.error)
        await channel.consume(REPLY_TO, self.on_answer, no_ack=True)
        self._channel = channel

    async def publish(
        self, exchange: str, key: str, properties: Properties, body: bytes, deadline: float
    ) -> None:
        """At most once. It must reach a queue where it is to be answered."""
        try:
            async with asyncio.timeout_at(deadline):
                wire = await self._client.ready()
                await wire.writable()
                channel = await self._ready(wire)
        except TimeoutError as error:
            raise self._client.unavailable() from error
        except (ConnectionLost, ChannelClosed) as error:
            raise self._client.unavailable(str(error)) from error
        mandatory = properties.reply_to is not None
        channel.publish_live(exchange, key, properties, body, mandatory=mandatory)

    async def _ready(self, wire: Wire) -> Channel:
        while (channel := self._channel) is None or channel.error is not None:
            async with self._opening:
                if self._channel is channel:
                    await self._open(wire)
        return channel


async def own_queue(
    channel: Channel, exchange: str, key: str, taker: Callable[[Content], None]
) -> None:
    """A queue that is gone with the connection, and is read by us alone."""
    declare = commands.Queue.Declare(queue="", exclusive=True, auto_delete=True)
    await consume_bound(channel, declare, exchange, key, taker)


class SharedQueue:
    """A queue that several read; it is gone with the last of them.

    It is transient unless the server refuses that: a durable one cannot be had, nor made elsewhere, while the
    node that it began on is down.
    """

    def __init__(self, name: str, *, durable: bool) -> None:
        self._name = name
        self._durable = durable

    async def consume(
        self, channel: Channel, exchange: str, key: str, taker: Callable[[Content], None]
    ) -> None:
        """Have what is sent with this key handed to `taker`, or to another one who reads it."""
        declare = commands.Queue.Declare(queue=self._name, durable=self._durable, auto_delete=True)
        try:
            await consume_bound(channel, declare, exchange, key, taker)
        except ConnectionLost as error:
            if _NO_TRANSIENT in str(error):  # so the server refuses it; the next connection has it
                self._durable = True
            raise
        except ChannelClosed as error:
            if not self._is_of_another_kind(error):
                raise
            self._durable = not self._durable
            raise ChannelClosed(INTERNAL_ERROR, error.text) from error  # on another channel

    def _is_of_another_kind(self, error: ChannelClosed) -> bool:
        """Whether a member of another version has made it."""
        other = error.inequivalent
        return other is not None and other.argument == "durable"


async def consume_bound(
    channel: Channel, declare: Frame, exchange: str, key: str, taker: Callable[[Content], None]
) -> None:
    """Bound last: a queue that never had a consumer would stay when we are cancelled, and take what comes."""
    declared = await channel.call(declare)
    try:
        await channel.consume(declared.queue, taker, no_ack=True)
    except ChannelClosed as error:
        if not error.is_missing:
            raise
        # The last who answered has just left, and the queue with it: begin anew, on another channel.
        raise ChannelClosed(INTERNAL_ERROR, error.text) from error
    await channel.call(
        commands.Queue.Bind(queue=declared.queue, exchange=exchange, routing_key=key)
    )
