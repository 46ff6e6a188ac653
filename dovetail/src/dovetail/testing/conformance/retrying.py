"""Failed attempts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from itertools import pairwise

import pytest

from dovetail import Backoff, Context, Group, MessageQueue, Retry, Worker
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.sizes import size
from dovetail.testing.conformance.waiting import Seen, all_handled

#: Messages, of which the first few fail once.
SENT_AGAIN, FAIL_ONCE = 100, 2
#: Workers, one after another, in which everything fails so many times.
FAILING, FAILING_WORKERS, FAILURES_EACH = 50, 3, 100

#: Called at such a time of time.monotonic, with such an attempt.
Calls = Seen[tuple[float, int]]


class Retrying(Conformance):
    """The queue holds the delay and counts; other messages are not held up."""

    async def test_called_again_with_growing_pauses_until_it_succeeds(
        self, queue: MessageQueue
    ) -> None:
        event, calls = numbered(), Calls()
        group = Group(fresh("group"), retry=Backoff(first=0.2, factor=2, jitter=0, tries=5))

        @group.on(event)
        async def fail_three_times(message: Numbered, context: Context) -> None:
            calls.add((time.monotonic(), context.attempt))
            if len(calls) <= 3:
                raise ValueError("not yet")

        async with Worker(queue, [group]):
            await queue.publish(event())
            await calls.has(4)
            await all_handled(queue, group.name)
        times, attempts = zip(*calls.items, strict=True)
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert attempts == (1, 2, 3, 4)
        assert pauses[0] >= 0.19
        assert pauses[1] >= 0.39
        assert pauses[2] >= 0.79
        assert not await queue.dead_letters.list(group=group.name)

    @pytest.mark.parametrize("hours", [-1, 1], ids=["behind", "ahead"])
    async def test_pause_does_not_depend_on_clocks(
        self, queue: MessageQueue, hours: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        event, calls, clock = numbered(), Calls(), time.time
        group = Group(fresh("group"))

        @group.on(event)
        async def fail_once(message: Numbered, context: Context) -> None:
            calls.add((time.monotonic(), context.attempt))
            # as if the next attempt were another machine's
            monkeypatch.setattr(time, "time", lambda: clock() + hours * 3600)
            if context.attempt == 1:
                raise Retry(after=0.75)

        async with Worker(queue, [group]):
            await queue.publish(event())
            (first, _), (second, attempt) = await calls.has(2)
        assert attempt == 2
        assert second - first >= 0.74

    async def test_others_are_not_held_up(self, queue: MessageQueue) -> None:
        event, handled = numbered(), Seen[Numbered]()
        group = Group(fresh("group"), retry=Backoff(first=60, most=60))

        @group.on(event)
        async def fail_at_zero(message: Numbered) -> None:
            if message.number == 0:
                raise ValueError("not yet")
            handled.add(message)

        async with Worker(queue, [group]):
            await queue.publish_many([event(number) for number in range(50)])
            assert numbers(await handled.has(49)) == list(range(1, 50))

    @size(messages=SENT_AGAIN, failures=FAIL_ONCE)
    async def test_failed_ones_come_again(self, queue: MessageQueue) -> None:
        event, handled = numbered(), Seen[int]()
        group = Group(fresh("group"), retry=Backoff(first=0.05))

        @group.on(event)
        async def fail_at_first(message: Numbered, context: Context) -> None:
            if message.number < FAIL_ONCE and context.attempt == 1:
                raise ValueError("not yet")
            handled.add(message.number)

        await queue.publish_many([event(number) for number in range(SENT_AGAIN)])
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert sorted(handled.items) == list(range(SENT_AGAIN))

    @size(messages=FAILING, workers=FAILING_WORKERS, failures_each=FAILURES_EACH)
    async def test_goes_on_after_many_errors_in_many_workers(self, queue: MessageQueue) -> None:
        event, name = numbered(), fresh("group")
        failed, handled = Seen[tuple[int, int]](), Seen[tuple[int, int]]()

        def member(mended: bool) -> Group:
            group = Group(name, retry=Backoff(first=0.01, most=0.01, tries=100))

            @group.on(event)
            async def handle(message: Numbered, context: Context) -> None:
                (handled if mended else failed).add((message.number, context.attempt))
                if not mended:
                    raise ValueError("not yet")

            return group

        await queue.publish_many([event(number) for number in range(FAILING)])
        for worker in range(1, FAILING_WORKERS + 1):
            async with Worker(queue, [member(mended=False)]):
                await failed.has(worker * FAILURES_EACH)
        async with Worker(queue, [member(mended=True)]):
            await all_handled(queue, name)
        failures = Counter(number for number, _ in failed.items)
        assert sorted(handled.items) == [(one, failures[one] + 1) for one in range(FAILING)]
        assert not await queue.dead_letters.list(group=name)

    async def test_handler_may_choose_the_pause(self, queue: MessageQueue) -> None:
        event, calls = numbered(), Calls()
        group = Group(fresh("group"), retry=Backoff(first=60, most=60))

        @group.on(event)
        async def fail_once(message: Numbered, context: Context) -> None:
            calls.add((time.monotonic(), context.attempt))
            if context.attempt == 1:
                raise Retry("soon", after=0.3)
            if context.attempt == 2:
                raise Retry("at once", after=0)

        async with Worker(queue, [group]):
            await queue.publish(event())
            (first, _), (second, _), (_, attempt) = await calls.has(3)
        assert second - first >= 0.29
        assert attempt == 3

    async def test_count_does_not_live_in_the_worker(self, queue: MessageQueue) -> None:
        event, calls = numbered(), Calls()
        group = Group(fresh("group"), retry=Backoff(first=0.1, most=0.1))

        @group.on(event)
        async def fail_twice(message: Numbered, context: Context) -> None:
            calls.add((time.monotonic(), context.attempt))
            if context.attempt <= 2:
                raise ValueError("not yet")

        await queue.publish(event())
        for tried in (1, 2, 3):
            async with Worker(queue, [group]):
                await calls.has(tried)
        assert [attempt for _, attempt in calls.items] == [1, 2, 3]

    async def test_running_out_of_time_is_a_failed_attempt(self, queue: MessageQueue) -> None:
        event, calls = numbered(), Calls()
        group = Group(fresh("group"), timeout=0.1, retry=Backoff(first=0.05, tries=2))

        @group.on(event)
        async def never_end(message: Numbered, context: Context) -> None:
            calls.add((time.monotonic(), context.attempt))
            await asyncio.Event().wait()

        async with Worker(queue, [group]):
            await queue.publish(event())
            await calls.has(2)
            await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list(group=group.name)
        assert (letter.attempts, "took longer than 0.1 s" in letter.reason) == (2, True)

    async def test_cancelled_inside_the_handler_is_a_failed_attempt(
        self, queue: MessageQueue
    ) -> None:
        event, handled = numbered(), Seen[Numbered]()
        group = Group(fresh("group"), retry=Backoff(first=0.05))

        @group.on(event)
        async def await_what_was_cancelled(message: Numbered, context: Context) -> None:
            if context.attempt == 1:
                task = asyncio.create_task(asyncio.Event().wait())
                task.cancel()
                await task
            handled.add(message)

        async with Worker(queue, [group]):
            await queue.publish_many([event(1), event(2)])
            assert sorted(numbers(await handled.has(2))) == [1, 2]
