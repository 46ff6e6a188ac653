"""The queue for users' tests of their handlers."""

from __future__ import annotations

import pytest

from dovetail import Event, Group, QueueUnavailable
from dovetail.testing import memory_queue
from dovetail.testing.conformance.waiting import Seen


class Happened(Event, frozen=True, subject="events.happened"):
    number: int


class Noted(Event, frozen=True, subject="events.noted"):
    number: int


async def test_runs_handlers_and_ends_with_the_test() -> None:
    group, seen = Group("note-handler"), Seen[Noted]()

    @group.on(Happened)
    async def note(event: Happened) -> Noted:
        return Noted(event.number)

    @group.on(Noted)
    async def see(event: Noted) -> None:
        seen.add(event)

    async with memory_queue(group, source="test") as queue:
        await queue.publish(Happened(7))
        assert await seen.has(1) == [Noted(7)]
    assert not queue.connected
    with pytest.raises(QueueUnavailable):
        await queue.publish(Happened(8))


async def test_is_shared_with_nobody() -> None:
    async with memory_queue() as queue, memory_queue() as other:
        await queue.publish(Happened(1))
        assert (await queue.status()).messages == 1
        assert (await other.status()).messages == 0
