"""What goes of a history that is trimmed, and what does not: the same on each queue that trims by itself."""

from __future__ import annotations

from datetime import timedelta

from dovetail import MessageQueue, Worker
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled

DAY = timedelta(days=1)


class TrimmedHistory:
    """`queue` is a fixture, on a server of its own."""

    async def trim_now(self, queue: MessageQueue, keep: timedelta = timedelta(0)) -> int:
        """Trim as the worker does once a minute; returns how many messages are left."""
        raise NotImplementedError

    async def test_without_any_group_nothing_goes(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        await queue.publish_many([event(number) for number in range(10)])
        assert await self.trim_now(queue) == 10
        # The first look left nothing behind that counts as a group.
        assert await self.trim_now(queue) == 10
        async with Worker(queue, [recording(event, seen)]):
            assert numbers(await seen.has(10)) == list(range(10))

    async def test_what_one_group_has_yet_to_handle_stays(self, queue: MessageQueue) -> None:
        event, quick, slow = numbered(), Seen[Numbered](), Seen[Numbered]()
        behind = recording(event, slow)
        async with Worker(queue, [behind]):
            pass
        async with Worker(queue, [ahead := recording(event, quick)]):
            await queue.publish_many([event(number) for number in range(20)])
            await all_handled(queue, ahead.name)
            assert await self.trim_now(queue) == 20
        async with Worker(queue, [behind]):
            await all_handled(queue, behind.name)
        assert numbers(slow.items) == list(range(20))
        assert await self.trim_now(queue) == 0

    async def test_what_is_young_stays_for_groups_to_come(self, queue: MessageQueue) -> None:
        event, seen, later = numbered(), Seen[Numbered](), Seen[Numbered]()
        async with Worker(queue, [group := recording(event, seen)]):
            await queue.publish_many([event(number) for number in range(10)])
            await all_handled(queue, group.name)
        assert await self.trim_now(queue, keep=DAY) == 10
        async with Worker(queue, [recording(event, later)]):
            assert numbers(await later.has(10)) == list(range(10))

    async def test_subjects_are_trimmed_apart(self, queue: MessageQueue) -> None:
        handled, ignored, seen = numbered(), numbered(), Seen[Numbered]()
        async with Worker(queue, [group := recording(handled, seen)]):
            for number in range(5):
                await queue.publish(handled(number))
                await queue.publish(ignored(number))
            await all_handled(queue, group.name)
        assert await self.trim_now(queue) == 5
        assert len(await queue.waiting(ignored, fresh("group"))) == 5
