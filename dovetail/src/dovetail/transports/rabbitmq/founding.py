"""Founding a group: its queue, and what was published before it was there."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence

from pamqp import commands

from dovetail.delivery import Claim
from dovetail.errors import CommandClaimed
from dovetail.options import QueueOptions
from dovetail.subjects import matches
from dovetail.transports.rabbitmq import registry, streams
from dovetail.transports.rabbitmq.channel import Batch, Channel
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.layout import (
    COMMANDS,
    GROUPS,
    HISTORY,
    OFFSET,
    SUBJECT,
    UNCLAIMED,
    exchange,
    key_of,
    queue_of,
    quorum_queue,
)
from dovetail.transports.rabbitmq.registry import Entries, Entry
from dovetail.transports.rabbitmq.wire import Wire

log = logging.getLogger("dovetail.rabbitmq")


async def claim(wire: Wire, wanted: Claim, options: QueueOptions) -> None:
    """Return when the claim is registered and its queue is there. Raises CommandClaimed."""
    name = queue_of(wanted.group, wanted.subject)
    entry = (await registry.read(wire)).get(name)
    if entry is None:
        entry = (await registry.change(wire, lambda entries: _register(entries, wanted)))[name]
    if entry.founded:
        return
    async with registry.lock(wire, f"{name}+lock"):
        if not (await registry.read(wire))[name].founded:
            await _found(wire, wanted, options)
            await registry.change(wire, lambda entries: _founded(entries, name))


def _register(entries: Entries, wanted: Claim) -> None:
    if wanted.kind == "command":
        for one in entries.values():
            if (one.kind, one.subject) == ("command", wanted.subject) and one.group != wanted.group:
                raise CommandClaimed(wanted.subject, one.group)
    entry = Entry(wanted.group, wanted.subject, wanted.kind)
    entries.setdefault(entry.queue, entry)


def _founded(entries: Entries, name: str) -> None:
    one = entries[name]
    entries[name] = Entry(one.group, one.subject, one.kind, True, one.delays, one.dead)


async def provision(channel: Channel, wanted: Claim, options: QueueOptions) -> None:
    """Make what is missing of a claim that was founded: an operator may have removed it."""
    await _declare(channel, wanted, options)
    await _bind(channel, wanted)


async def _declare(channel: Channel, wanted: Claim, options: QueueOptions) -> None:
    """The claim's queue, and its exchange, which feeds the queue and the history."""
    name = queue_of(wanted.group, wanted.subject)
    await asyncio.gather(
        channel.ask(quorum_queue(name, options)),
        channel.ask(exchange(name, "fanout")),
        channel.ask(commands.Queue.Bind(queue=name, exchange=name, routing_key="")),
        channel.ask(commands.Queue.Bind(queue=HISTORY, exchange=name, routing_key="")),
    )


async def _bind(channel: Channel, wanted: Claim) -> None:
    """From now on messages go to queue and history, and no longer to what nobody has claimed: in one step."""
    name = queue_of(wanted.group, wanted.subject)
    source = GROUPS if wanted.kind == "event" else COMMANDS
    key = key_of(wanted.subject)
    await channel.call(commands.Exchange.Bind(destination=name, source=source, routing_key=key))


async def _found(wire: Wire, wanted: Claim, options: QueueOptions) -> None:
    channel = await Channel.open(wire, confirms=True)
    try:
        await _declare(channel, wanted, options)
        if wanted.kind == "command" or wanted.start == "new":
            await _bind(channel, wanted)
            return
        came = await _witness(channel, wanted)
        await _bind(channel, wanted)
        count = await _copy(wire, channel, UNCLAIMED, wanted, set())
        count += await _copy(wire, channel, HISTORY, wanted, came)
    finally:
        await channel.close()
    if count:
        log.info("%s begins with %d messages on %s", wanted.group, count, wanted.subject)


async def _witness(channel: Channel, wanted: Claim) -> set[str]:
    """What will come to the claim's queue from the moment when it is bound; it is in the history as well."""
    came: set[str] = set()
    queue = f"dovetail.witness.{secrets.token_hex(8)}"
    await channel.call(commands.Queue.Declare(queue=queue, exclusive=True))
    name = queue_of(wanted.group, wanted.subject)
    await channel.call(commands.Queue.Bind(queue=queue, exchange=name, routing_key=""))
    await channel.consume(queue, lambda content: came.add(_identity(content)), no_ack=True)
    return came


async def _copy(wire: Wire, channel: Channel, stream: str, wanted: Claim, came: set[str]) -> int:
    """Copy what matches and is not there yet. Gives how many."""
    queue, count = queue_of(wanted.group, wanted.subject), 0
    async for part in streams.scan(wire, stream, "first"):
        # What is in the history has been seen by the witness before, if it went to the queue.
        await channel.call(commands.Basic.Qos(prefetch_count=0))
        wants = [
            one
            for one in part
            if one.exchange != COMMANDS
            and matches(wanted.subject, one.key)
            and _identity(one) not in came
        ]
        await _put(channel, queue, wanted.subject, wants)
        count += len(wants)
    return count


async def _put(channel: Channel, queue: str, claimed: str, contents: Sequence[Content]) -> None:
    if not contents:
        return
    batch = Batch(len(contents), asyncio.get_running_loop().create_future())
    for one in contents:
        channel.publish(batch, "", queue, moved(one, claimed), one.body)
    await batch.done


def moved(content: Content, claimed: str) -> Properties:
    """The properties of a message that is put into a claim's queue by name."""
    properties = content.properties
    headers = {name: value for name, value in (properties.headers or {}).items() if name != OFFSET}
    if content.key != claimed:
        headers[SUBJECT] = content.key
    return Properties(
        content_type=properties.content_type,
        content_encoding=properties.content_encoding,
        headers=headers or None,
        delivery_mode=2,
        message_id=properties.message_id,
        timestamp=properties.timestamp,
    )


def _identity(content: Content) -> str:
    return content.properties.message_id or f"{content.key} {hash(content.body)}"
