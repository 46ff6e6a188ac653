"""What an operator sees."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from dovetail import Group, GroupStatus, MessageQueue, Reject, Worker
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import (
    Numbered,
    Order,
    fresh,
    fresh_subject,
    numbered,
    order,
)
from dovetail.testing.conformance.waiting import Seen, all_handled


class Inspection(Conformance):
    """Status, and what waits."""

    async def test_numbers_of_a_group(self, queue: MessageQueue) -> None:
        event, group, go_on = numbered(), Group(fresh("group")), asyncio.Event()
        begun = Seen[Numbered]()

        @group.on(event)
        async def take_long(message: Numbered) -> None:
            begun.add(message)
            await go_on.wait()
            if message.number < 3:
                raise Reject("no")

        before = datetime.now(UTC) - timedelta(seconds=1)
        async with Worker(queue, [group]):
            pass
        await queue.publish_many([event(number) for number in range(10)])
        row = await _row(queue, group.name)
        assert (row.subject, row.kind) == (event.__subject__, "event")
        assert (row.waiting, row.in_hand, row.dead) == (10, 0, 0)
        assert row.oldest is not None
        assert before < row.oldest < datetime.now(UTC) + timedelta(seconds=1)

        async with Worker(queue, [group]):
            await begun.has(1)
            row = await _row(queue, group.name)
            assert row.in_hand >= 1
            assert row.waiting + row.in_hand == 10
            go_on.set()
            await all_handled(queue, group.name)
        row = await _row(queue, group.name)
        assert (row.waiting, row.in_hand, row.dead, row.oldest) == (0, 0, 3, None)

    async def test_command_and_pattern_have_their_rows(self, queue: MessageQueue) -> None:
        command, seen = order(), Seen[Order]()
        async with Worker(queue, [group := recording(command, seen)]):
            pass
        await queue.send(command(1))
        row = await _row(queue, group.name)
        assert (row.subject, row.kind, row.waiting) == (command.__subject__, "command", 1)

        top, pattern = fresh_subject(), Group(fresh("group"))

        @pattern.on(f"{top}.*.>")
        async def take(message: object) -> None: ...

        async with Worker(queue, [pattern]):
            pass
        await queue.publish(numbered(f"{top}.a.b.c")())
        row = await _row(queue, pattern.name)
        assert (row.subject, row.waiting) == (f"{top}.*.>", 1)

    async def test_totals(self, queue: MessageQueue) -> None:
        before = await queue.status()
        await queue.publish(numbered()(1, "x" * 1000))
        after = await queue.status()
        assert after.messages == before.messages + 1
        if self.features.counts_bytes:
            assert (after.bytes or 0) >= (before.bytes or 0) + 1000
        else:
            assert after.bytes is None
        assert after.transport
        assert after.address
        assert after.server

    async def test_waiting_is_shown_oldest_first_and_not_taken(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        group = recording(event, seen)
        ids = await queue.publish_many([event(number) for number in range(5)])
        unknown = await queue.waiting(event, group.name)
        assert [one.id for one in unknown] == ids
        assert [one.data["number"] for one in unknown] == [0, 1, 2, 3, 4]
        assert unknown[0].time is not None
        assert [one.id for one in await queue.waiting(event, group.name, most=2)] == ids[:2]
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert await queue.waiting(event, group.name) == []
        assert len(seen) == 5

        [later] = await queue.publish_many([event(5)])
        assert [one.id for one in await queue.waiting(event, group.name)] == [later]
        assert await queue.waiting(fresh_subject(), group.name) == []


async def _row(queue: MessageQueue, group: str) -> GroupStatus:
    [row] = [row for row in (await queue.status()).groups if row.group == group]
    return row
