"""Handlers that take many messages in one call."""

from __future__ import annotations

import asyncio

from dovetail import Backoff, Context, Group, MessageQueue, Worker
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled


class Batching(Conformance):
    """A batch that fails is tried in halves, until what fails is alone."""

    async def test_batches_are_in_order_and_no_larger_than_asked(self, queue: MessageQueue) -> None:
        event, batches = numbered(), Seen[list[Numbered]]()
        group = Group(fresh("group"))

        @group.on(event, batch=50)
        async def take(messages: list[Numbered]) -> None:
            batches.add(messages)

        await queue.publish_many([event(number) for number in range(1000)])
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert [one.number for batch in batches.items for one in batch] == list(range(1000))
        assert 1 < max(map(len, batches.items)) <= 50

    async def test_batches_fill_while_more_waits(self, queue: MessageQueue) -> None:
        event, sizes = numbered(), Seen[int]()
        group = Group(fresh("group"))

        @group.on(event, batch=200)
        async def take(messages: list[Numbered]) -> None:
            # As a database's transaction, which takes about as long for many.
            await asyncio.sleep(0.01)
            sizes.add(len(messages))

        await queue.publish_many([event(number) for number in range(3000)])
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert max(sizes.items) == 200

    async def test_every_message_has_its_context(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[tuple[int, str]]()
        group = Group(fresh("group"))

        @group.on(event, batch=10)
        async def take(messages: list[Numbered], contexts: list[Context]) -> None:
            for message, context in zip(messages, contexts, strict=True):
                seen.add((message.number, context.id))

        ids = await queue.publish_many([event(number) for number in range(10)])
        async with Worker(queue, [group]):
            assert await seen.has(10) == list(enumerate(ids))

    async def test_only_the_poisoned_message_is_dead(self, queue: MessageQueue) -> None:
        event, effects = numbered(), Seen[int]()
        group = Group(fresh("group"), retry=Backoff(first=0.05, tries=2))

        @group.on(event, batch=64)
        async def save(messages: list[Numbered]) -> None:
            if 77 in numbers(messages):
                raise ValueError("77 is poison")
            for message in messages:
                effects.add(message.number)

        await queue.publish_many([event(number) for number in range(128)])
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list(group=group.name)
        assert (letter.reason, letter.attempts) == ("ValueError: 77 is poison", 2)
        assert b'"number":77,' in letter.body
        assert sorted(effects.items) == [number for number in range(128) if number != 77]

    async def test_batch_that_hangs(self, queue: MessageQueue) -> None:
        event, effects = numbered(), Seen[int]()
        group = Group(fresh("group"), timeout=0.1, retry=Backoff(first=0.05, tries=1))

        @group.on(event, batch=8)
        async def save(messages: list[Numbered]) -> None:
            if 5 in numbers(messages):
                await asyncio.Event().wait()
            for message in messages:
                effects.add(message.number)

        await queue.publish_many([event(number) for number in range(8)])
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list(group=group.name)
        assert letter.reason == "TimeoutError: the handler took longer than 0.1 s"
        assert sorted(effects.items) == [0, 1, 2, 3, 4, 6, 7]

    async def test_what_is_returned_belongs_to_the_messages_one_by_one(
        self, queue: MessageQueue
    ) -> None:
        event, effect, seen = numbered(), numbered(), Seen[Numbered]()
        group = Group(fresh("group"))

        @group.on(event, batch=10)
        async def double(messages: list[Numbered]) -> list[Numbered | list[Numbered] | None]:
            return [_result(effect, message.number) for message in messages]

        await queue.publish_many([event(number) for number in range(9)])
        async with Worker(queue, [group, recording(effect, seen)]):
            await all_handled(queue, group.name)
            assert sorted(numbers(await seen.has(9))) == [1, 2, 2, 4, 5, 5, 7, 8, 8]

    async def test_results_that_are_not_one_for_each(self, queue: MessageQueue) -> None:
        event, effect = numbered(), numbered()
        group = Group(fresh("group"), retry=Backoff(first=0.05, tries=1))

        @group.on(event, batch=10)
        async def miscount(messages: list[Numbered]) -> list[Numbered]:
            return [effect()] * (len(messages) + 1)

        await queue.publish_many([event(number) for number in range(3)])
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        letters = await queue.dead_letters.list(group=group.name)
        assert len(letters) == 3
        assert all("one entry for each" in letter.reason for letter in letters)
        assert await queue.waiting(effect, fresh("group")) == []


def _result(effect: type[Numbered], number: int) -> Numbered | list[Numbered] | None:
    """Nothing, one message, or two, by turns."""
    return (None, effect(number), [effect(number), effect(number)])[number % 3]
