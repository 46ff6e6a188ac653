"""Stopping workers, and closing queues."""

from __future__ import annotations

import asyncio
import time

import pytest

from dovetail import Backoff, Context, Group, MessageQueue, QueueUnavailable, Worker, connect
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.sizes import size
from dovetail.testing.conformance.waiting import Seen, all_handled

UNDER_LOAD, STOPS = 3000, 3
CONTINUED, CONNECTIONS = 5000, 5
AFTER_CLOSING, CLOSED_AT_ONCE = 50, 10
CANCELLED = 20
NO_TIME_MESSAGES, NO_TIME_STOPS = 300, 30

#: So long that a test would fail if it had to wait for the end of a lease.
LEASE_SECONDS = 300


class Draining(Conformance):
    """Stop taking, finish, publish, ack, return what was only prefetched."""

    @pytest.mark.parametrize("batch", [0, 25])
    @size(messages=UNDER_LOAD, stops=STOPS)
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
        await queue.publish_many([event(number) for number in range(UNDER_LOAD)])
        async with connect(address) as another, Worker(another, [recording(effect, effects)]):
            for stop in range(STOPS):
                async with Worker(queue, [group]):
                    await handled.has(UNDER_LOAD * (2 * stop + 1) // 10)
            async with Worker(another, [group]):
                await effects.has(UNDER_LOAD)
                await all_handled(queue, group.name)
        assert sorted(handled.items) == [(number, 1) for number in range(UNDER_LOAD)]
        assert sorted(numbers(effects.items)) == list(range(UNDER_LOAD))

    @size(messages=NO_TIME_MESSAGES, stops=NO_TIME_STOPS)
    async def test_stopped_without_time_to_drain_keeps_nothing(self, queue: MessageQueue) -> None:
        """Whatever it was about to do when it had to end: another member gets what it had."""
        event, seen = numbered(), Seen[Numbered]()
        # What the server was just sending may have to wait for the end of its lease, but no longer.
        group = Group(fresh("group"), lease=2, prefetch=50)

        @group.on(event)
        async def take(message: Numbered) -> None:
            seen.add(message)
            await asyncio.sleep(0.001)

        async def publish() -> None:
            for number in range(NO_TIME_MESSAGES):
                await queue.publish(event(number))

        publishing = asyncio.create_task(publish())
        for stop in range(NO_TIME_STOPS):
            async with Worker(queue, [group], drain=0):
                await seen.has(len(seen) + stop % 3)
        await publishing
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert set(numbers(seen.items)) == set(range(NO_TIME_MESSAGES))

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
        assert time.monotonic() - stopping < 8
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert sorted(calls.items) == [(0, 1), (0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]

    async def test_handler_that_makes_an_error_of_its_cancellation(
        self, queue: MessageQueue
    ) -> None:
        event, started, attempts = numbered(), asyncio.Event(), Seen[int]()
        group = Group(fresh("group"), lease=LEASE_SECONDS, retry=Backoff(tries=1))

        @group.on(event)
        async def hang_once(message: Numbered, context: Context) -> None:
            attempts.add(context.attempt)
            if not started.is_set():
                started.set()
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    raise OSError("the connection was closed") from None

        async with Worker(queue, [group], drain=2.5):
            await queue.publish(event())
            await started.wait()
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert attempts.items == [1, 1]
        assert not await queue.dead_letters.list(group=group.name)

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
        assert time.monotonic() - stopping < 8
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

    @size(messages=CONTINUED, connections=CONNECTIONS)
    async def test_goes_on_with_a_new_connection(self, queue: MessageQueue, address: str) -> None:
        event, seen, share = numbered(), Seen[Numbered](), CONTINUED // CONNECTIONS
        group = recording(event, seen, lease=LEASE_SECONDS)
        await queue.publish_many([event(number) for number in range(CONTINUED)])
        for connection in range(1, CONNECTIONS + 1):
            async with connect(address) as another, Worker(another, [group]):
                await seen.has(connection * share)
        await all_handled(queue, group.name)
        assert sorted(numbers(seen.items)) == list(range(CONTINUED))

    @size(members=CLOSED_AT_ONCE, messages=AFTER_CLOSING)
    async def test_members_that_leave_at_once_leave_nothing_behind(
        self, queue: MessageQueue, address: str
    ) -> None:
        event, seen = numbered(), Seen[Numbered]()
        group = recording(event, seen, lease=LEASE_SECONDS)

        async def join_and_leave() -> None:
            async with connect(address) as another, Worker(another, [group]):
                pass

        await asyncio.gather(*(join_and_leave() for _ in range(CLOSED_AT_ONCE)))
        for number in range(AFTER_CLOSING):
            await queue.publish(event(number))
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert numbers(seen.items) == list(range(AFTER_CLOSING))

    @size(messages=CANCELLED)
    async def test_cancelled_worker_gives_back_what_it_held(self, queue: MessageQueue) -> None:
        event, name, calls, handled = numbered(), fresh("group"), Seen[int](), Seen[int]()
        hanging, mended = Group(name, lease=LEASE_SECONDS), Group(name, lease=LEASE_SECONDS)

        @hanging.on(event)
        async def hang(message: Numbered) -> None:
            calls.add(message.number)
            await asyncio.Event().wait()

        @mended.on(event)
        async def handle(message: Numbered, context: Context) -> None:
            handled.add(message.number)
            assert context.attempt == 1

        async def work() -> None:
            async with Worker(queue, [hanging], drain=2.5):
                await asyncio.Event().wait()

        await queue.publish_many([event(number) for number in range(CANCELLED)])
        working = asyncio.create_task(work())
        await calls.has(1)
        working.cancel()
        await asyncio.wait([working])
        assert working.cancelled()
        async with Worker(queue, [mended]):
            await all_handled(queue, name)
        assert sorted(handled.items) == list(range(CANCELLED))
