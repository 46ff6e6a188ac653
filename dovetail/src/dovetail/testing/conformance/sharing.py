"""Groups and their members."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from dovetail import Group, MessageQueue, Worker, connect
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled


class Sharing(Conformance):
    """Every group gets its own copy; inside a group each message goes to one member."""

    async def test_two_groups_each_get_all(self, queue: MessageQueue) -> None:
        event, first, second = numbered(), Seen[Numbered](), Seen[Numbered]()
        groups = [recording(event, first), recording(event, second)]
        async with Worker(queue, groups):
            await queue.publish_many([event(number) for number in range(100)])
            await all_handled(queue, *(group.name for group in groups))
        assert numbers(first.items) == numbers(second.items) == list(range(100))

    async def test_failure_of_one_group_does_not_touch_another(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        failing = Group(fresh("group"))

        @failing.on(event)
        async def fail(message: Numbered) -> None:
            raise ValueError(message.number)

        async with Worker(queue, [failing, recording(event, seen)]):
            await queue.publish_many([event(number) for number in range(20)])
            assert numbers(await seen.has(20)) == list(range(20))

    async def test_members_share_and_each_message_goes_to_one(
        self, queue: MessageQueue, address: str
    ) -> None:
        event, name = numbered(), fresh("group")
        shares = [Seen[Numbered]() for _ in range(3)]
        all_have_one = asyncio.Barrier(3)

        def member(share: Seen[Numbered]) -> Group:
            group = Group(name)

            @group.on(event)
            async def take(message: Numbered) -> None:
                share.add(message)
                if len(share) == 1:
                    await all_have_one.wait()

            return group

        async with AsyncExitStack() as stack:
            for share in shares:
                connection = await stack.enter_async_context(connect(address))
                await stack.enter_async_context(Worker(connection, [member(share)]))
            for first in range(0, 300, 10):
                await queue.publish_many([event(number) for number in range(first, first + 10)])
            await all_handled(queue, name)
        handled = [number for share in shares for number in numbers(share.items)]
        assert sorted(handled) == list(range(300))
        assert all(shares)

    async def test_as_many_handlers_at_once_as_the_group_allows(self, queue: MessageQueue) -> None:
        event, seen, all_there = numbered(), Seen[Numbered](), asyncio.Barrier(20)
        group = Group(fresh("group"), concurrency=20)

        @group.on(event)
        async def wait_for_the_others(message: Numbered) -> None:
            async with asyncio.timeout(10):
                await all_there.wait()
            seen.add(message)

        async with Worker(queue, [group]):
            await queue.publish_many([event(number) for number in range(40)])
            await seen.has(40)

    async def test_one_member_keeps_the_order(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        async with Worker(queue, [recording(event, seen)]):
            for first in range(0, 10_000, 1000):
                await queue.publish_many([event(number) for number in range(first, first + 1000)])
            assert numbers(await seen.has(10_000)) == list(range(10_000))

    async def test_slow_member_does_not_sit_on_what_another_could_handle(
        self, queue: MessageQueue, address: str
    ) -> None:
        event, name = numbered(), fresh("group")
        stuck, done, go_on = Seen[Numbered](), Seen[Numbered](), asyncio.Event()
        slow, quick = Group(name), Group(name)

        @slow.on(event)
        async def take_long(message: Numbered) -> None:
            stuck.add(message)
            if message.number >= 1000:
                await go_on.wait()

        @quick.on(event)
        async def take(message: Numbered) -> None:
            done.add(message)

        async with connect(address) as another, Worker(queue, [slow]):
            await queue.publish_many([event(number) for number in range(1000)])
            await all_handled(queue, name)  # it may have learnt to prefetch by now
            await queue.publish_many([event(number) for number in range(1000, 1100)])
            await stuck.has(1001)
            async with Worker(another, [quick]):
                await done.has(90, within=10)
                go_on.set()
                await all_handled(queue, name)
        assert sorted(numbers(stuck.items + done.items)) == list(range(1100))
