"""Groups and their members."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from dovetail import Group, MessageQueue, Worker, connect
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.sizes import size
from dovetail.testing.conformance.waiting import Seen, all_handled

FOR_TWO_GROUPS = 50
SHARED, MEMBERS = 3000, 3
IN_ORDER = 10_000
ONE_BY_ONE = 100
AT_ONCE = 20


class Sharing(Conformance):
    """Every group gets its own copy; inside a group each message goes to one member."""

    @size(messages=2 * FOR_TWO_GROUPS, groups=2)
    async def test_two_groups_each_get_all(self, queue: MessageQueue) -> None:
        event, first, second = numbered(), Seen[Numbered](), Seen[Numbered]()
        groups = [recording(event, first), recording(event, second)]
        async with Worker(queue, groups):
            await queue.publish_many([event(number) for number in range(FOR_TWO_GROUPS)])
            await all_handled(queue, *(group.name for group in groups))
        for number in range(FOR_TWO_GROUPS, 2 * FOR_TWO_GROUPS):  # while no member runs
            await queue.publish(event(number))
        for group in groups:
            async with Worker(queue, [group]):
                await all_handled(queue, group.name)
        assert numbers(first.items) == numbers(second.items) == list(range(2 * FOR_TWO_GROUPS))

    async def test_failure_of_one_group_does_not_touch_another(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        failing = Group(fresh("group"))

        @failing.on(event)
        async def fail(message: Numbered) -> None:
            raise ValueError(message.number)

        async with Worker(queue, [failing, recording(event, seen)]):
            await queue.publish_many([event(number) for number in range(20)])
            assert numbers(await seen.has(20)) == list(range(20))

    @size(messages=SHARED, members=MEMBERS)
    async def test_members_share_and_each_message_goes_to_one(
        self, queue: MessageQueue, address: str
    ) -> None:
        event, name = numbered(), fresh("group")
        shares = [Seen[Numbered]() for _ in range(MEMBERS)]
        all_have_one = asyncio.Barrier(MEMBERS)

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
            for first in range(0, SHARED, 10):
                await queue.publish_many([event(number) for number in range(first, first + 10)])
            await all_handled(queue, name)
        handled = [number for share in shares for number in numbers(share.items)]
        assert sorted(handled) == list(range(SHARED))
        assert all(shares)

    @size(messages=ONE_BY_ONE)
    async def test_next_message_waits_until_this_one_is_handled(self, queue: MessageQueue) -> None:
        event, began, go_on, running = numbered(), Seen[int](), asyncio.Event(), Seen[int]()
        group = Group(fresh("group"))

        @group.on(event)
        async def take_long(message: Numbered) -> None:
            began.add(message.number)
            await go_on.wait()
            await asyncio.sleep(0)
            running.add(len(began) - len(running))

        other = recording(event, Seen[Numbered]())
        async with Worker(queue, [group, other]):
            await queue.publish_many([event(number) for number in range(ONE_BY_ONE)])
            await began.has(1)
            await all_handled(queue, other.name)
            assert began.items == [0]
            go_on.set()
            await all_handled(queue, group.name)
        assert began.items == list(range(ONE_BY_ONE))
        assert set(running.items) == {1}

    @size(messages=2 * AT_ONCE, handlers_at_once=AT_ONCE)
    async def test_as_many_handlers_at_once_as_the_group_allows(self, queue: MessageQueue) -> None:
        event, seen, all_there = numbered(), Seen[Numbered](), asyncio.Barrier(AT_ONCE)
        group = Group(fresh("group"), concurrency=AT_ONCE)

        @group.on(event)
        async def wait_for_the_others(message: Numbered) -> None:
            async with asyncio.timeout(10):
                await all_there.wait()
            seen.add(message)

        async with Worker(queue, [group]):
            await queue.publish_many([event(number) for number in range(2 * AT_ONCE)])
            await seen.has(2 * AT_ONCE)

    @size(messages=IN_ORDER)
    async def test_one_member_keeps_the_order(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        async with Worker(queue, [recording(event, seen)]):
            for first in range(0, IN_ORDER, 1000):
                await queue.publish_many([event(number) for number in range(first, first + 1000)])
            assert numbers(await seen.has(IN_ORDER)) == list(range(IN_ORDER))

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
