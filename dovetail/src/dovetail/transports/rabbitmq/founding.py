"""Founding a group: its queue, and what was published before it was there."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence

import msgspec
from pamqp import commands

from dovetail.delivery import Claim
from dovetail.errors import CommandClaimed
from dovetail.options import QueueOptions
from dovetail.subjects import matches
from dovetail.transports.rabbitmq import registry, streams
from dovetail.transports.rabbitmq.channel import INTERNAL_ERROR, Batch, Channel, ChannelClosed
from dovetail.transports.rabbitmq.emptying import emptying, handed_over
from dovetail.transports.rabbitmq.entry import copied
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.layout import (
    COMMANDS,
    EVENTS,
    GROUPS,
    HISTORY,
    SUBJECT,
    UNCLAIMED,
    delay_of,
    exchange,
    exchange_of,
    key_of,
    queue_of,
    quorum_queue,
)
from dovetail.transports.rabbitmq.locks import lock
from dovetail.transports.rabbitmq.registry import Entries, Entry
from dovetail.transports.rabbitmq.wire import Wire

log = logging.getLogger("dovetail.rabbitmq")


async def claim(wire: Wire, wanted: Claim, options: QueueOptions) -> None:
    """Return when the claim is registered and its queue is there. Raises CommandClaimed."""
    name = queue_of(wanted.group, wanted.subject)
    if (entry := (await registry.read(wire)).get(name)) and entry.founded:
        return
    fact = Entry(wanted.group, wanted.subject, wanted.kind)
    async with lock(wire, f"{name}+lock"):
        entries = await registry.add(wire, fact)
        if name not in entries:
            raise CommandClaimed(wanted.subject, _owner(entries, wanted.subject))
        if not entries[name].founded:
            freed = entries.freed.get(wanted.subject, ()) if wanted.kind == "command" else ()
            copied = await _found(wire, wanted, options, freed)
            fact = msgspec.structs.replace(fact, founded=True, marked=copied)
            await registry.add(wire, fact)


def _owner(entries: Entries, command: str) -> str:
    [entry] = [one for one in entries.values() if (one.kind, one.subject) == ("command", command)]
    return entry.group


async def provision(channel: Channel, wanted: Claim, options: QueueOptions) -> None:
    """Make what is missing of a claim that was founded: an operator may have removed it."""
    await _declare(channel, wanted, options)
    await _bind(channel, wanted)


async def _declare(channel: Channel, wanted: Claim, options: QueueOptions) -> None:
    """The claim's queue, and its exchange, which feeds the queue and the history."""
    name = queue_of(wanted.group, wanted.subject)
    own = exchange_of(name)
    await asyncio.gather(
        channel.ask(quorum_queue(name, options)),
        channel.ask(exchange(own, "fanout")),
        channel.ask(commands.Queue.Bind(queue=name, exchange=own, routing_key="")),
        channel.ask(commands.Queue.Bind(queue=HISTORY, exchange=own, routing_key="")),
    )


async def _bind(channel: Channel, wanted: Claim) -> None:
    """From now on messages go to queue and history, and no longer to what nobody has claimed: in one step."""
    name = exchange_of(queue_of(wanted.group, wanted.subject))
    source = GROUPS if wanted.kind == "event" else COMMANDS
    key = key_of(wanted.subject)
    await channel.call(commands.Exchange.Bind(destination=name, source=source, routing_key=key))


async def _found(wire: Wire, wanted: Claim, options: QueueOptions, freed: Sequence[Entry]) -> bool:
    """Make the claim's queue, with what it is to have from before; gives whether that was of the history."""
    channel = await Channel.open(wire, confirms=True)
    try:
        await _declare(channel, wanted, options)
        former = [one for one in freed if one.queue != queue_of(wanted.group, wanted.subject)]
        if former:
            await _succeed(wire, channel, wanted, former)
            return False
        if wanted.kind == "command" or wanted.start == "new":
            await _bind(channel, wanted)
            return False
        witness = await _Witness.of(channel, wanted)
        await _bind(channel, wanted)
        count = await _copy(wire, channel, UNCLAIMED, wanted, None)
        count += await _copy(wire, channel, HISTORY, wanted, witness)
    finally:
        await channel.close()
    if count:
        log.info("%s begins with %d messages on %s", wanted.group, count, wanted.subject)
    return True


async def _succeed(wire: Wire, channel: Channel, wanted: Claim, former: Sequence[Entry]) -> None:
    """Take the command over, with what waits for it, from groups that were removed."""
    witness = await _Witness.of(channel, wanted)
    await _bind(channel, wanted)  # for a moment, both get what is sent
    for entry in former:
        unbind = commands.Exchange.Unbind(
            destination=exchange_of(entry.queue), source=COMMANDS, routing_key=entry.subject
        )
        await channel.call(unbind)
        queues = [*(delay_of(entry.queue, step) for step in entry.delays), entry.queue]
        for queue in queues:
            async for part in emptying(wire, queue):
                unseen = [handed_over(one) for one in await witness.unseen(part)]
                await _store(channel, queue_of(wanted.group, wanted.subject), unseen)
        for queue in queues:
            await channel.call(commands.Queue.Delete(queue=queue))
        await channel.call(commands.Exchange.Delete(exchange=exchange_of(entry.queue)))


class _Witness:
    """What comes to the claim's queue from the moment when it is bound; it is in the history as well."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._queue = f"dovetail.witness.{secrets.token_hex(8)}"
        self._came: set[str] = set()
        self._more = asyncio.Event()
        channel.on_end = self._more.set

    @classmethod
    async def of(cls, channel: Channel, wanted: Claim) -> _Witness:
        """From now on."""
        self = cls(channel)
        name = exchange_of(queue_of(wanted.group, wanted.subject))
        # It goes with its consumer: the connection stays, and nobody would empty it.
        await channel.call(
            commands.Queue.Declare(queue=self._queue, exclusive=True, auto_delete=True)
        )
        await channel.call(commands.Queue.Bind(queue=self._queue, exchange=name, routing_key=""))
        await channel.consume(self._queue, self._take, no_ack=True)
        return self

    def _take(self, content: Content) -> None:
        self._came.add(_identity(content))
        self._more.set()

    async def unseen(self, contents: Sequence[Content]) -> list[Content]:
        """Those that have not come to the claim's queue."""
        # What the history has now has come here before what is put here now.
        batch = Batch(1, asyncio.get_running_loop().create_future())
        mark = secrets.token_hex(8)
        self._channel.publish(batch, "", self._queue, Properties(message_id=mark), b"")
        while mark not in self._came:
            if self._channel.error is not None:
                raise self._channel.error
            self._more.clear()
            await self._more.wait()
        return [one for one in contents if _identity(one) not in self._came]


async def _copy(
    wire: Wire, channel: Channel, stream: str, wanted: Claim, witness: _Witness | None
) -> int:
    """Copy what matches and is not there yet. Gives how many."""
    queue, count = queue_of(wanted.group, wanted.subject), 0
    mark = await streams.append(wire, stream)
    async for part in streams.up_to(wire, stream, mark):
        wants = [one for one in part if is_event(one, wanted.subject)]
        if witness is not None and wants:
            wants = await witness.unseen(wants)
        await _put(channel, queue, wanted.subject, wants)
        count += len(wants)
    return count


def belongs(content: Content, entry: Entry) -> bool:
    """Whether what lies in a stream was for such a claim."""
    if entry.kind == "event":
        return is_event(content, entry.subject)
    return content.exchange == COMMANDS and content.key == entry.subject


def is_event(content: Content, pattern: str) -> bool:
    """Whether it is an event on such a subject, of those that lie in a stream."""
    return content.exchange == EVENTS and matches(pattern, content.key)


async def _put(channel: Channel, queue: str, claimed: str, contents: Sequence[Content]) -> None:
    await _store(channel, queue, [(moved(one, claimed), one.body) for one in contents])


async def _store(
    channel: Channel, queue: str, messages: Sequence[tuple[Properties, bytes]]
) -> None:
    if not messages:
        return
    batch = Batch(len(messages), asyncio.get_running_loop().create_future())
    for properties, body in messages:
        channel.publish(batch, "", queue, properties, body)
    await batch.done
    if batch.refused:  # begin anew, on another channel
        raise ChannelClosed(INTERNAL_ERROR, f"the queue {queue!r} has no leader")


def moved(content: Content, claimed: str) -> Properties:
    """The properties of a message that is put into a claim's queue by name."""
    return copied(content, {SUBJECT: content.key} if content.key != claimed else {})


def _identity(content: Content) -> str:
    return content.properties.message_id or f"{content.key} {hash(content.body)}"
