"""Who holds a message, and for how long."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from dovetail import Context, Group, MessageQueue, Worker, connect
from dovetail.delivery import Claim
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.names import Numbered, fresh, numbered
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled

LEASE_SECONDS = 1.0
#: What was begun elsewhere just when the first succeeded may go once more through a lease; nothing later.
SOON_SECONDS = 1.5 * LEASE_SECONDS
#: How often a message is handled at most where acks that come late do not count; and it is no dead letter.
MOST_CALLS = 5


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

        # What waits behind the slow one, with the same member, must be kept as well.
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

    @pytest.mark.parametrize("members", [1, 2])
    async def test_what_has_succeeded_is_not_repeated_though_the_event_loop_was_blocked(
        self, queue: MessageQueue, address: str, members: int
    ) -> None:
        event, calls = numbered(), Seen[tuple[int, float, float]]()
        group = Group(fresh("group"), lease=LEASE_SECONDS)
        loop = asyncio.get_running_loop()

        @group.on(event)
        async def block(message: Numbered) -> None:
            begun = time.monotonic()
            if message.number < 2:
                time.sleep((2.5, 1.5)[message.number] * LEASE_SECONDS)  # noqa: ASYNC251
            call = message.number, begun, time.monotonic()
            loop.call_soon_threadsafe(calls.add, call)

        await queue.publish_many([event(number) for number in range(5)])
        async with AsyncExitStack() as stack:
            for _ in range(members):
                if self.features.processes:  # each with an event loop of its own
                    stack.enter_context(_working_in_a_thread(address, group))
                else:
                    await stack.enter_async_context(Worker(queue, [group]))
            await calls.has(5)
            await all_handled(queue, group.name)
        ended: dict[int, float] = {}
        for number, _, end in calls.items:
            ended[number] = min(end, ended.get(number, end))
        assert sorted(ended) == list(range(5))
        repeated = [one for one in calls.items if one[1] > ended[one[0]] + SOON_SECONDS]
        if self.features.takes_late_acks:
            assert not repeated, "\n".join(map(str, calls.items))
        else:
            assert max(Counter(number for number, *_ in calls.items).values()) <= MOST_CALLS
        assert not await queue.dead_letters.list(group=group.name)

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


@contextmanager
def _working_in_a_thread(address: str, group: Group) -> Iterator[None]:
    """A worker with an event loop of its own, as in a process of its own."""
    joined, stopping = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def work() -> None:
        async with connect(address) as queue, Worker(queue, [group]):
            loops.append(asyncio.get_running_loop())
            joined.set()
            await stopping.wait()

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        assert joined.wait(LIMIT_SECONDS)
        yield
    finally:
        for loop in loops:
            loop.call_soon_threadsafe(stopping.set)
        thread.join(LIMIT_SECONDS)
