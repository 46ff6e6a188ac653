"""A release makes a command of what was an event, or the reverse: same group, same subject, another kind."""

from __future__ import annotations

import pytest

from dovetail import CommandClaimed, Group, Worker, connect
from dovetail.testing.conformance.base import adding_to, recording
from dovetail.testing.conformance.names import Numbered, Order, numbered, numbers, order
from dovetail.testing.conformance.waiting import Seen, all_handled

pytestmark = pytest.mark.faults


async def test_event_that_becomes_a_command(queue_url: str) -> None:
    """The group owns the command from then on, also while none of it runs, and gets no events."""
    command, seen, events = order(), Seen[Order](), Seen[Numbered]()
    event, group = numbered(command.__subject__), recording(command, seen)
    before, another = Group(group.name), recording(command, seen)
    before.on(event)(adding_to(events))
    async with connect(queue_url) as queue, connect(queue_url) as other:
        async with Worker(queue, [before]):
            await queue.publish(event(1))
            await all_handled(queue, before.name)
        async with Worker(queue, [group]):
            with pytest.raises(CommandClaimed) as caught:
                await Worker(other, [another]).__aenter__()
            await queue.publish(event(2))
            await queue.send(command(3))
            await seen.has(1)
        with pytest.raises(CommandClaimed):
            await Worker(other, [another]).__aenter__()
    assert caught.value.group == group.name
    assert (numbers(events.items), numbers(seen.items)) == ([1], [3])


async def test_command_that_becomes_an_event(queue_url: str) -> None:
    """The group gets the events from before, as every new group does."""
    command, seen, handled = order(), Seen[Numbered](), Seen[Order]()
    event, group = numbered(command.__subject__), recording(command, handled)
    after = Group(group.name)
    after.on(event)(adding_to(seen))
    async with connect(queue_url) as queue:
        await queue.publish(event(1))
        async with Worker(queue, [group, recording(event, Seen[Numbered]())]):
            await queue.publish(event(2))
            await queue.send(command(3))
            await all_handled(queue, group.name)
        async with Worker(queue, [after]):
            await queue.publish(event(4))
            await seen.has(3)
            await all_handled(queue, after.name)
    assert (numbers(handled.items), numbers(seen.items)) == ([3], [1, 2, 4])
