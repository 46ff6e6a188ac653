"""What an operator does with dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from dovetail import (
    Backoff,
    Context,
    DeadLetter,
    DeadLetterNotFound,
    Group,
    MessageQueue,
    Received,
    Reject,
    Worker,
)
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, Order, fresh, numbered, numbers, order
from dovetail.testing.conformance.waiting import Seen, all_handled


class DeadLetters(Conformance):
    """Listed, shown, replayed, dropped."""

    async def test_listed_newest_first_by_filter(self, queue: MessageQueue) -> None:
        event, group = numbered(), fresh("group")
        letters = await _three_dead(queue, event, group)
        assert [letter.reason for letter in letters] == [
            "Reject: Blue 2",
            "Reject: Red 1",
            "Reject: Blue 0",
        ]
        subject = event.__subject__
        blue0, red, blue2 = reversed(letters)
        find = queue.dead_letters.list
        assert await find(group=group, reason="blue") == [blue2, blue0]
        assert await find(group=group, before=blue2.died_at) == [red, blue0]
        assert await find(group=group, most=2) == [blue2, red]
        assert await find(subject=subject, most=1) == [blue2]
        assert await find(subject=subject[: subject.rindex(".")] + ".*", group=group) == letters
        assert await find(subject=subject + ".more") == []
        assert await find(group=group, before=blue0.died_at - timedelta(days=1)) == []
        assert await find(group=fresh("group")) == []

    async def test_got_by_its_id(self, queue: MessageQueue) -> None:
        letters = await _three_dead(queue, numbered(), fresh("group"))
        assert await queue.dead_letters.get(letters[1].id) == letters[1]
        for unknown in ("", "0", "999999999", "no such"):
            with pytest.raises(DeadLetterNotFound, match="dovetail dead list"):
                await queue.dead_letters.get(unknown)

    async def test_replayed_to_the_group_that_failed_only(self, queue: MessageQueue) -> None:
        event, tried, other = numbered(), Seen[int](), Seen[Numbered]()
        failing = Group(fresh("group"), retry=Backoff(first=0.05, tries=2))

        @failing.on(event)
        async def fail_twice(message: Numbered, context: Context) -> None:
            tried.add(context.attempt)
            if len(tried) <= 2:
                raise ValueError("no")

        second = recording(event, other)
        async with Worker(queue, [failing, second]):
            await queue.publish(event(1))
            await all_handled(queue, failing.name, second.name)
            [letter] = await queue.dead_letters.list(group=failing.name)
            await queue.dead_letters.replay(letter)
            await all_handled(queue, failing.name, second.name)
        assert tried.items == [1, 2, 1]
        assert numbers(other.items) == [1]
        assert not await queue.dead_letters.list(group=failing.name)

    async def test_replayed_after_mending(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        group = recording(event, seen)
        async with Worker(queue, [group]):
            await queue.publish_raw(event.__subject__, b'{"number": "one"}')
            await all_handled(queue, group.name)
            [letter] = await queue.dead_letters.list(group=group.name)
            body = b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"number":1}}'
            await queue.dead_letters.replay(letter, body=body)
            assert numbers(await seen.has(1)) == [1]

    async def test_replayed_while_no_worker_runs(self, queue: MessageQueue) -> None:
        event, name, seen = numbered(), fresh("group"), Seen[Numbered]()
        letters = await _three_dead(queue, event, name)
        for letter in reversed(letters):
            await queue.dead_letters.replay(letter)
        mended = Group(name)

        @mended.on(event)
        async def take(message: Numbered) -> None:
            seen.add(message)

        async with Worker(queue, [mended]):
            assert numbers(await seen.has(3)) == [0, 1, 2]

    async def test_replayed_to_a_wildcard_handler(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[str]()
        pattern = event.__subject__.replace("events.", "*.")
        group = Group(fresh("group"))

        @group.on(pattern)
        async def reject_once(message: Received) -> None:
            seen.add(message.subject)
            if len(seen) == 1:
                raise Reject("no")

        async with Worker(queue, [group]):
            await queue.publish(event())
            await all_handled(queue, group.name)
            [letter] = await queue.dead_letters.list(group=group.name)
            assert (letter.subject, letter.claimed) == (event.__subject__, pattern)
            await queue.dead_letters.replay(letter)
            assert await seen.has(2) == [event.__subject__] * 2

    async def test_command_replayed(self, queue: MessageQueue) -> None:
        command, tried = order(), Seen[Order]()
        group = Group(fresh("group"))

        @group.on(command)
        async def reject_once(message: Order) -> None:
            tried.add(message)
            if len(tried) == 1:
                raise Reject("no")

        async with Worker(queue, [group]):
            await queue.send(command(5))
            await all_handled(queue, group.name)
            [letter] = await queue.dead_letters.list(group=group.name)
            await queue.dead_letters.replay(letter)
            assert numbers(await tried.has(2)) == [5, 5]

    async def test_dropped_for_good(self, queue: MessageQueue) -> None:
        group = fresh("group")
        first, second, third = await _three_dead(queue, numbered(), group)
        await queue.dead_letters.drop(second)
        assert await queue.dead_letters.list(group=group) == [first, third]
        with pytest.raises(DeadLetterNotFound):
            await queue.dead_letters.drop(second)
        with pytest.raises(DeadLetterNotFound):
            await queue.dead_letters.replay(second)
        with pytest.raises(DeadLetterNotFound):
            await queue.dead_letters.get(second.id)


async def _three_dead(
    queue: MessageQueue, event: type[Numbered], name: str
) -> Sequence[DeadLetter]:
    group = Group(name)

    @group.on(event)
    async def reject(message: Numbered) -> None:
        raise Reject(f"{message.text} {message.number}")

    async with Worker(queue, [group]):
        for number, text in enumerate(("Blue", "Red", "Blue")):
            await queue.publish(event(number, text))
            await all_handled(queue, name)
    return await queue.dead_letters.list(group=name)
