"""Room: on the store, and in a worker's memory."""

from __future__ import annotations

import asyncio
import tracemalloc
from datetime import timedelta

from dovetail import Group, MessageQueue, QueueFull, Worker, connect
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled, until

MEGABYTE = 1024 * 1024


class Filling(Conformance):
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

        await queue.publish_many([event(number) for number in range(1000)])
        async with Worker(queue, [group]):
            await seen.has(301)
            [row] = [row for row in (await queue.status()).groups if row.group == group.name]
            assert row.in_hand <= 20
            go_on.set()
            await seen.has(1000)

    async def test_memory_is_bounded_while_a_slow_handler_is_far_behind(
        self, queue: MessageQueue
    ) -> None:
        event, total, group = numbered(), Seen[int](), Group(fresh("group"), prefetch=8)
        text = "x" * (MEGABYTE // 2)

        @group.on(event)
        async def take(message: Numbered) -> None:
            total.add(len(message.text))
            await asyncio.sleep(0.001)

        for _ in range(100):
            await queue.publish(event(0, text))
        tracemalloc.start()
        try:
            async with Worker(queue, [group]):
                await total.has(100)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert sum(total.items) == 50 * MEGABYTE
        assert peak < 25 * MEGABYTE


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
