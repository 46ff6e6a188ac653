"""Publish and subscribe."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from dovetail import Context, Group, MessageQueue, Received, Worker, connect
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, fresh, fresh_subject, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled


class Publishing(Conformance):
    """Events reach groups, whenever these come."""

    async def test_event_is_handled_as_it_was_published(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[tuple[Numbered, Context]]()
        group = Group(fresh("group"))

        @group.on(event)
        async def take(message: Numbered, context: Context) -> None:
            seen.add((message, context))

        async with Worker(queue, [group]):
            event_id = await queue.publish(event(7, "seven"))
            [(message, context)] = await seen.has(1)
        assert message == event(7, "seven")
        assert context == Context(event_id, event.__subject__, group.name, attempt=1)

    async def test_published_time_and_source_travel_along(self, queue: MessageQueue) -> None:
        subject, seen = fresh_subject(), Seen[Received]()
        group = Group(fresh("group"))

        @group.on(subject)
        async def take(message: Received) -> None:
            seen.add(message)

        before = datetime.now(UTC)
        async with Worker(queue, [group]):
            event_id = await queue.publish(numbered(subject)(1))
            [message] = await seen.has(1)
        assert (message.id, message.type, message.source) == (event_id, subject, "conformance")
        assert message.time is not None
        assert before <= message.time <= datetime.now(UTC)

    async def test_concurrent_publishers_and_members(
        self, queue: MessageQueue, address: str
    ) -> None:
        event, seen = numbered(), Seen[Numbered]()
        group = recording(event, seen, concurrency=4)

        async def publish(first: int) -> None:
            for number in range(first, first + 50):
                await queue.publish(event(number))

        async with connect(address) as another, Worker(queue, [group]), Worker(another, [group]):
            await asyncio.gather(*(publish(first) for first in range(0, 400, 50)))
            await all_handled(queue, group.name)
        assert sorted(numbers(seen.items)) == list(range(400))

    async def test_many_subjects(self, queue: MessageQueue) -> None:
        seen = Seen[Numbered]()
        events = [numbered() for _ in range(20)]
        groups = [recording(event, seen) for event in events]
        async with Worker(queue, groups):
            for number in range(100):
                await queue.publish(events[number % 20](number))
            await seen.has(100)
        assert all(type(one) is events[one.number % 20] for one in seen.items)
        assert sorted(numbers(seen.items)) == list(range(100))

    async def test_published_before_the_first_group_is_kept(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        for number in range(5):
            await queue.publish(event(number))
        async with Worker(queue, [recording(event, seen)]):
            assert numbers(await seen.has(5)) == [0, 1, 2, 3, 4]

    async def test_subject_outside_the_usual_ones_is_kept_too(self, queue: MessageQueue) -> None:
        event, seen = numbered(fresh("single")), Seen[Numbered]()
        await queue.publish(event(1))
        async with Worker(queue, [recording(event, seen)]):
            await queue.publish(event(2))
            assert numbers(await seen.has(2)) == [1, 2]

    async def test_new_group_gets_what_others_have_handled(self, queue: MessageQueue) -> None:
        event, first, second = numbered(), Seen[Numbered](), Seen[Numbered]()
        async with Worker(queue, [one := recording(event, first)]):
            await queue.publish_many([event(number) for number in range(20)])
            await all_handled(queue, one.name)
        async with Worker(queue, [recording(event, second)]):
            assert numbers(await second.has(20)) == list(range(20))

    async def test_new_group_may_ask_for_new_ones_only(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        await queue.publish(event(1))
        async with Worker(queue, [group := recording(event, seen, start="new")]):
            await queue.publish(event(2))
            await all_handled(queue, group.name)
        await queue.publish(event(3))  # it exists by now, though no member runs
        async with Worker(queue, [group]):
            assert numbers(await seen.has(2)) == [2, 3]

    async def test_same_id_is_one_message(self, queue: MessageQueue) -> None:
        self.need("deduplicates")
        event, seen = numbered(), Seen[Numbered]()
        async with Worker(queue, [group := recording(event, seen)]):
            first = await queue.publish(event(1))
            assert await queue.publish(event(1), id=first) == first
            second = fresh("id")
            await asyncio.gather(*(queue.publish(event(2), id=second) for _ in range(5)))
            await all_handled(queue, group.name)
        assert numbers(seen.items) == [1, 2]

    async def test_many_together_keep_their_order(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        ids = await queue.publish_many([event(number) for number in range(500)])
        assert await queue.publish_many([]) == []
        async with Worker(queue, [recording(event, seen)]):
            assert numbers(await seen.has(500)) == list(range(500))
        assert len(set(ids)) == 500
