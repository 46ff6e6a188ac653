"""Room: on the store, and in a worker's memory."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from dovetail import Group, MessageQueue, QueueFull, Worker, connect
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.sizes import size
from dovetail.testing.conformance.waiting import Seen, all_handled, until

MEGABYTE = 1024 * 1024
#: Messages of half a megabyte, and what they may take of a worker's memory.
LARGE_MESSAGES, LARGE_BOUND_MB = 100, 25
#: Messages of a kilobyte for a handler that does not come to any, and what these may take.
FAST_MESSAGES, FAST_BOUND_MB = 20_000, 10


class Limits(Conformance):
    """A full store says so and loses nothing; a slow consumer holds little."""

    async def test_full_store_refuses_and_goes_on_when_there_is_room(
        self, own_address: str
    ) -> None:
        self.need("limits_store")
        event, seen, text = numbered(), Seen[Numbered](), "x" * 10_000
        async with connect(own_address, limit_bytes=300_000, keep=timedelta(0)) as queue:
            refused = await _fill(queue, event, text)
            assert 20 <= refused < 30
            async with Worker(queue, [group := recording(event, seen)]):
                await all_handled(queue, group.name)
                assert numbers(seen.items) == list(range(refused))
                await until(lambda: _accepts(queue, event(refused, text)), "there is room")
                assert numbers(await seen.has(refused + 1)) == list(range(refused + 1))

    async def test_what_handlers_cause_waits_for_room(self, own_address: str) -> None:
        self.need("limits_store")
        event, effect, seen = numbered(), numbered(), Seen[Numbered]()
        group = Group(fresh("group"))

        @group.on(event)
        async def cause(message: Numbered) -> Numbered:
            return effect(message.number, "x" * 10_000)

        async with connect(own_address, limit_bytes=300_000, keep=timedelta(0)) as queue:
            await queue.publish_many([event(number) for number in range(100)])
            async with Worker(queue, [group, recording(effect, seen)]):
                assert sorted(numbers(await seen.has(100))) == list(range(100))
            assert not await queue.dead_letters.list()

    async def test_member_holds_no_more_than_its_prefetch(self, queue: MessageQueue) -> None:
        event, seen, go_on = numbered(), Seen[Numbered](), asyncio.Event()
        group = Group(fresh("group"), prefetch=20)

        @group.on(event)
        async def take_long(message: Numbered) -> None:
            seen.add(message)
            if message.number == 300:
                await go_on.wait()

        async def holds_little() -> bool:
            [row] = [row for row in (await queue.status()).groups if row.group == group.name]
            return row.in_hand <= 20

        await queue.publish_many([event(number) for number in range(1000)])
        async with Worker(queue, [group]):
            await seen.has(301)
            # A server may count what was acked until it has come to that.
            await until(holds_little, "it holds no more than its prefetch")
            go_on.set()
            await seen.has(1000)

    @size(messages=LARGE_MESSAGES, megabytes=LARGE_MESSAGES // 2, bound_in_megabytes=LARGE_BOUND_MB)
    async def test_memory_is_bounded_while_a_slow_handler_is_far_behind(
        self, queue: MessageQueue
    ) -> None:
        event, total, group = numbered(), Seen[int](), Group(fresh("group"), prefetch=8)
        text = "x" * (MEGABYTE // 2)

        @group.on(event)
        async def take(message: Numbered) -> None:
            total.add(len(message.text))
            await asyncio.sleep(0.001)

        for _ in range(LARGE_MESSAGES):
            await queue.publish(event(0, text))
        async with _bounded(LARGE_BOUND_MB), Worker(queue, [group]):
            await total.has(LARGE_MESSAGES)
        assert sum(total.items) == LARGE_MESSAGES // 2 * MEGABYTE

    @size(messages=FAST_MESSAGES, megabytes=FAST_MESSAGES // 1000, bound_in_megabytes=FAST_BOUND_MB)
    async def test_memory_is_bounded_while_a_publisher_is_faster(self, queue: MessageQueue) -> None:
        self.need("processes")  # who has the store in its own memory has it all there
        event, seen, go_on = numbered(), Seen[int](), asyncio.Event()
        group, text = Group(fresh("group")), "x" * 1000

        @group.on(event)
        async def take(message: Numbered) -> None:
            seen.add(message.number)
            await go_on.wait()

        async with Worker(queue, [group]):
            async with _bounded(FAST_BOUND_MB):
                for first in range(0, FAST_MESSAGES, 500):
                    await queue.publish_many(
                        [event(one, text) for one in range(first, first + 500)]
                    )
                assert len(seen) == 1
            go_on.set()
            await seen.has(FAST_MESSAGES)
        # What waited behind the slow call was given back, and may come after what follows it.
        assert sorted(seen.items) == list(range(FAST_MESSAGES))


@asynccontextmanager
async def _bounded(megabytes: int) -> AsyncIterator[None]:
    """Fails where what is allocated inside takes more at any moment."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes * MEGABYTE


async def _fill(queue: MessageQueue, event: type[Numbered], text: str) -> int:
    """The number of the first event that was refused."""
    for number in range(100):
        try:
            await queue.publish(event(number, text), id=f"id-{number}")
        except QueueFull as full:
            refused = full
            break
    else:
        raise AssertionError("the store has no limit")
    assert refused.id == f"id-{number}"
    return number


async def _accepts(queue: MessageQueue, event: Numbered) -> bool:
    try:
        await queue.publish(event)
    except QueueFull:
        return False
    return True
