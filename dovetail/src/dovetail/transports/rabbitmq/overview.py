"""Reading what is stored: status, and messages that wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from pamqp import commands
from pamqp.base import Frame

from dovetail.envelope import Received, received
from dovetail.errors import NobodyListening
from dovetail.status import GroupStatus, QueueStatus
from dovetail.transports.rabbitmq import members, registry, streams
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.client import Client, NoSuchQueue
from dovetail.transports.rabbitmq.entry import headers_of
from dovetail.transports.rabbitmq.founding import is_event
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.layout import (
    COMMANDS,
    HISTORY,
    SUBJECT,
    UNCLAIMED,
    dead_of,
    delay_of,
    queue_of,
)
from dovetail.transports.rabbitmq.live import Live
from dovetail.transports.rabbitmq.members import Held, Holding, Question
from dovetail.transports.rabbitmq.registry import Entry
from dovetail.transports.rabbitmq.wire import Wire

#: How many messages back the history is searched for what waits; further each time, and then all of it.
_LOOKS_BACK = (1_000, 10_000, 100_000, None)


class Overview:
    """Answers questions about the store; changes nothing."""

    def __init__(self, client: Client, live: Live) -> None:
        self._client = client
        self._live = live

    async def status(self) -> QueueStatus:
        """As Transport.status."""
        return await self._client.with_wire(self._status)

    async def _status(self, wire: Wire) -> QueueStatus:
        client = self._client
        entries = list((await registry.read(wire)).values())
        # A message moves from the queue to a member, and back by a delay: counted before and after, it is
        # counted once at least.
        before = await self._counts(entries)
        holdings = await self._ask(Question())
        after = await self._counts(entries)
        rows = [
            await self._row(
                wire,
                entry,
                max(before[entry.queue], after[entry.queue]),
                max(
                    sum(before[delay_of(entry.queue, step)] for step in entry.delays),
                    sum(after[delay_of(entry.queue, step)] for step in entry.delays),
                ),
                [one for one in holdings if one.queue == entry.queue],
                after[dead_of(entry.queue)] if entry.dead else 0,
            )
            for entry in entries
        ]
        return QueueStatus(
            transport="rabbitmq",
            address=client.address.shown,
            server=f"rabbitmq-server {client.version}",
            messages=await _stored(wire, entries),
            bytes=None,
            limit_bytes=None,
            dead_letters=sum(row.dead for row in rows),
            groups=rows,
        )

    async def _counts(self, entries: Sequence[Entry]) -> dict[str, int]:
        """How many messages wait in each queue of these."""
        names: list[str] = []
        for entry in entries:
            names += [entry.queue, *(delay_of(entry.queue, step) for step in entry.delays)]
            names += [dead_of(entry.queue)] if entry.dead else []
        declares = [commands.Queue.Declare(queue=name, passive=True) for name in names]
        try:
            replies = await self._client.ask(*declares)
        except NoSuchQueue:  # one of them is not there yet, or not any more
            replies = [await self._count(declare) for declare in declares]
        return {name: reply.message_count for name, reply in zip(names, replies, strict=True)}

    async def _count(self, declare: Frame) -> Any:
        try:
            [reply] = await self._client.ask(declare)
        except NoSuchQueue:
            return commands.Queue.DeclareOk(queue="", message_count=0, consumer_count=0)
        return reply

    async def _ask(self, question: Question) -> Sequence[Holding]:
        try:
            return await members.ask(self._client, self._live, question)
        except NobodyListening:  # the last of them has just gone
            return []

    async def _row(
        self,
        wire: Wire,
        entry: Entry,
        waiting: int,
        delayed: int,
        holdings: Sequence[Holding],
        dead: int,
    ) -> GroupStatus:
        times = [one.oldest for one in holdings if one.oldest]
        if waiting:
            times += [one.published for one in await _newest(wire, entry, waiting, 1)]
        if delayed:
            times += [one.published for one in await _delayed(wire, entry, 1)]
        oldest = min(filter(None, times), default=None)
        return GroupStatus(
            group=entry.group,
            subject=entry.subject,
            kind=entry.kind,
            waiting=waiting,
            in_hand=delayed + sum(one.count for one in holdings),
            dead=dead,
            oldest=datetime.fromtimestamp(oldest, UTC) if oldest else None,
        )

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        """As Transport.waiting."""

        async def find(wire: Wire) -> list[Held]:
            entry = (await registry.read(wire)).get(queue_of(group, subject))
            if entry is None:
                return await _oldest(wire, subject, most)
            return await self._unhandled(wire, entry, most)

        found = await self._client.with_wire(find)
        return [received(one.subject, one.body, one.headers) for one in found[:most]]

    async def _unhandled(self, wire: Wire, entry: Entry, most: int) -> list[Held]:
        counts = await self._counts([entry])
        holdings = await self._ask(Question(entry.queue, most))
        found = [held for one in holdings for held in one.held]
        if any(counts[delay_of(entry.queue, step)] for step in entry.delays):
            found += await _delayed(wire, entry, most)
        if ready := counts[entry.queue]:
            found += await _newest(wire, entry, ready, most)
        return sorted(found, key=lambda one: one.published)


async def _oldest(wire: Wire, subject: str, most: int) -> list[Held]:
    """The first messages that a group would begin with."""
    found: list[Held] = []
    for stream in (UNCLAIMED, HISTORY):
        async with aclosing(streams.scan(wire, stream)) as parts:
            async for part in parts:
                found += [_held(one) for one in part if is_event(one, subject)]
                if len(found) >= most:
                    break
    return found[:most]


async def _newest(wire: Wire, entry: Entry, count: int, most: int) -> list[Held]:
    """The oldest `most` of a claim's newest `count` messages: what its queue holds, as it is in order."""
    found: deque[Held] = deque(maxlen=count)
    for back in _LOOKS_BACK:
        found.clear()
        for stream in (UNCLAIMED, HISTORY):
            async for part in streams.scan(wire, stream, back):
                found.extend(_held(one) for one in part if _belongs(one, entry))
        if len(found) == count:
            break
    return list(found)[:most]


async def _delayed(wire: Wire, entry: Entry, most: int) -> list[Held]:
    """The first of what waits for its next attempt; each is away from its queue for a moment."""
    channel = await Channel.open(wire)
    found: list[Held] = []
    try:
        for step in entry.delays:
            found += await _peek(channel, delay_of(entry.queue, step), entry.subject, most)
    finally:
        await channel.close()  # all go back
    return found


async def _peek(channel: Channel, queue: str, claimed: str, most: int) -> list[Held]:
    got: list[Content] = []
    declared = await channel.call(commands.Queue.Declare(queue=queue, passive=True))
    wanted = min(most, declared.message_count)
    enough = asyncio.Event()

    def take(content: Content) -> None:
        got.append(content)
        if len(got) >= wanted:
            enough.set()

    if wanted:
        consumer = await channel.consume(queue, take, prefetch=wanted)
        try:
            async with asyncio.timeout(members.ANSWER_SECONDS):
                await enough.wait()
        except TimeoutError:  # they went back to be handled
            pass
        await channel.cancel(consumer)
    return [_held(one, claimed) for one in got]


async def _stored(wire: Wire, entries: Sequence[Entry]) -> int:
    """How many messages the streams have, but for our marks."""
    marks, stored = sum(one.marked for one in entries), 0
    for stream in (UNCLAIMED, HISTORY) if entries else (UNCLAIMED,):
        first, count = await streams.size(wire, stream)
        stored += count if first else max(0, count - marks)
    return stored


def _held(content: Content, claimed: str = "") -> Held:
    table = content.headers or {}
    subject = str(table.get(SUBJECT) or claimed or content.key)
    return Held(subject, content.body, headers_of(content), members.published(content))


def _belongs(content: Content, entry: Entry) -> bool:
    if entry.kind == "event":
        return is_event(content, entry.subject)
    return content.exchange == COMMANDS and content.key == entry.subject
