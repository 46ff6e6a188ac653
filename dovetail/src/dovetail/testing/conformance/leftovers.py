"""What is over leaves nothing behind in the process that did it."""

from __future__ import annotations

import asyncio

import pytest

from dovetail import DovetailError, Group, MessageQueue, Worker, connect
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.names import Numbered, Question, fresh, numbered, question
from dovetail.testing.conformance.sizes import size
from dovetail.testing.conformance.waiting import Seen, until

ROUNDS = 30


class Leftovers(Conformance):
    """A process that runs for months does not fill up with what it did."""

    @size(rounds=ROUNDS)
    async def test_no_task_stays(self, address: str) -> None:
        """Neither of each use of a connection, nor of the connection when it is closed."""
        before = asyncio.all_tasks()
        async with connect(address, timeout=5) as queue:
            await _every_verb(queue)
            while_open = len(asyncio.all_tasks())
            for _ in range(ROUNDS):
                await _every_verb(queue)
            await _at_most(while_open)
        await _at_most(len(before))

    @size(rounds=ROUNDS)
    async def test_no_task_stays_of_what_was_given_up(self, address: str) -> None:
        """The caller was cancelled, or its time was over."""
        kind, event = question(), numbered()
        group = Group(fresh("group"))

        @group.on(kind)
        async def hang(request: Question) -> str:
            await asyncio.sleep(0.1)
            return ""

        async with connect(address) as queue, Worker(queue, [group]):
            await queue.publish(event())
            tasks = len(asyncio.all_tasks())
            for _ in range(ROUNDS):
                with pytest.raises(DovetailError):
                    await queue.request(kind(), timeout=0.01)
                publishing = asyncio.create_task(queue.publish(event()))
                await asyncio.sleep(0)
                publishing.cancel()
                await asyncio.gather(publishing, return_exceptions=True)
            await _at_most(tasks)


async def _every_verb(queue: MessageQueue) -> None:
    """Each of them once, with a worker that comes and goes."""
    event, kind, seen = numbered(), question(), Seen[Numbered]()
    group = Group(fresh("group"))

    @group.on(event)
    async def take(message: Numbered) -> None:
        seen.add(message)

    @group.on(kind)
    async def answer(request: Question) -> str:
        return "yes"

    async with Worker(queue, [group]), listening(queue, event) as heard:
        await queue.publish(event())
        await queue.publish(event(), durable=False)
        await seen.has(1)
        await heard.has(1)
        assert await queue.request(kind(), timeout=10) == "yes"
        assert list(await queue.gather(kind(), timeout=10, most=1)) == ["yes"]


async def _at_most(count: int) -> None:
    """Wait until no more tasks than these are left; they end in their own time."""

    async def few() -> bool:
        return len(asyncio.all_tasks()) <= count

    await until(few, f"no more than {count} tasks: {asyncio.all_tasks()}")
