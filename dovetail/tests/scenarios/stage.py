"""What the commands of a scenario do on one queue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dovetail import (
    Context,
    DeadLetter,
    Event,
    Group,
    MessageQueue,
    NotReady,
    QueueFull,
    Worker,
    connect,
)
from dovetail.delivery import Claim, Delivery
from dovetail.operating.renamed_groups import GroupSubscription
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled, until
from dovetail.transport import Subscription

LEASE_SECONDS = 1.0
#: So long that a scenario would fail if it had to wait for the end of a lease.
LONG_SECONDS = 300.0
#: Room on the store where a scenario limits it, and what its messages take.
ROOM_BYTES, TEXT_BYTES = 200_000, 10_000


class Done(Event, frozen=True, subject="events.done"):
    """What happened, by its number."""

    number: int
    text: str = ""


class Effect(Event, frozen=True, subject="events.effect"):
    """What a handler made of it."""

    number: int


class NoAcks:
    """A subscription of somebody who is killed before anything is acked."""

    def __init__(self, inner: GroupSubscription) -> None:
        self._inner = inner
        self.place = inner.place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """The ack never leaves the process."""


class Doomed(MessageQueue):
    """The queue of a worker that is killed before its acks."""

    async def claim(self, claim: Claim) -> GroupSubscription:
        return NoAcks(await super().claim(claim))


@dataclass
class Member:
    """Takes messages and settles them as the scenario says."""

    group: str
    subscription: Subscription
    held: dict[int, Delivery] = field(default_factory=dict)


@dataclass
class Handling:
    """What a worker's handler was called with, and what holds it up."""

    stack: AsyncExitStack
    calls: Seen[tuple[int, int]] = field(default_factory=Seen)
    finished: Seen[int] = field(default_factory=Seen)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)


class Stage:
    """One scenario's queue, and who is on it."""

    def __init__(self, address: str, stack: AsyncExitStack, *, limited: bool) -> None:
        self._address = address
        self._stack = stack
        self._limit = ROOM_BYTES if limited else None
        self.queue: MessageQueue
        self.members: dict[str, Member] = {}
        self.workers: dict[str, Handling] = {}
        self.groups: list[str] = []
        self.accepted: list[int] = []
        self.database = asyncio.Event()
        self.database.set()

    async def open(self) -> None:
        """Connect whoever publishes and looks."""
        self.queue = await self._stack.enter_async_context(self._connection())

    def _connection(self) -> MessageQueue:
        return connect(self._address, limit_bytes=self._limit)

    async def publish(self, numbers: Sequence[int]) -> None:
        """Each under an id that is always the same for it."""
        for number in numbers:
            await self.queue.publish(Done(number), id=f"scenario-{number}")
            self.accepted.append(number)

    async def publish_until_refused(self) -> str:
        """Gives what the publisher is told at last."""
        while True:
            number = len(self.accepted) + 1
            try:
                await self.queue.publish(Done(number, "x" * TEXT_BYTES))
            except QueueFull as error:
                return type(error).__name__
            self.accepted.append(number)

    # Members

    async def join(self, name: str, group: str) -> None:
        """One more member, on a connection of its own."""
        queue = await self._stack.enter_async_context(self._connection())
        claim = Claim(group, "events.done", "event", "first", lease=LEASE_SECONDS, prefetch=100)
        self.members[name] = Member(group, await queue.claim(claim))
        self._know(group)

    def _know(self, group: str) -> None:
        if group not in self.groups:
            self.groups.append(group)

    async def take(self, name: str, count: int) -> list[Delivery]:
        """So many messages, as soon as they have come; in the order of their numbers."""
        member, taken = self.members[name], list[Delivery]()
        async with asyncio.timeout(LIMIT_SECONDS):
            while len(taken) < count:
                taken += await member.subscription.fetch(count - len(taken))
        member.held |= {number_of(one): one for one in taken}
        return sorted(taken, key=number_of)

    def ack(self, name: str, numbers: Sequence[int]) -> None:
        """They are handled."""
        member = self.members[name]
        member.subscription.ack([member.held.pop(one) for one in numbers])

    async def retry(self, name: str, number: int, pause: float) -> None:
        """It failed."""
        member = self.members[name]
        await member.subscription.retry(member.held.pop(number), pause)

    async def bury(self, name: str, number: int, reason: str) -> None:
        """It is given up."""
        member = self.members[name]
        delivery = member.held.pop(number)
        letter = DeadLetter(
            group=member.group,
            subject=delivery.subject,
            claimed="events.done",
            kind="event",
            reason=reason,
            attempts=delivery.attempt,
            died_at=datetime.now(UTC),
            body=delivery.body,
        )
        await member.subscription.bury(delivery, letter)

    async def kill(self, name: str) -> None:
        """Gone, without a word about what it had."""
        if name in self.workers:
            await self.workers[name].stack.aclose()
        else:
            await self.members[name].subscription.close()

    # Workers

    async def work(self, name: str, *, slow: bool = False, doomed: bool = False) -> None:
        """A worker of the group `g`, whose handler asks the database and returns an effect."""
        stack = await self._stack.enter_async_context(AsyncExitStack())
        handling = self.workers[name] = Handling(stack)
        if not slow:
            handling.go_on.set()
        lease = LONG_SECONDS if slow else LEASE_SECONDS
        group = Group("g", lease=lease)

        @group.on(Done)
        async def handle(event: Done, context: Context) -> Effect:
            handling.calls.add((event.number, context.attempt))
            if not self.database.is_set():
                raise NotReady("the database is down")
            await handling.go_on.wait()
            handling.finished.add(event.number)
            return Effect(event.number)

        queue = self._connection()
        if doomed:
            queue = Doomed(queue._transport, queue.options)
        await stack.enter_async_context(Worker(await stack.enter_async_context(queue), [group]))
        self._know("g")

    async def stop(self, name: str) -> None:
        """Drain: what runs is let finish meanwhile."""
        handling = self.workers[name]
        stopping = asyncio.create_task(handling.stack.aclose())
        await asyncio.sleep(0)
        handling.go_on.set()
        await stopping

    # What is left

    async def effects(self) -> list[int]:
        """The numbers of all effects, each counted once for each id that it has."""
        found = {one.id: one.data["number"] for one in await self.queue.waiting(Effect, "nobody")}
        return sorted(found.values())

    async def has_effects(self, count: int) -> None:
        """Return when there are so many."""

        async def enough() -> bool:
            return len(await self.effects()) >= count

        await until(enough, f"{count} effects")

    async def all_handled(self) -> None:
        """Return when no group has anything left."""
        await all_handled(self.queue, *self.groups)


def number_of(delivery: Delivery) -> int:
    """The number of what it carries."""
    from dovetail.codec.envelope import received  # noqa: PLC0415

    return int(received(delivery.subject, delivery.body).data["number"])
