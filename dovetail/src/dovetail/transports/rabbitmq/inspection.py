"""Reading what is stored: status, messages that wait, and members."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from pamqp import commands
from pamqp.base import Frame

from dovetail.codec.envelope import Received, received
from dovetail.status import GroupStatus, Members, QueueStatus
from dovetail.transports.rabbitmq import claims, limits, members, streams, waiting
from dovetail.transports.rabbitmq.backlog import BacklogSearch, Position
from dovetail.transports.rabbitmq.claims import RegisteredClaim, is_event
from dovetail.transports.rabbitmq.client import Client, NoSuchQueue
from dovetail.transports.rabbitmq.members import MemberState, Question, WaitingMessage
from dovetail.transports.rabbitmq.requests import Requests
from dovetail.transports.rabbitmq.topology import HISTORY, UNCLAIMED, dead_of, delay_of, queue_of
from dovetail.transports.rabbitmq.wire import Wire


class Inspection:
    """Answers questions about what is stored; changes nothing."""

    def __init__(self, client: Client, requests: Requests) -> None:
        self._client = client
        self._requests = requests

    async def status(self) -> QueueStatus:
        """Of the whole queue, and of each claim."""
        return await self._client.with_wire(self._status)

    async def _status(self, wire: Wire) -> QueueStatus:
        client, deadline = self._client, asyncio.get_running_loop().time() + limits.STATUS_SECONDS
        registered = list((await claims.read(wire)).values())
        # A message moves from the queue to a member, and back by a delay: counted before and after, it is
        # counted once at least.
        before = await self._counts(registered)
        states, ends = await asyncio.gather(
            self._ask(Question()), streams.ends(wire, UNCLAIMED, HISTORY)
        )
        after = await self._counts(registered)
        counts = {claim: _Counts.of(claim, before, after) for claim in registered}
        ready = {claim: one.ready for claim, one in counts.items()}
        first, delayed = await asyncio.gather(
            BacklogSearch(wire, ends, deadline).first_waiting(ready),
            _oldest_delayed(wire, counts, deadline),
        )
        rows = [
            _row(
                claim,
                one,
                [state for state in states if state.queue == claim.queue],
                [first.get(claim), delayed.get(claim)],
            )
            for claim, one in counts.items()
        ]
        return QueueStatus(
            transport="rabbitmq",
            address=client.address.shown,
            server=f"rabbitmq-server {client.version}",
            messages=_stored(ends, registered),
            bytes=None,
            limit_bytes=None,
            dead_letters=sum(row.dead for row in rows),
            groups=rows,
            estimated=any(row.estimates for row in rows),
        )

    async def _counts(self, registered: Sequence[RegisteredClaim]) -> dict[str, int]:
        """How many messages wait in each queue of these."""
        names: list[str] = []
        for claim in registered:
            names += [claim.queue, *(delay_of(claim.queue, step) for step in claim.delays)]
            names += [dead_of(claim.queue)] if claim.dead else []
        declares = [commands.Queue.Declare(queue=name, passive=True) for name in names]
        try:
            replies = await self._client.ask(*declares)
        except NoSuchQueue:  # one of them is not there yet, or not any more
            replies = await asyncio.gather(*map(self._found, declares))
        return {name: reply.message_count for name, reply in zip(names, replies, strict=True)}

    async def _found(self, declare: Frame) -> commands.Queue.DeclareOk:
        """What is there; as if it was empty where there is no such queue."""
        try:
            [reply] = await self._client.ask(declare)
        except NoSuchQueue:
            return commands.Queue.DeclareOk(queue="", message_count=0, consumer_count=0)
        assert isinstance(reply, commands.Queue.DeclareOk)
        return reply

    async def _ask(self, question: Question) -> Sequence[MemberState]:
        return await members.ask(self._client, self._requests, question)

    async def waiting(self, subject: str, group: str, most: int) -> Sequence[Received]:
        """The first messages that a group has yet to handle, or would begin with."""

        async def find(wire: Wire) -> list[WaitingMessage]:
            claim = (await claims.read(wire)).get(queue_of(group, subject))
            if claim is None:
                return await waiting.in_streams(wire, most, lambda one: is_event(one, subject))
            return await self._unhandled(wire, claim, most)

        found = await self._client.with_wire(find)
        return [received(one.subject, one.body, one.headers) for one in found[:most]]

    async def _unhandled(
        self, wire: Wire, claim: RegisteredClaim, most: int
    ) -> list[WaitingMessage]:
        counts = await self._counts([claim])
        states = await self._ask(Question(claim.queue, most))
        found = [message for one in states for message in one.messages]
        if any(counts[delay_of(claim.queue, step)] for step in claim.delays):
            found += await waiting.delayed(wire, claim, most)
        if ready := counts[claim.queue]:
            ends = await streams.ends(wire, UNCLAIMED, HISTORY)
            positions = await BacklogSearch(wire, ends).first_waiting({claim: ready})
            if first := positions.get(claim):
                found += await waiting.in_streams(wire, most, claim.takes, first)
        return sorted(found, key=lambda one: one.published)

    async def members(self) -> Sequence[Members]:
        """How many members each claim has."""
        registered = await self._client.with_wire(claims.read)
        answered = Counter(one.queue for one in await self._ask(Question()))
        return [
            Members(
                group=one.group,
                subject=one.subject,
                kind=one.kind,
                running=answered[one.queue] or await self._consumers(one.queue),
            )
            for one in registered.values()
        ]

    async def _consumers(self, queue: str) -> int:
        """How many there are, where no member answered: none is asked while the server is full."""
        found = await self._found(commands.Queue.Declare(queue=queue, passive=True))
        return found.consumer_count or 0


class _Counts(NamedTuple):
    """How many messages a claim's queues have."""

    ready: int
    delayed: int
    dead: int

    @classmethod
    def of(cls, claim: RegisteredClaim, *counts: Mapping[str, int]) -> _Counts:
        """The most that some counts have found."""
        return cls(
            max(one[claim.queue] for one in counts),
            max(sum(one[delay_of(claim.queue, step)] for step in claim.delays) for one in counts),
            counts[-1][dead_of(claim.queue)] if claim.dead else 0,
        )


def _row(
    claim: RegisteredClaim,
    sizes: _Counts,
    states: Sequence[MemberState],
    positions: Sequence[Position | None],
) -> GroupStatus:
    known = [one for one in positions if one]
    times = [*(one.oldest for one in states), *(one.published for one in known)]
    oldest = min(filter(None, times), default=None)
    return GroupStatus(
        group=claim.group,
        subject=claim.subject,
        kind=claim.kind,
        waiting=sizes.ready,
        in_hand=sizes.delayed + sum(one.count for one in states),
        dead=sizes.dead,
        oldest=datetime.fromtimestamp(oldest, UTC) if oldest else None,
        estimates=("oldest",) if any(one.estimated for one in known) else (),
    )


async def _oldest_delayed(
    wire: Wire, counts: Mapping[RegisteredClaim, _Counts], deadline: float
) -> dict[RegisteredClaim, Position]:
    """The first of what waits for its next attempt, for each claim; not known where that takes too long."""

    async def look(claim: RegisteredClaim) -> Position:
        try:
            async with asyncio.timeout_at(deadline):
                found = await waiting.delayed(wire, claim, 1)
        except TimeoutError:
            return Position("", 0, 0.0, estimated=True)
        return Position("", 0, min((one.published for one in found), default=0.0))

    registered = [claim for claim, one in counts.items() if one.delayed]
    return dict(zip(registered, await asyncio.gather(*map(look, registered)), strict=True))


def _stored(ends: Mapping[str, range], registered: Sequence[RegisteredClaim]) -> int:
    """How many messages the streams have, but for our marks."""
    marks, stored = sum(one.marked for one in registered), 0
    for stream in (UNCLAIMED, HISTORY) if registered else (UNCLAIMED,):
        there = ends[stream]
        stored += len(there) if there.start else max(0, len(there) - marks)
    return stored
