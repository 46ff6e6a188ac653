"""Who holds a message, and for how long."""

from __future__ import annotations

import asyncio
import time

from dovetail import Context, Group, MessageQueue, Worker, connect
from dovetail.delivery import Claim
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.names import Numbered, fresh, numbered
from dovetail.testing.conformance.waiting import Seen, all_handled

LEASE_SECONDS = 1.0


class Leases(Conformance):
    """A running handler keeps its message; a member that is gone loses it."""

    async def test_handler_slower_than_its_lease_is_not_run_twice(
        self, queue: MessageQueue, address: str
    ) -> None:
        event, calls = numbered(), Seen[int]()
        group = Group(fresh("group"), lease=LEASE_SECONDS)

        @group.on(event)
        async def take_long(message: Numbered) -> None:
            calls.add(message.number)
            if message.number == 0:
                await asyncio.sleep(2.5 * LEASE_SECONDS)

        # What waits behind the slow one, in the same hands, must be kept as well.
        await queue.publish_many([event(number) for number in range(8)])
        async with connect(address) as another, Worker(queue, [group]):
            await calls.has(1)
            async with Worker(another, [group]):
                await all_handled(queue, group.name)
        assert sorted(calls.items) == list(range(8))

    async def test_batch_slower_than_its_lease_is_not_run_twice(
        self, queue: MessageQueue, address: str
    ) -> None:
        event, calls = numbered(), Seen[int]()
        group = Group(fresh("group"), lease=LEASE_SECONDS)

        @group.on(event, batch=4)
        async def take_long(messages: list[Numbered]) -> None:
            for message in messages:
                calls.add(message.number)
            await asyncio.sleep(1.5 * LEASE_SECONDS)

        await queue.publish_many([event(number) for number in range(8)])
        async with connect(address) as another, Worker(queue, [group]), Worker(another, [group]):
            await all_handled(queue, group.name)
        assert sorted(calls.items) == list(range(8))

    async def test_what_a_vanished_member_held_goes_to_another(self, queue: MessageQueue) -> None:
        event, calls = numbered(), Seen[tuple[int, int]]()
        group = Group(fresh("group"), lease=LEASE_SECONDS)

        @group.on(event)
        async def take(message: Numbered, context: Context) -> None:
            calls.add((message.number, context.attempt))

        await queue.publish_many([event(number) for number in range(3)])
        claim = Claim(
            group.name, event.__subject__, "event", "first", lease=LEASE_SECONDS, prefetch=10
        )
        member = await queue.transport.claim(claim)
        held = len(await member.fetch(2))
        await member.close()  # without a word about what it held
        gone = time.monotonic()
        async with Worker(queue, [group]):
            await calls.has(3)
        assert held >= 1
        assert time.monotonic() - gone < 10 * LEASE_SECONDS  # or sooner, where the queue notices
        assert sorted(calls.items) == [(0, 1), (1, 1), (2, 1)]
