"""Dead letters, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dovetail import DeadLetter, Group, MessageQueue, Reject, Worker, connect
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled

#: More than any transport takes at first in one step.
MANY = 60


class Clerk:
    """A group that rejects everything until it is told not to."""

    def __init__(self) -> None:
        self.event, self.seen = numbered(), Seen[Numbered]()
        self.group = Group(fresh("group"))
        self.rejects = True
        self.group.on(self.event)(self.take)

    @property
    def name(self) -> str:
        return self.group.name

    async def take(self, message: Numbered) -> None:
        self.seen.add(message)
        if self.rejects:
            raise Reject("Odd" if message.number % 2 else "Even")

    async def reject(self, queue: MessageQueue, count: int = MANY) -> None:
        """So many letters; no worker runs then."""
        async with Worker(queue, [self.group]):
            await queue.publish_many([self.event(number) for number in range(count)])
            await all_handled(queue, self.name)
        self.seen.items.clear()

    async def take_all(self, queue: MessageQueue) -> list[int]:
        """The numbers that it has to handle now, in order."""
        self.rejects = False
        async with Worker(queue, [self.group]):
            await all_handled(queue, self.name)
        return sorted(numbers(self.seen.items))


class ManyLetters(Conformance):
    """Replayed and dropped by filter, in steps, each once whatever happens."""

    async def test_many_replayed_and_dropped_by_filter(self, queue: MessageQueue) -> None:
        clerk, steps = Clerk(), list[int]()
        await clerk.reject(queue)
        letters, name = queue.dead_letters, clerk.name
        half, subject = MANY // 2, clerk.event.__subject__
        assert await letters.count(group=name) == {name: MANY}
        assert await letters.count(subject=subject) == {name: MANY}
        assert await letters.count(group=name, reason="odd", most=1) == {name: half}
        assert await letters.count(group=fresh("group")) == {}

        done = await letters.replay_all(
            group=name, reason="odd", progress=lambda some: steps.append(len(some))
        )
        assert (done, sum(steps)) == (half, half)
        assert len(steps) > 1 or steps == [half]
        assert await letters.replay_all(group=name, reason="odd") == 0
        newest = await letters.list(group=name, most=10)
        assert await letters.drop_all(group=name, most=10) == 10
        rest = await letters.list(group=name)
        assert len(rest) == half - 10
        assert not {one.id for one in newest} & {one.id for one in rest}
        two = [rest[0].id, rest[-1].id, "unknown"]
        assert await letters.drop_all(ids=two) == 2
        assert await letters.drop_all(group=name) == half - 12
        assert await letters.count(group=name) == {}
        assert await clerk.take_all(queue) == [*range(1, MANY, 2)]

    async def test_replayed_with_other_bodies(self, queue: MessageQueue) -> None:
        clerk = Clerk()
        await clerk.reject(queue, 3)

        def mend(letter: DeadLetter) -> bytes:
            return letter.body.replace(b'"number":', b'"number":1')

        assert await queue.dead_letters.replay_all(group=clerk.name, mend=mend) == 3
        assert await clerk.take_all(queue) == [10, 11, 12]

    @pytest.mark.parametrize("replays", [True, False], ids=["replay", "drop"])
    async def test_cancelled_half_way_and_begun_again(
        self, queue: MessageQueue, replays: bool
    ) -> None:
        clerk, counts, told = Clerk(), list[int](), asyncio.Event()
        await clerk.reject(queue)
        letters, name = queue.dead_letters, clerk.name

        def progress(some: Sequence[DeadLetter]) -> None:
            counts.append(len(some))
            told.set()

        remove = letters.replay_all if replays else letters.drop_all
        task = asyncio.ensure_future(remove(group=name, progress=progress))
        await told.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sum(counts) > 0
        left = MANY - sum(counts)  # none, where letters of others made the first step a large one
        assert await letters.count(group=name) == ({name: left} if left else {})
        assert await remove(group=name) == left
        assert await letters.count(group=name) == {}
        assert await clerk.take_all(queue) == [*range(MANY)] * replays

    async def test_replayed_by_two_at_once(self, queue: MessageQueue, address: str) -> None:
        clerk = Clerk()
        await clerk.reject(queue)
        async with connect(address) as other:
            done = await asyncio.gather(
                *(one.dead_letters.replay_all(group=clerk.name) for one in (queue, other))
            )
        assert sum(done) == MANY
        assert await clerk.take_all(queue) == [*range(MANY)]

    async def test_those_that_die_again_are_left(self, queue: MessageQueue) -> None:
        clerk = Clerk()
        await clerk.reject(queue)
        async with Worker(queue, [clerk.group]):
            assert await queue.dead_letters.replay_all(group=clerk.name) == MANY
            await all_handled(queue, clerk.name)
        assert sorted(numbers(clerk.seen.items)) == [*range(MANY)]
        assert await queue.dead_letters.count(group=clerk.name) == {clerk.name: MANY}
        assert await queue.dead_letters.drop_all(group=clerk.name) == MANY
