"""Reading what is stored: status, and messages that wait."""

from __future__ import annotations

import asyncio
from collections import deque
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
from dovetail.transports.rabbitmq.channel import LARGEST_PREFETCH, Channel
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
_LOOKS_BACK = (1_000, 10_000, 100_000)


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
        sizes = {entry: _Sizes.of(entry, before, after) for entry in entries}
        first = await _first_waiting(wire, {entry: one.ready for entry, one in sizes.items()})
        rows = []
        for entry, one in sizes.items():
            held = [holding for holding in holdings if holding.queue == entry.queue]
            rows.append(await self._row(wire, entry, one, held, first.get(entry)))
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
        sizes: _Sizes,
        holdings: Sequence[Holding],
        first: _Place | None,
    ) -> GroupStatus:
        times = [one.oldest for one in holdings if one.oldest]
        if first:
            times.append(first.published)
        if sizes.delayed:
            times += [one.published for one in await _delayed(wire, entry, 1)]
        oldest = min(filter(None, times), default=None)
        return GroupStatus(
            group=entry.group,
            subject=entry.subject,
            kind=entry.kind,
            waiting=sizes.ready,
            in_hand=sizes.delayed + sum(one.count for one in holdings),
            dead=sizes.dead,
            oldest=datetime.fromtimestamp(oldest, UTC) if oldest else None,
        )

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
        if first := (await _first_waiting(wire, {entry: counts[entry.queue]})).get(entry):
            found += await _oldest(wire, most, lambda one: _belongs(one, entry), first)
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


class _Place(NamedTuple):
    """Where a message lies."""

    stream: str
    offset: int
    #: Seconds of Unix time; 0 where it is not known.
    published: float


async def _first_waiting(wire: Wire, ready: Mapping[Entry, int]) -> dict[Entry, _Place]:
    """Of the newest `ready` messages of each claim the first: what its queue holds, as it is in order."""
    found: dict[Entry, _Place] = {}
    left = {entry: count for entry, count in ready.items() if count}
    for back in (*_LOOKS_BACK, 0):
        if not left or 0 < back < min(left.values()):
            continue
        places = {entry: deque[_Place](maxlen=count) for entry, count in left.items()}
        for stream in (UNCLAIMED, HISTORY):
            async for part in streams.scan(wire, stream, -back):
                _sort(part, stream, places)
        for entry, one in places.items():
            if one and (len(one) == left[entry] or not back):
                found[entry] = one[0]
                del left[entry]
    return found


def _sort(part: Sequence[Content], stream: str, places: Mapping[Entry, deque[_Place]]) -> None:
    for one in part:
        place = _Place(stream, streams.offset_of(one), members.published(one))
        for entry, of_entry in places.items():
            if _belongs(one, entry):
                of_entry.append(place)


async def _oldest(
    wire: Wire, most: int, wanted: Callable[[Content], bool], first: _Place | None = None
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
