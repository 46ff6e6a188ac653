"""Groups that are renamed and removed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dovetail import (
    Backoff,
    CommandClaimed,
    ConfigurationError,
    Context,
    Group,
    MessageQueue,
    Reject,
    Retry,
    Worker,
    connect,
)
from dovetail.status import GroupInfo
from dovetail.testing.conformance.base import Conformance, adding_to, recording
from dovetail.testing.conformance.names import (
    Numbered,
    Order,
    fresh,
    fresh_subject,
    numbered,
    numbers,
    order,
)
from dovetail.testing.conformance.waiting import Seen, all_handled, until


class ManagedGroups(Conformance):
    """A rename loses nothing and repeats nothing; what is removed is forgotten, and holds nothing up."""

    async def test_members_are_counted(self, queue: MessageQueue, address: str) -> None:
        event, group = numbered(), recording(numbered(), Seen[Numbered]())
        group.on(event)(adding_to(Seen[Numbered]()))
        assert not await _rows(queue, group.name)
        async with connect(address) as another, Worker(queue, [group]):
            await _running(queue, group, 1)
            async with Worker(another, [group]):
                await _running(queue, group, 2)
        await _running(queue, group, 0)
        assert len(await _rows(queue, group.name)) == 2

    async def test_renamed_with_all_it_has(self, queue: MessageQueue) -> None:
        event, old, new = numbered(), fresh("group"), fresh("group")
        calls = Seen[tuple[str, int, int]]()
        async with Worker(queue, [_picky(old, event, calls)]):
            await queue.publish_many([event(number) for number in range(6)])
            await calls.has(6)
            await until_settled(queue, old)
        before = len(calls)
        failed = [number for _, number, _ in calls.items].count(1)
        await queue.publish(event(6))
        await queue.rename_group(old, new)
        assert not await _rows(queue, old)
        await queue.publish(event(7))
        assert [row.status.dead for row in await _rows(queue, new)] == [1]
        async with Worker(queue, [_picky(new, event, calls, never=-1)]):
            moved = (await calls.has(before + 3))[before:]
            assert sorted(moved) == [(new, 1, failed + 1), (new, 6, 1), (new, 7, 1)]
            [letter] = await queue.dead_letters.list(group=new)
            assert (letter.group, letter.reason) == (new, "Reject: two")
            assert not await queue.dead_letters.list(group=old)
            await queue.dead_letters.replay(letter)
            assert (await calls.has(before + 4))[-1] == (new, 2, 1)
            await until(lambda: _has_dead(queue, new), "it died again")
        [letter] = await queue.dead_letters.list(group=new)
        assert letter.group == new
        await queue.dead_letters.drop(letter)
        assert len(calls) == before + 4

    async def test_old_name_is_free_again(self, queue: MessageQueue) -> None:
        event, seen, again = numbered(), Seen[Numbered](), Seen[Numbered]()
        group = recording(event, seen)
        async with Worker(queue, [group]):
            await queue.publish(event(1))
            await all_handled(queue, group.name)
        await queue.rename_group(group.name, new := fresh("group"))
        another, moved = Group(group.name), Group(new)
        another.on(event)(adding_to(again))
        moved.on(event)(adding_to(seen))
        async with Worker(queue, [another, moved]):
            await queue.publish(event(2))
            await all_handled(queue, another.name, moved.name)
        assert (numbers(seen.items), numbers(again.items)) == ([1, 2], [1, 2])
        with pytest.raises(ConfigurationError, match="already, with progress of its own"):
            await queue.rename_group(new, group.name)
        await queue.remove_group(group.name)
        await queue.rename_group(new, group.name)
        assert not await _rows(queue, new)
        async with Worker(queue, [another]):
            await queue.publish(event(3))
            await all_handled(queue, another.name)
        assert numbers(again.items) == [1, 2, 3]

    async def test_nothing_is_changed_while_members_run(self, queue: MessageQueue) -> None:
        group = recording(numbered(), Seen[Numbered]())
        async with Worker(queue, [group]):
            await _running(queue, group, 1)
            with pytest.raises(ConfigurationError, match="1 member runs in the group"):
                await queue.rename_group(group.name, fresh("group"))
            with pytest.raises(ConfigurationError, match="1 member runs in the group"):
                await queue.remove_group(group.name)
            with pytest.raises(ConfigurationError, match="is called that already"):
                await queue.rename_group(group.name, group.name)
        await queue.remove_group(group.name)
        with pytest.raises(ConfigurationError, match="there is no group"):
            await queue.remove_group(group.name)
        with pytest.raises(ConfigurationError, match="is not a group name"):
            await queue.rename_group(group.name, "two words")

    async def test_removed_with_its_dead_letters(self, queue: MessageQueue) -> None:
        event, name, seen = numbered(), fresh("group"), Seen[Numbered]()
        other, calls = recording(event, seen), Seen[tuple[str, int, int]]()
        async with Worker(queue, [_picky(name, event, calls), other]):
            await queue.publish_many([event(number) for number in range(4)])
            await calls.has(4)
            await until_settled(queue, name)
            await all_handled(queue, other.name)
        await queue.publish(event(4))
        await queue.remove_group(name)
        assert not await _rows(queue, name)
        assert not await queue.dead_letters.list(group=name)
        async with Worker(queue, [other]):
            await all_handled(queue, other.name)
        assert numbers(seen.items) == list(range(5))
        afresh = Seen[Numbered]()
        group = Group(name)
        group.on(event)(adding_to(afresh))
        async with Worker(queue, [group]):  # as one that was never there
            await queue.publish(event(5))
            await all_handled(queue, name)
        assert numbers(afresh.items) == list(range(6))

    async def test_forgotten_group_holds_the_history_no_more(self, own_address: str) -> None:
        self.need("limits_store")
        event, seen = numbered(), Seen[Numbered]()
        busy, forgotten = recording(event, seen), recording(event, Seen[Numbered]())
        async with connect(own_address, keep=timedelta(0)) as queue:

            async def trimmed() -> bool:
                return (await queue.status()).messages == 0

            async with Worker(queue, [forgotten]):
                pass
            async with Worker(queue, [busy]):
                await queue.publish_many([event(number) for number in range(10)])
                await all_handled(queue, busy.name)
                assert (await queue.status()).messages == 10
                await queue.remove_group(forgotten.name)
                await until(trimmed, "nothing is kept for it")
            await queue.remove_group(busy.name)
            await queue.publish(event(11))
            async with Worker(queue, [recording(numbered(), Seen[Numbered]())]):
                await until(trimmed, "nor for a subject that has no group any more")

    async def test_one_subject_of_several_is_removed(self, queue: MessageQueue) -> None:
        one, other, seen = numbered(), numbered(), Seen[Numbered]()
        group = recording(one, seen)
        group.on(other)(adding_to(seen))
        async with Worker(queue, [group]):
            pass
        with pytest.raises(ConfigurationError, match="has not claimed"):
            await queue.remove_group(group.name, subject=fresh_subject())
        await queue.remove_group(group.name, subject=one.__subject__)
        [left] = await _rows(queue, group.name)
        assert left.status.subject == other.__subject__

    @pytest.mark.parametrize("way", ["removed", "renamed"])
    async def test_command_gets_another_owner(self, queue: MessageQueue, way: str) -> None:
        command, handled, tried = order(), Seen[Order](), Seen[int]()
        former, next_one = Group(fresh("group")), recording(command, handled)

        @former.on(command)
        async def fail_at_two(message: Order) -> None:
            tried.add(message.number)
            if message.number == 2:
                raise Retry(after=0.3)

        async with Worker(queue, [former]):
            for number in (1, 2):
                await queue.send(command(number))
            await tried.has(2)
            await until_settled(queue, former.name)
        await queue.send(command(3))
        with pytest.raises(CommandClaimed, match=f"group remove {former.name}"):
            await Worker(queue, [next_one]).__aenter__()
        if way == "removed":
            await queue.remove_group(former.name)
        else:
            await queue.rename_group(former.name, next_one.name)
        await queue.send(command(4))  # while nobody has it
        async with Worker(queue, [next_one]):
            await queue.send(command(5))
            assert sorted(numbers(await handled.has(4))) == [2, 3, 4, 5]
            await all_handled(queue, next_one.name)
            with pytest.raises(CommandClaimed) as caught:
                await Worker(queue, [former]).__aenter__()
        assert caught.value.group == next_one.name
        assert (set(tried.items), len(handled)) == ({1, 2}, 4)


async def until_settled(queue: MessageQueue, group: str) -> None:
    """Return when nothing waits but for its time."""

    async def settled() -> bool:
        rows = [row.status for row in await _rows(queue, group)]
        return bool(rows) and all(row.waiting == 0 and row.in_hand <= 1 for row in rows)

    await until(settled, "what could be handled is")


async def _running(queue: MessageQueue, group: Group, wanted: int) -> None:
    """Return when so many members are counted, of each subject."""

    async def counted() -> bool:
        return all(row.running == wanted for row in await _rows(queue, group.name))

    await until(counted, f"{wanted} members run")


async def _has_dead(queue: MessageQueue, group: str) -> bool:
    return bool(await queue.dead_letters.list(group=group))


async def _rows(queue: MessageQueue, group: str) -> list[GroupInfo]:
    return [row for row in await queue.groups() if row.status.group == group]


def _picky(
    name: str, event: type[Numbered], calls: Seen[tuple[str, int, int]], *, never: int = 1
) -> Group:
    """One number is never done, 2 is rejected."""
    group = Group(name, retry=Backoff(tries=100))

    @group.on(event)
    async def handle(message: Numbered, context: Context) -> None:
        calls.add((name, message.number, context.attempt))
        if message.number == never:
            raise Retry(after=0.3)
        if message.number == 2:
            raise Reject("two")

    return group
