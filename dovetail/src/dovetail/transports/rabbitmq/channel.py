"""One channel of a connection: methods and their replies, deliveries, and publisher confirms."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from pamqp import commands
from pamqp.base import Frame

from dovetail.network.protocol import ConnectionLost
from dovetail.transports.rabbitmq import frames, limits
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.wire import Wire

#: Why the server closes a channel, by AMQP: the last is for what it could not do just now.
ACCESS_REFUSED, NOT_FOUND, LOCKED, PRECONDITION_FAILED, INTERNAL_ERROR = 403, 404, 405, 406, 541
#: What the server says while a queue's leader is being elected, or its node comes back.
_PASSING_CODES = (LOCKED, INTERNAL_ERROR)
_PASSING_WORDS = (
    "timeout",
    "no leader",
    "is down or inaccessible",
    "noproc",
    "does not have a replica",
)
_INEQUIVALENT = re.compile(
    r"inequivalent arg '([\w-]+)' for (\w+ '[^']*').*"
    r" received (?:none|(?:the value )?'(\w*)').* current is (?:none|(?:the value )?'(\w*)')"
)

Arguments = Mapping[str, Any]
OnContent = Callable[[Content], None]


class Inequivalent(NamedTuple):
    """What was declared otherwise than it is. A value is None where the argument is not given."""

    argument: str
    #: What it is an argument of, as the server names it.
    of: str
    declared: str | None
    current: str | None


class ChannelClosed(Exception):
    """The server closed the channel because of what was asked on it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text

    @property
    def passes(self) -> bool:
        """Whether it is worth trying again: a leader is just being elected, or somebody has it locked."""
        return self.code in _PASSING_CODES or any(words in self.text for words in _PASSING_WORDS)

    @property
    def inequivalent(self) -> Inequivalent | None:
        """What is there already with another argument, where that is why."""
        found = _INEQUIVALENT.search(self.text)
        return Inequivalent(*found.groups()) if found else None

    @property
    def is_missing(self) -> bool:
        """Whether there is no queue of the name; one whose node is down is there."""
        return self.code == NOT_FOUND and "no queue" in self.text


class Batch:
    """Messages that one caller published, and what became of them."""

    __slots__ = ("_left", "done", "refusals", "returned")

    def __init__(self, size: int, done: asyncio.Future[None]) -> None:
        self._left = size
        #: Done when the server has said of all of them what became of them.
        self.done = done
        #: Ids of those that a queue refused, and of those that nobody takes.
        self.refusals: list[str] = []
        self.returned: list[str] = []

    @property
    def refused(self) -> bool:
        """Whether a queue took no more, or has lost its leader before the channel published to it first; on
        this channel it may then take nothing ever again."""
        return bool(self.refusals)

    def settled(self) -> None:
        """One of them was."""
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(None)


class Channel:
    """Open it by `await Channel.open(wire)`. Methods that wait raise ChannelClosed or ConnectionLost."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._number = wire.attach(self)
        self._loop = asyncio.get_running_loop()
        #: Who waits for which reply. The server sends some of them when it has time, or never where the
        #: channel is closed before.
        self._replies: list[tuple[Sequence[str], asyncio.Future[Any]]] = []
        self._consumers: dict[str, OnContent] = {}
        self._tags = count(1)
        self._unconfirmed: dict[int, tuple[Batch, str]] = {}
        self._oldest = self._published = 0
        self._returned: set[str] = set()
        self._publishes: dict[tuple[str, str], bytes] = {}
        self.error: Exception | None = None
        #: Called once when the channel ends without having been closed by us.
        self.on_end: Callable[[], object] = lambda: None
        #: Called with what nobody takes.
        self.on_return: Callable[[Content], None] = lambda content: None
        #: Called when the server ends a consumer: its queue is gone, or moves.
        self.on_cancel: Callable[[str], None] = lambda consumer: None

    @classmethod
    async def open(cls, wire: Wire, *, confirms: bool = False) -> Channel:
        """A channel that is ready; with `confirms` the server confirms what is published on it."""
        channel = cls(wire)
        try:
            await channel.call(commands.Channel.Open())
            if confirms:
                await channel.call(commands.Confirm.Select())
        except BaseException:
            channel.leave()
            raise
        return channel

    # What comes

    def delivered(self, consumer: str, content: Content) -> None:
        """As OnChannel.delivered. What comes for a consumer that was cancelled goes back with the channel."""
        if taker := self._consumers.get(consumer):
            taker(content)

    def returned(self, content: Content) -> None:
        """As OnChannel.returned. The confirm follows."""
        if self._unconfirmed:
            self._returned.add(content.properties.message_id or "")
        self.on_return(content)

    def confirmed(self, number: int, multiple: bool, *, refused: bool) -> None:
        """As OnChannel.confirmed."""
        numbers = range(self._oldest + 1, number + 1) if multiple else (number,)
        for one in numbers:
            if one not in self._unconfirmed:
                continue
            batch, message = self._unconfirmed.pop(one)
            if refused:
                batch.refusals.append(message)
            if self._returned and message in self._returned:
                self._returned.discard(message)
                batch.returned.append(message)
            batch.settled()
        while self._oldest < self._published and self._oldest + 1 not in self._unconfirmed:
            self._oldest += 1

    def replied(self, command: Any) -> None:
        """As OnChannel.replied."""
        if isinstance(command, commands.Channel.Close):
            self.wire.write(frames.method(self._number, commands.Channel.CloseOk()))
            self.wire.detach(self._number)
            self._end(ChannelClosed(command.reply_code or 0, command.reply_text))
        elif isinstance(command, commands.Basic.Cancel):
            consumer = command.consumer_tag or ""
            self._consumers.pop(consumer, None)
            self.on_cancel(consumer)
        else:
            self._answered(command)

    def _answered(self, command: Frame) -> None:
        for at, (names, future) in enumerate(self._replies):
            if command.name in names:
                del self._replies[at]
                if not future.done():
                    future.set_result(command)
                break
        if isinstance(command, commands.Channel.CloseOk):
            self.wire.detach(self._number)
            self._give_up(ConnectionLost("the channel is closed"))

    def lost(self, why: str) -> None:
        """As ChannelEnd.lost."""
        self._end(ConnectionLost(why))

    def _end(self, error: Exception) -> None:
        self.error = error
        self._give_up(error)
        self.on_end()

    def _give_up(self, error: Exception) -> None:
        """Tell everyone who waits for something on this channel."""
        waiting = [
            *(future for _, future in self._replies),
            *(batch.done for batch, _ in self._unconfirmed.values()),
        ]
        self._replies.clear()
        self._unconfirmed.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(error)
                future.exception()  # whoever asked may have given up

    # Methods

    def ask(self, command: Frame) -> asyncio.Future[Any]:
        """The future of the reply."""
        future = self._loop.create_future()
        if self.error is not None:
            future.set_exception(self.error)
            future.exception()  # not everybody waits for the reply
            return future
        self.wire.write(frames.method(self._number, command))
        self._replies.append((command.valid_responses, future))
        return future

    async def call(self, command: Frame) -> Any:
        """The reply."""
        return await self.ask(command)

    async def count(self, queue: str) -> int | None:
        """How many messages wait there; None where somebody has removed the queue, with what was in it."""
        try:
            declared = await self.call(commands.Queue.Declare(queue=queue, passive=True))
        except ChannelClosed as error:
            if error.is_missing:
                return None
            raise
        return int(declared.message_count)

    async def consume(
        self,
        queue: str,
        taker: OnContent,
        *,
        prefetch: int = 0,
        no_ack: bool = False,
        arguments: Arguments | None = None,
    ) -> str:
        """Have what comes on a queue handed to `taker`; gives the consumer's tag."""
        tag = str(next(self._tags))
        self._consumers[tag] = taker
        if prefetch:
            self.ask(commands.Basic.Qos(prefetch_count=prefetch))
        await self.call(
            commands.Basic.Consume(
                queue=queue,
                consumer_tag=tag,
                no_ack=no_ack,
                arguments=dict(arguments or {}),
            )
        )
        return tag

    async def cancel(self, consumer: str) -> None:
        """Take no more by this consumer. What it has is still unsettled."""
        await self.call(commands.Basic.Cancel(consumer_tag=consumer))
        self._consumers.pop(consumer, None)

    def tell(self, command: Frame) -> None:
        """Send what is not answered."""
        if self.error is None:
            self.wire.write(frames.method(self._number, command))

    def leave(self) -> None:
        """As `close`, without waiting for the server."""
        self.tell(commands.Channel.Close(200, "", 0, 0))
        self.error = self.error or ConnectionLost("the channel is closed")

    async def close(self) -> None:
        """Close; what was delivered here and not acked goes back to its queue."""
        if self.error is not None:
            return
        closing = self.ask(commands.Channel.Close(200, "", 0, 0))
        self.error = ConnectionLost("the channel is closed")
        try:
            async with asyncio.timeout(limits.CLOSE_SECONDS):
                await closing
        except (TimeoutError, ChannelClosed, ConnectionLost):
            return  # its number stays taken until the server has answered, or with the connection

    # Publishing

    async def put(self, queue: str, messages: Sequence[tuple[Properties, bytes]]) -> Batch:
        """Put these into one queue; returns when it is known what became of them."""
        batch = Batch(len(messages), self._loop.create_future())
        for properties, body in messages:
            self.publish(batch, "", queue, properties, body)
        await batch.done
        return batch

    def publish_usual(
        self, batch: Batch, exchange: str, key: str, id: str, time: int, body: bytes
    ) -> None:
        """A persistent message that must reach a queue."""
        content = frames.usual_content(self._number, id, time, body, self.wire.frame_max)
        self._publish(batch, exchange, key, id, content)

    def publish(
        self, batch: Batch, exchange: str, key: str, properties: Properties, body: bytes
    ) -> None:
        """Any message that must reach a queue."""
        content = frames.content(self._number, properties, body, self.wire.frame_max)
        self._publish(batch, exchange, key, properties.message_id or "", content)

    def publish_live(
        self, exchange: str, key: str, properties: Properties, body: bytes, *, mandatory: bool
    ) -> None:
        """Any message, which is not confirmed."""
        publish = commands.Basic.Publish(exchange=exchange, routing_key=key, mandatory=mandatory)
        content = frames.content(self._number, properties, body, self.wire.frame_max)
        self.wire.write(frames.method(self._number, publish) + content)

    def _publish(self, batch: Batch, exchange: str, key: str, id: str, content: bytes) -> None:
        if self.error is not None:
            raise self.error
        method = self._publishes.get((exchange, key))
        if method is None:
            if len(self._publishes) >= limits.REMEMBERED_PUBLISHES:
                self._publishes.clear()
            publish = commands.Basic.Publish(exchange=exchange, routing_key=key, mandatory=True)
            method = self._publishes[exchange, key] = frames.method(self._number, publish)
        self.wire.write(method + content)
        self._published += 1
        self._unconfirmed[self._published] = batch, id
