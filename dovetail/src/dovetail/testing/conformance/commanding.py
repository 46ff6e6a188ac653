"""Commands: for exactly one group."""

from __future__ import annotations

import asyncio

import pytest

from dovetail import CommandClaimed, Group, MessageQueue, NoGroup, Received, Worker, connect
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Order, fresh, numbered, numbers, order
from dovetail.testing.conformance.waiting import Seen, all_handled


class Commanding(Conformance):
    """A command is refused until a group claims it, and kept for that group from then on."""

    async def test_no_group(self, queue: MessageQueue) -> None:
        command, seen = order(), Seen[Order]()
        with pytest.raises(NoGroup, match="start its worker once") as caught:
            await queue.send(command(1))
        assert caught.value.subject == command.__subject__
        async with Worker(queue, [group := recording(command, seen)]):
            await queue.send(command(2))
            await all_handled(queue, group.name)
        assert numbers(seen.items) == [2]

    async def test_kept_while_no_worker_runs(self, queue: MessageQueue) -> None:
        command, seen = order(), Seen[Order]()
        group = recording(command, seen)
        async with Worker(queue, [group]):
            pass
        for number in range(10):
            await queue.send(command(number))
        async with Worker(queue, [group]):
            assert numbers(await seen.has(10)) == list(range(10))

    async def test_second_group_is_refused(self, queue: MessageQueue, address: str) -> None:
        command, seen = order(), Seen[Order]()
        first, second = recording(command, seen), recording(command, seen)
        async with connect(address) as another:
            async with Worker(queue, [first]):
                with pytest.raises(CommandClaimed) as caught:
                    await Worker(another, [second]).__aenter__()
            with pytest.raises(CommandClaimed):  # also while no member runs
                await Worker(another, [second]).__aenter__()
        assert (caught.value.subject, caught.value.group) == (command.__subject__, first.name)

    async def test_members_share(self, queue: MessageQueue, address: str) -> None:
        command, seen = order(), Seen[Order]()
        group = recording(command, seen)
        async with connect(address) as another, Worker(queue, [group]), Worker(another, [group]):
            await asyncio.gather(*(queue.send(command(number)) for number in range(200)))
            await all_handled(queue, group.name)
        assert sorted(numbers(seen.items)) == list(range(200))

    @pytest.mark.parametrize("first", ["command", "events"])
    async def test_events_on_its_subject_are_not_commands(
        self, queue: MessageQueue, address: str, first: str
    ) -> None:
        command, handled, seen = order(), Seen[Order](), Seen[Received]()
        subject = command.__subject__
        owner, everything = recording(command, handled), Group(fresh("group"))

        @everything.on(f"{subject.rsplit('.', 1)[0]}.>")
        async def take(event: Received) -> None:
            if event.subject == subject:
                seen.add(event)

        groups = [owner, everything] if first == "command" else [everything, owner]
        async with connect(address) as another:
            for group in groups:
                async with Worker(another, [group]):
                    pass
            async with Worker(queue, [owner]), Worker(another, [everything]):
                await queue.send(command(1))
                await queue.publish(numbered(subject)(2))
                await queue.send(command(3))
                await all_handled(queue, owner.name, everything.name)
        assert numbers(handled.items) == [1, 3]
        assert [event.data["number"] for event in seen.items] == [2]

    async def test_same_id_is_one_command(self, queue: MessageQueue) -> None:
        self.need("deduplicates")
        command, seen = order(), Seen[Order]()
        async with Worker(queue, [group := recording(command, seen)]):
            command_id = await queue.send(command(1))
            await all_handled(queue, group.name)
            # Also after it was handled.
            assert await queue.send(command(1), id=command_id) == command_id
            await all_handled(queue, group.name)
        assert numbers(seen.items) == [1]
