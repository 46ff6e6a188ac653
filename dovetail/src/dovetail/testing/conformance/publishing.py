"""Publish and subscribe."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from dovetail import ConfigurationError, Context, Group, MessageQueue, Received, Worker, connect
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.listening import data
from dovetail.testing.conformance.names import (
    Numbered,
    fresh,
    fresh_subject,
    numbered,
    numbers,
    order,
)
from dovetail.testing.conformance.sizes import size
from dovetail.testing.conformance.waiting import Seen, all_handled

AS_PUBLISHED = 100
CONCURRENT, PUBLISHERS, MEMBERS = 5000, 50, 50
SUBJECTS, PER_SUBJECT = 20, 100
CLOSED, CLOSED_PUBLISHERS = 10_000, 20
CANCELLED = 1000
NEW_GROUPS = 3
TOGETHER = 500


class Publishing(Conformance):
    """Events reach groups, whenever these come."""

    @size(messages=AS_PUBLISHED)
    async def test_events_are_handled_as_they_were_published(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[tuple[Numbered, Context]]()
        group = Group(fresh("group"))

        @group.on(event)
        async def take(message: Numbered, context: Context) -> None:
            seen.add((message, context))

        events = [event(number, f"text {number}") for number in range(AS_PUBLISHED)]
        ids = [await queue.publish(one) for one in events]
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        contexts = [
            Context(one, event.__subject__, group.name, attempt=1, source="conformance")
            for one in ids
        ]
        assert seen.items == list(zip(events, contexts, strict=True))

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

    @size(messages=CONCURRENT, publishers=PUBLISHERS, members=MEMBERS)
    async def test_concurrent_publishers_and_members(
        self, queue: MessageQueue, address: str
    ) -> None:
        event, seen = numbered(), Seen[Numbered]()
        group = recording(event, seen)
        async with AsyncExitStack() as stack:
            for _ in range(MEMBERS):
                member = await stack.enter_async_context(connect(address))
                await stack.enter_async_context(Worker(member, [group]))
            await publish_concurrently(queue, event, CONCURRENT, PUBLISHERS)
            await all_handled(queue, group.name)
        assert sorted(numbers(seen.items)) == list(range(CONCURRENT))

    @size(subjects=SUBJECTS, messages_each=PER_SUBJECT)
    async def test_many_subjects(self, queue: MessageQueue) -> None:
        seen = Seen[Numbered]()
        events = [numbered() for _ in range(SUBJECTS)]
        groups = [recording(event, seen) for event in events]
        async with Worker(queue, groups):
            await asyncio.gather(
                *(
                    queue.publish_many([event(place) for _ in range(PER_SUBJECT)])
                    for place, event in enumerate(events)
                )
            )
            await all_handled(queue, *(group.name for group in groups))
        assert all(type(one) is events[one.number] for one in seen.items)
        assert Counter(numbers(seen.items)) == dict.fromkeys(range(SUBJECTS), PER_SUBJECT)

    @size(messages=CLOSED, publishers=CLOSED_PUBLISHERS)
    async def test_publisher_closed_before_anything_is_read(
        self, queue: MessageQueue, address: str
    ) -> None:
        event, seen = numbered(), Seen[Numbered]()
        async with connect(address) as publisher:
            await publish_concurrently(publisher, event, CLOSED, CLOSED_PUBLISHERS)
        async with Worker(queue, [group := recording(event, seen)]):
            await all_handled(queue, group.name)
        assert sorted(numbers(seen.items)) == list(range(CLOSED))

    @size(messages=CANCELLED)
    async def test_cancelled_publishers_do_not_harm_the_others(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        tasks = [asyncio.create_task(queue.publish(event(one))) for one in range(CANCELLED)]
        for number, task in enumerate(tasks):
            if number % 50 == 0:
                await asyncio.sleep(0)  # some are on their way, some are not
            if number % 2:
                task.cancel()
        await asyncio.wait(tasks)
        async with Worker(queue, [group := recording(event, seen)]):
            await all_handled(queue, group.name)
        accepted = {number for number, task in enumerate(tasks) if not task.cancelled()}
        assert accepted >= set(range(0, CANCELLED, 2))
        assert accepted <= set(numbers(seen.items))
        assert len(set(numbers(seen.items))) == len(seen)

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

    @size(groups=NEW_GROUPS)
    async def test_new_group_gets_what_others_have_handled(self, queue: MessageQueue) -> None:
        event, all_seen = numbered(), [Seen[Numbered]() for _ in range(NEW_GROUPS)]
        async with AsyncExitStack() as stack:
            for came, seen in enumerate(all_seen, start=1):
                await queue.publish_many([event(number) for number in (2 * came - 2, 2 * came - 1)])
                group = recording(event, seen)
                await stack.enter_async_context(Worker(queue, [group]))
                for one in all_seen[:came]:
                    assert numbers(await one.has(2 * came)) == list(range(2 * came))

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

    async def test_ids_that_a_queue_may_have(self, queue: MessageQueue) -> None:
        event, command, seen = numbered(), order(), Seen[Numbered]()
        whole = ["é" * 127, "x" * 255, " a b ", "{}'\"\\:;,%41", "📚"]
        for wrong in (
            "",
            " ",
            "x" * 256,
            "é" * 128,
            "a\nb",
            "a\r\nb: c",
            "a\0",
            "\x9b",
            "\u202e",
            "\ud800",
        ):
            for call in (
                queue.publish(event(), id=wrong),
                queue.publish_many([event()], ids=[wrong]),
                queue.publish_raw(event.__subject__, b"{}", id=wrong),
                queue.send(command(), id=wrong),
            ):
                with pytest.raises(ConfigurationError, match="1 to 255 bytes"):
                    await call
        async with Worker(queue, [group := recording(event, seen)]):
            for number, one in enumerate(whole):
                assert await queue.publish(event(number), id=one) == one
            await all_handled(queue, group.name)
        assert sorted(numbers(seen.items)) == [*range(len(whole))]

    async def test_many_with_ids_are_published_again_without_harm(
        self, queue: MessageQueue
    ) -> None:
        self.need("deduplicates")
        event, ids = numbered(), [fresh("id") for _ in range(3)]
        for _ in range(2):
            assert await queue.publish_many([event(one) for one in range(3)], ids=ids) == ids
        with pytest.raises(ConfigurationError, match="3 ids for 1 events"):
            await queue.publish_many([event()], ids=ids)
        waiting = await queue.waiting(event, fresh("group"))
        assert data(waiting) == [0, 1, 2]

    @size(messages=TOGETHER)
    async def test_many_together_keep_their_order(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        ids = await queue.publish_many([event(number) for number in range(TOGETHER)])
        assert await queue.publish_many([]) == []
        async with Worker(queue, [recording(event, seen)]):
            assert numbers(await seen.has(TOGETHER)) == list(range(TOGETHER))
        assert len(set(ids)) == TOGETHER


async def publish_concurrently(
    queue: MessageQueue, event: type[Numbered], count: int, publishers: int
) -> None:
    """Publish so many, each confirmed, with so many publishers at once."""
    waiting = iter(range(count))

    async def publish() -> None:
        for number in waiting:
            await queue.publish(event(number))

    await asyncio.gather(*(publish() for _ in range(publishers)))
