"""What a worker's observers are told."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from dovetail import (
    Backoff,
    Group,
    HandlerFailed,
    MessageQueue,
    NotReady,
    Observer,
    Reject,
    Settled,
    Worker,
)
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import (
    Numbered,
    Question,
    fresh,
    numbered,
    numbers,
    order,
    question,
)
from dovetail.testing.conformance.waiting import Seen, all_handled, until

QUICK = Backoff(first=0.01, tries=3)
#: A worker's time to drain, of which it keeps two seconds for giving messages back.
SHORT_DRAIN_SECONDS = 2.2


class Told(Observer):
    """Everything that one group's observer was told."""

    def __init__(self) -> None:
        self.places: Counter[tuple[str, str]] = Counter()
        self.sums: Counter[str] = Counter()
        self.seconds = 0.0
        self.hand = self.most_in_hand = 0

    def joined(self, group: str, subject: str) -> None:
        self.places[group, subject] += 1

    def left(self, group: str, subject: str) -> None:
        self.places[group, subject] -= 1

    def in_hand(self, group: str, subject: str, change: int) -> None:
        assert (group, subject) in self.places
        self.hand += change
        self.most_in_hand = max(self.most_in_hand, self.hand)

    def settled(self, group: str, subject: str, what: Settled) -> None:
        assert (group, subject) in self.places
        assert len(what.long) <= what.calls
        assert sum(what.long) <= what.seconds
        assert what != Settled()
        self.seconds += what.seconds
        for name in ("handled", "failed", "retried", "dead", "published", "calls"):
            self.sums[name] += getattr(what, name)

    def check(self, **expected: int) -> None:
        """These numbers and no others, and nothing is in hand any more."""
        assert {name: count for name, count in self.sums.items() if count} == expected
        assert self.hand == 0
        assert not +self.places


class Observing(Conformance):
    """The numbers are those of the queue."""

    async def test_numbers_of_what_is_handled_one_by_one(self, queue: MessageQueue) -> None:
        event, effect, group, told = numbered(), numbered(), Group(fresh("group")), Told()

        @group.on(event)
        async def handle(message: Numbered) -> list[Numbered] | None:
            return [effect(1), effect(2)] if message.number % 2 else None

        await queue.publish_many([event(number) for number in range(100)])
        async with Worker(queue, [group], observers=[told]):
            assert told.places == {(group.name, event.__subject__): 1}
            await all_handled(queue, group.name)
        told.check(handled=100, published=100, calls=100)
        assert 1 <= told.most_in_hand <= 100
        assert 0 < told.seconds < 10

    async def test_told_at_once_while_the_next_handler_waits(self, queue: MessageQueue) -> None:
        event, group, told, go_on = numbered(), Group(fresh("group")), Told(), asyncio.Event()

        @group.on(event)
        async def handle(message: Numbered) -> None:
            if message.number == 0:
                await asyncio.sleep(0.003)
            else:
                await go_on.wait()

        async def told_of_one() -> bool:
            return told.sums["handled"] == 1

        await queue.publish_many([event(0), event(1)])
        async with Worker(queue, [group], observers=[told]):
            await until(told_of_one, "the first is told while the second is handled")
            go_on.set()
            await all_handled(queue, group.name)
        told.check(handled=2, calls=2)

    async def test_numbers_of_batches(self, queue: MessageQueue) -> None:
        event, effect, group, told = numbered(), numbered(), Group(fresh("group")), Told()
        calls = Seen[int]()

        @group.on(event, batch=10)
        async def handle(messages: list[Numbered]) -> list[Numbered]:
            calls.add(len(messages))
            return [effect(one.number) for one in messages]

        await queue.publish_many([event(number) for number in range(100)])
        async with Worker(queue, [group], observers=[told]):
            await all_handled(queue, group.name)
        told.check(handled=100, published=100, calls=len(calls))

    async def test_numbers_of_failures(self, queue: MessageQueue) -> None:
        event, group, told, seen = (
            numbered(),
            Group(fresh("group"), retry=QUICK),
            Told(),
            Counter[int](),
        )

        @group.on(event)
        async def handle(message: Numbered) -> None:
            seen[message.number] += 1
            if message.number == 0:
                raise Reject("never")
            if message.number == 1 or (message.number == 2 and seen[2] < 3):
                raise ValueError("no")

        await queue.publish_many([event(number) for number in range(10)])
        await queue.publish_raw(event.__subject__, b"{")
        async with Worker(queue, [group], observers=[told]):
            await until(lambda: _has_dead(queue, group, 3), "three are given up")
            await all_handled(queue, group.name)
        # Rejected, given up after three attempts, handled at the third, and what no handler has seen.
        told.check(handled=8, failed=1 + 3 + 2 + 1, retried=2 + 2, dead=3, calls=1 + 3 + 3 + 7)

    async def test_numbers_of_a_batch_with_one_that_fails(self, queue: MessageQueue) -> None:
        event, group, told = numbered(), Group(fresh("group"), retry=QUICK), Told()
        calls = Seen[int]()

        @group.on(event, batch=8)
        async def handle(messages: list[Numbered]) -> None:
            calls.add(len(messages))
            if 3 in numbers(messages):
                raise ValueError("no")

        await queue.publish_many([event(number) for number in range(8)])
        await queue.publish_raw(event.__subject__, b"{")
        async with Worker(queue, [group], observers=[told]):
            await until(lambda: _has_dead(queue, group, 2), "two are given up")
            await all_handled(queue, group.name)
        told.check(handled=7, failed=3 + 1, retried=2, dead=2, calls=len(calls))

    @pytest.mark.parametrize("batch", [0, 10], ids=["singly", "batch"])
    async def test_pause_is_no_failure(self, queue: MessageQueue, batch: int) -> None:
        event, group, told, seen = numbered(), Group(fresh("group")), Told(), Seen[object]()

        @group.on(event, batch=batch)
        async def handle(message: object) -> None:
            seen.add(message)
            if len(seen) < 3:
                raise NotReady("the database is away")

        await queue.publish_many([event(number) for number in range(5)])
        async with Worker(queue, [group], observers=[told]):
            await all_handled(queue, group.name)
        told.check(handled=5, calls=len(seen))

    async def test_what_is_cancelled_at_the_end_is_not_counted(self, queue: MessageQueue) -> None:
        event, group, told, begun = numbered(), Group(fresh("group")), Told(), Seen[int]()

        @group.on(event)
        async def handle(message: Numbered) -> None:
            begun.add(message.number)
            await asyncio.Event().wait()

        await queue.publish(event(1))
        async with Worker(queue, [group], observers=[told], drain=SHORT_DRAIN_SECONDS):
            await begun.has(1)
            assert told.hand == 1
        told.check(calls=1)

        seen, again = Seen[Numbered](), Told()
        other = Group(group.name)
        other.on(event)(recording(event, seen).handlers[0].function)
        async with Worker(queue, [other], observers=[again]):
            await seen.has(1)
        again.check(handled=1, calls=1)

    async def test_numbers_of_requests_and_commands(self, queue: MessageQueue) -> None:
        ask, command, group, told = question(), order(), Group(fresh("group")), Told()

        @group.on(ask)
        async def answer(message: Question) -> str:
            if message.number == 1:
                raise ValueError("no")
            return "yes"

        @group.on(command)
        async def do(message: object) -> None: ...

        async with Worker(queue, [group], observers=[told]):
            await queue.send(command(1))
            assert await queue.request(ask(0), timeout=30) == "yes"
            with pytest.raises(HandlerFailed):
                await queue.request(ask(1), timeout=30)
            await all_handled(queue, group.name)
        told.check(handled=2, failed=1, calls=3)

    async def test_observer_that_raises_hurts_nothing(
        self, queue: MessageQueue, caplog: pytest.LogCaptureFixture
    ) -> None:
        event, told, seen = numbered(), Told(), Seen[Numbered]()
        await queue.publish_many([event(number) for number in range(20)])
        group = recording(event, seen)
        async with Worker(queue, [group], observers=[Broken(), told]):
            await all_handled(queue, group.name)
        assert sorted(numbers(seen.items)) == list(range(20))
        told.check(handled=20, calls=20)
        said = [
            record for record in caplog.records if "the observer Broken failed" in record.message
        ]
        assert len(said) == 2


class Broken(Observer):
    """Fails in two ways."""

    def joined(self, group: str, subject: str) -> None:
        raise ValueError(group)

    def settled(self, group: str, subject: str, what: Settled) -> None:
        raise KeyError(group)

    def left(self, group: str, subject: str) -> None:
        raise ValueError(group)


async def _has_dead(queue: MessageQueue, group: Group, count: int) -> bool:
    return len(await queue.dead_letters.list(group=group.name)) == count
