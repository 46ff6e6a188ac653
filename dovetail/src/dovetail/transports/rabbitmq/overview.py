"""Reading what is stored: status, and messages that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pamqp import commands
from pamqp.base import Frame

from dovetail.envelope import Received, received
from dovetail.errors import NobodyListening
from dovetail.status import GroupStatus, QueueStatus
from dovetail.transports.rabbitmq import members, registry, streams
from dovetail.transports.rabbitmq.backwards import Backwards, Place
from dovetail.transports.rabbitmq.channel import LARGEST_PREFETCH, Channel
from dovetail.transports.rabbitmq.client import Client, NoSuchQueue
from dovetail.transports.rabbitmq.entry import headers_of
from dovetail.transports.rabbitmq.founding import belongs, is_event
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.layout import (
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

#: A status is given after so long, whatever is stored; what is not known then is estimated.
LOOK_SECONDS = 1.5


class Overview:
    """Answers questions about the store; changes nothing."""

    def __init__(self, client: Client, live: Live) -> None:
        self._client = client
        self._live = live

    async def status(self) -> QueueStatus:
        """As Transport.status."""
        return await self._client.with_wire(self._status)

    async def _status(self, wire: Wire) -> QueueStatus:
        client, deadline = self._client, asyncio.get_running_loop().time() + LOOK_SECONDS
        entries = list((await registry.read(wire)).values())
        # A message moves from the queue to a member, and back by a delay: counted before and after, it is
        # counted once at least.
        before = await self._counts(entries)
        holdings, ends = await asyncio.gather(
            self._ask(Question()), streams.ends(wire, UNCLAIMED, HISTORY)
        )
        after = await self._counts(entries)
        sizes = {entry: _Sizes.of(entry, before, after) for entry in entries}
        ready = {entry: one.ready for entry, one in sizes.items()}
        first, delayed = await asyncio.gather(
            Backwards(wire, ends, deadline).first_waiting(ready),
            _oldest_delayed(wire, sizes, deadline),
        )
        held = {entry: [one for one in holdings if one.queue == entry.queue] for entry in entries}
        rows = [
            _row(entry, one, held[entry], [first.get(entry), delayed.get(entry)])
            for entry, one in sizes.items()
        ]
        return QueueStatus(
            transport="rabbitmq",
            address=client.address.shown,
            server=f"rabbitmq-server {client.version}",
            messages=_stored(ends, entries),
            bytes=None,
            limit_bytes=None,
            dead_letters=sum(row.dead for row in rows),
            groups=rows,
            estimated=any(row.estimates for row in rows),
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
            replies = await asyncio.gather(*map(self._count, declares))
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

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        """As Transport.waiting."""

        async def find(wire: Wire) -> list[Held]:
            entry = (await registry.read(wire)).get(queue_of(group, subject))
            if entry is None:
                return await _oldest(wire, most, lambda one: is_event(one, subject))
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
            ends = await streams.ends(wire, UNCLAIMED, HISTORY)
            places = await Backwards(wire, ends).first_waiting({entry: ready})
            if first := places.get(entry):
                found += await _oldest(wire, most, lambda one: belongs(one, entry), first)
        return sorted(found, key=lambda one: one.published)


class _Sizes(NamedTuple):
    """How many messages a claim's queues have."""

    ready: int
    delayed: int
    dead: int

    @classmethod
    def of(cls, entry: Entry, *counts: Mapping[str, int]) -> _Sizes:
        """The most that some counts have found."""
        return cls(
            max(one[entry.queue] for one in counts),
            max(sum(one[delay_of(entry.queue, step)] for step in entry.delays) for one in counts),
            counts[-1][dead_of(entry.queue)] if entry.dead else 0,
        )


def _row(
    entry: Entry, sizes: _Sizes, holdings: Sequence[Holding], places: Sequence[Place | None]
) -> GroupStatus:
    known = [one for one in places if one]
    times = [*(one.oldest for one in holdings), *(one.published for one in known)]
    oldest = min(filter(None, times), default=None)
    return GroupStatus(
        group=entry.group,
        subject=entry.subject,
        kind=entry.kind,
        waiting=sizes.ready,
        in_hand=sizes.delayed + sum(one.count for one in holdings),
        dead=sizes.dead,
        oldest=datetime.fromtimestamp(oldest, UTC) if oldest else None,
        estimates=("oldest",) if any(one.estimated for one in known) else (),
    )


async def _oldest_delayed(
    wire: Wire, sizes: Mapping[Entry, _Sizes], deadline: float
) -> dict[Entry, Place]:
    """The first of what waits for its next attempt, for each claim; not known where that takes too long."""

    async def look(entry: Entry) -> Place:
        try:
            async with asyncio.timeout_at(deadline):
                found = await _delayed(wire, entry, 1)
        except TimeoutError:
            return Place("", 0, 0.0, estimated=True)
        return Place("", 0, min((one.published for one in found), default=0.0))

    entries = [entry for entry, one in sizes.items() if one.delayed]
    return dict(zip(entries, await asyncio.gather(*map(look, entries)), strict=True))


async def _oldest(
    wire: Wire, most: int, wanted: Callable[[Content], bool], first: Place | None = None
) -> list[Held]:
    """The first messages that are wanted, from a place on, or those that a group would begin with."""
    found: list[Held] = []
    begun = first is None
    for stream in (UNCLAIMED, HISTORY):
        begun = begun or (first is not None and stream == first.stream)
        if not begun or len(found) >= most:
            continue
        start = first.offset if first is not None and stream == first.stream else 0
        async with aclosing(streams.scan(wire, stream, start)) as parts:
            async for part in parts:
                found += [_held(one) for one in part if wanted(one)]
                if len(found) >= most:
                    break
    return found[:most]


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
    wanted = min(most, declared.message_count, LARGEST_PREFETCH)
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


def _stored(ends: Mapping[str, range], entries: Sequence[Entry]) -> int:
    """How many messages the streams have, but for our marks."""
    marks, stored = sum(one.marked for one in entries), 0
    for stream in (UNCLAIMED, HISTORY) if entries else (UNCLAIMED,):
        there = ends[stream]
        stored += len(there) if there.start else max(0, len(there) - marks)
    return stored


def _held(content: Content, claimed: str = "") -> Held:
    table = content.headers or {}
    subject = str(table.get(SUBJECT) or claimed or content.key)
    return Held(subject, content.body, headers_of(content), members.published(content))
