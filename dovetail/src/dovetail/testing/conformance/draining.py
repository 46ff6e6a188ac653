"""Stopping workers, and closing queues."""

from __future__ import annotations

import asyncio
import time

import pytest

from dovetail import Context, Group, MessageQueue, QueueUnavailable, Worker, connect
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled

#: So long that a test would fail if it had to wait for the end of a lease.
LEASE_SECONDS = 300


class Draining(Conformance):
    """Stop taking, finish, publish, ack, return what was only prefetched."""

    @pytest.mark.parametrize("batch", [0, 25])
    async def test_stopped_under_load_loses_and_repeats_nothing(
        self, queue: MessageQueue, address: str, batch: int
    ) -> None:
        event, effect, effects = numbered(), numbered(), Seen[Numbered]()
        handled = Seen[tuple[int, int]]()
        group = Group(fresh("group"), lease=LEASE_SECONDS, concurrency=4)

        async def one(message: Numbered, context: Context) -> Numbered:
            handled.add((message.number, context.attempt))
            await asyncio.sleep(0)
            return effect(message.number)

        async def many(messages: list[Numbered], contexts: list[Context]) -> list[Numbered]:
            return [await one(*pair) for pair in zip(messages, contexts, strict=True)]

        group.on(event, batch=batch)(many if batch else one)
        await queue.publish_many([event(number) for number in range(3000)])
        async with connect(address) as another, Worker(another, [recording(effect, effects)]):
            for enough in (300, 900, 1500):
                async with Worker(queue, [group]):
                    await handled.has(enough)
            async with Worker(another, [group]):
                await effects.has(3000)
                await all_handled(queue, group.name)
        assert sorted(handled.items) == [(number, 1) for number in range(3000)]
        assert sorted(numbers(effects.items)) == list(range(3000))

    async def test_running_handler_finishes(self, queue: MessageQueue) -> None:
        event, effect, started, go_on = numbered(), numbered(), asyncio.Event(), asyncio.Event()
        group = Group(fresh("group"), lease=LEASE_SECONDS)

        @group.on(event)
        async def take_long(message: Numbered) -> Numbered:
            started.set()
            await go_on.wait()
            return effect(message.number)

        worker = Worker(queue, [group])
        async with worker:
            await queue.publish(event(1))
            await started.wait()
            stops = [asyncio.create_task(worker.stop()) for _ in range(2)]  # more than once
            await asyncio.sleep(0)
            go_on.set()
            await asyncio.gather(*stops)
        await all_handled(queue, group.name)
        assert [one.data["number"] for one in await queue.waiting(effect, fresh("group"))] == [1]

    async def test_handler_that_does_not_finish_in_time(self, queue: MessageQueue) -> None:
        event, started, calls = numbered(), asyncio.Event(), Seen[tuple[int, int]]()
        group = Group(fresh("group"), lease=LEASE_SECONDS)

        @group.on(event)
        async def hang_once(message: Numbered, context: Context) -> None:
            calls.add((message.number, context.attempt))
            if not started.is_set():
                started.set()
                await asyncio.Event().wait()

        await queue.publish_many([event(number) for number in range(5)])
        async with Worker(queue, [group], drain=2.5):
            await started.wait()
            stopping = time.monotonic()
        assert time.monotonic() - stopping < 5
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert sorted(calls.items) == [(0, 1), (0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]

    async def test_paused_group_stops_at_once(self, queue: MessageQueue) -> None:
        event, calls = numbered(), Seen[Numbered]()
        group = Group(fresh("group"), lease=LEASE_SECONDS, not_ready=(OSError,))

        @group.on(event)
        async def save(message: Numbered) -> None:
            calls.add(message)
            if len(calls) <= 3:
                raise OSError("the database is away")

        await queue.publish_many([event(number) for number in range(3)])
        async with Worker(queue, [group]):
            await calls.has(3)
            stopping = time.monotonic()
        assert time.monotonic() - stopping < 3
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert sorted(numbers(calls.items[3:])) == [0, 1, 2]

    async def test_wait_returns_when_told_to_stop(self, queue: MessageQueue) -> None:
        async with Worker(queue, [recording(numbered(), Seen[Numbered]())]) as worker:
            waiting = asyncio.create_task(worker.wait())
            await worker.stop()
            await waiting

    async def test_closed_from_many_tasks_at_once(self, address: str) -> None:
        async with connect(address) as queue:
            await queue.publish(numbered()())
            await asyncio.gather(*(queue.transport.close() for _ in range(3)))
            assert not queue.connected

    async def test_closed_queue_accepts_nothing(self, address: str) -> None:
        async with connect(address, timeout=0.5) as queue:
            pass
        with pytest.raises(QueueUnavailable):
            await queue.publish(numbered()())
        with pytest.raises(QueueUnavailable):
            await queue.publish(numbered()(), durable=False)

    async def test_goes_on_with_a_new_connection(self, queue: MessageQueue, address: str) -> None:
        event, seen = numbered(), Seen[Numbered]()
        group = recording(event, seen)
        for first in (0, 10, 20):
            async with connect(address) as another:
                await another.publish_many([event(number) for number in range(first, first + 10)])
            async with connect(address) as another, Worker(another, [group]):
                await seen.has(first + 10)
        await all_handled(queue, group.name)
        assert numbers(seen.items) == list(range(30))
