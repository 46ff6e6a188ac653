"""What a subscription owes the worker, whatever the order in which it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from dovetail import MessageQueue
from dovetail.delivery import Claim, Delivery
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.names import fresh, fresh_subject
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, all_handled
from dovetail.transport import Subscription

#: So long that nothing comes again by the end of a lease.
LEASE_SECONDS = 300


class Settling(Conformance):
    """A message is settled once."""

    async def test_fetch_gives_no_more_than_asked_for_oldest_first(
        self, queue: MessageQueue
    ) -> None:
        subject, group, taken = await _published(queue, 20), fresh("group"), list[Delivery]()
        async with _member(queue, subject, group) as member:
            while len(taken) < 20:
                some = await _fetch(member, 3)
                assert 1 <= len(some) <= 3
                taken += some
                member.ack(some)
            await all_handled(queue, group)
        assert _numbers(taken) == list(range(20))

    async def test_second_ack_does_nothing(self, queue: MessageQueue) -> None:
        subject, group = fresh_subject(), fresh("group")
        async with _member(queue, subject, group) as member:
            for number in range(3):
                await queue.publish_raw(subject, b"%d" % number)
                [delivery] = await _fetch(member, 10)
                assert _numbers([delivery]) == [number]
                member.ack([delivery])
                member.ack([delivery])
                await all_handled(queue, group)
                member.ack([delivery])

    async def test_what_is_acked_is_not_released(self, queue: MessageQueue) -> None:
        subject, group = await _published(queue, 4), fresh("group")
        taken, again = list[Delivery](), list[Delivery]()
        async with _member(queue, subject, group) as member:
            while len(taken) < 4:
                taken += await _fetch(member, 4)
            member.ack(taken[:2])
            await member.stop()
            await member.release(taken)
        async with _member(queue, subject, group) as member:
            while len(again) < 2:
                again += await _fetch(member, 4)
            member.ack(again)
            await all_handled(queue, group)
        assert sorted(_numbers(again)) == [2, 3]
        assert {one.attempt for one in again} == {1}

    async def test_what_was_released_and_came_again_is_settled_by_its_new_delivery_only(
        self, queue: MessageQueue
    ) -> None:
        subject, group = await _published(queue, 1), fresh("group")
        async with _member(queue, subject, group) as member:
            [old] = await _fetch(member, 10)
            await member.release([old])
            [new] = await _fetch(member, 10)
            attempt = new.attempt  # which retry may change
            member.ack([old])
            await member.release([old])
            await member.retry(old, 0)
            await member.retry(new, 0.05)
            [last] = await _fetch(member, 10)
            assert (attempt, last.attempt) == (1, 2)
            member.ack([last])
            await all_handled(queue, group)

    async def test_key_stays_the_same(self, queue: MessageQueue) -> None:
        subject, group = await _published(queue, 1), fresh("group")
        async with _member(queue, subject, group) as member:
            [first] = await _fetch(member, 10)
            key = first.key
            await member.retry(first, 0.05)
            [second] = await _fetch(member, 10)
            assert (second.key, second.attempt) == (key, 2)
            member.ack([second])
            await all_handled(queue, group)

    async def test_stopped_subscription_gives_nothing(self, queue: MessageQueue) -> None:
        subject, group = fresh_subject(), fresh("group")
        async with _member(queue, subject, group) as member:
            fetching = asyncio.create_task(_fetch(member, 10))
            await asyncio.sleep(0)
            await member.stop()
            assert list(await fetching) == []
            await queue.publish_raw(subject, b"0")
            assert list(await _fetch(member, 10)) == []
        assert len(await queue.waiting(subject, group)) == 1


async def _published(queue: MessageQueue, count: int) -> str:
    """A subject of its own, on which there are so many messages."""
    subject = fresh_subject()
    for number in range(count):
        await queue.publish_raw(subject, b"%d" % number)
    return subject


def _numbers(deliveries: Sequence[Delivery]) -> list[int]:
    return [int(one.body) for one in deliveries]


@asynccontextmanager
async def _member(queue: MessageQueue, subject: str, group: str) -> AsyncIterator[Subscription]:
    claim = Claim(group, subject, "event", "first", lease=LEASE_SECONDS, prefetch=100)
    member = await queue.transport.claim(claim)
    try:
        yield member
    finally:
        await member.stop()
        await member.close()


async def _fetch(member: Subscription, most: int) -> Sequence[Delivery]:
    async with asyncio.timeout(LIMIT_SECONDS):
        return await member.fetch(most)
