"""Subjects and wildcards."""

from __future__ import annotations

import pytest

from dovetail import Backoff, Context, Group, MessageQueue, Received, Reject, Worker, connect
from dovetail.limits import LONGEST_SUBJECT
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.names import Numbered, Order, fresh, fresh_subject, numbered
from dovetail.testing.conformance.waiting import Seen, all_handled

BELOW = ("", ".a", ".b", ".a.c", ".b.c", ".a.d", ".a.c.e")


class Routing(Conformance):
    """`*` is one word, `>` the rest."""

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("", [""]),
            (".*", [".a", ".b"]),
            (".*.c", [".a.c", ".b.c"]),
            (".a.*", [".a.c", ".a.d"]),
            (".*.*", [".a.c", ".b.c", ".a.d"]),
            (".>", [".a", ".b", ".a.c", ".b.c", ".a.d", ".a.c.e"]),
            (".a.>", [".a.c", ".a.d", ".a.c.e"]),
            (".*.>", [".a.c", ".b.c", ".a.d", ".a.c.e"]),
        ],
    )
    async def test_group_gets_what_its_pattern_names(
        self, queue: MessageQueue, pattern: str, expected: list[str]
    ) -> None:
        top, seen = fresh_subject(), Seen[str]()
        group = _by_pattern(top + pattern, seen)
        await queue.publish(numbered(top + BELOW[0])())  # partly before the group exists
        async with Worker(queue, [group]):
            for one in BELOW[1:]:
                await queue.publish(numbered(top + one)())
            await all_handled(queue, group.name)
        assert seen.items == [top + one for one in expected]

    async def test_one_group_may_have_typed_and_wildcard_handlers(
        self, queue: MessageQueue
    ) -> None:
        top, typed, untyped = fresh_subject(), Seen[str](), Seen[str]()
        exact = numbered(f"{top}.exact")
        group = _by_pattern(f"{top}.other.*", untyped)

        @group.on(exact)
        async def take(message: object) -> None:
            typed.add(type(message).__name__)

        async with Worker(queue, [group]):
            await queue.publish(exact())
            await queue.publish(numbered(f"{top}.other.one")())
            await all_handled(queue, group.name)
        assert (typed.items, untyped.items) == ([exact.__name__], [f"{top}.other.one"])

    async def test_the_longest_subject(self, queue: MessageQueue) -> None:
        """With all that a group does with its messages; on some queues its name stands beside the subject."""
        name, seen = fresh("group").ljust(30, "-"), Seen[tuple[str, int]]()
        event = numbered(fresh_subject().ljust(LONGEST_SUBJECT, "e"))
        longest = fresh_subject("commands").ljust(LONGEST_SUBJECT, "c")

        class Do(Order, frozen=True, subject=longest):
            pass

        group = Group(name, retry=Backoff(first=0.05, tries=2))

        @group.on(event)
        @group.on(Do)
        async def take(message: Numbered | Do, context: Context) -> None:
            seen.add(("event" if isinstance(message, Numbered) else "command", context.attempt))
            raise ValueError("again")

        await queue.publish(event())  # before the group exists
        async with Worker(queue, [group]):
            await queue.send(Do())
            await seen.has(4)
            await all_handled(queue, name)
        assert sorted(seen.items) == [(kind, n) for kind in ("command", "event") for n in (1, 2)]
        await queue.rename_group(name, new := name[:-1] + "_")
        assert await queue.dead_letters.replay_all(group=new) == 2
        own = [one.status for one in await queue.groups() if one.status.group == new]
        assert [one.waiting + one.in_hand for one in own] == [1, 1]
        [replayed] = await queue.waiting(event, new)
        assert replayed.subject == event.__subject__
        await queue.remove_group(new)
        assert not [one for one in await queue.groups() if one.status.group == new]

    async def test_wildcard_anywhere_in_the_tree(self, queue: MessageQueue) -> None:
        word, seen = fresh("word"), Seen[str]()
        group = _by_pattern(f"*.{word}", seen)
        await queue.publish(numbered(f"before.{word}")())
        async with Worker(queue, [group]):
            await queue.publish(numbered(f"after.{word}")())
            await queue.publish(numbered(f"after.{word}.below")())
            await all_handled(queue, group.name)
        assert seen.items == [f"before.{word}", f"after.{word}"]

    async def test_group_of_everything(self, own_address: str) -> None:
        event, seen, other = numbered(), Seen[str](), Seen[int]()
        everything = _by_pattern(">", seen)
        failing = Group(fresh("group"))

        @failing.on(event)
        async def reject_once(message: Numbered) -> None:
            other.add(message.number)
            if len(other) == 1:
                raise Reject("no")

        async with connect(own_address) as queue:
            await queue.publish(numbered("first.of.all")())
            async with Worker(queue, [everything, failing]):
                await queue.publish(event(1))
                await queue.publish(numbered(fresh("last"))())
                await all_handled(queue, everything.name, failing.name)
                [letter] = await queue.dead_letters.list(group=failing.name)
                await queue.dead_letters.replay(letter)
                await other.has(2)
                await all_handled(queue, everything.name, failing.name)
            assert [one.subject for one in await queue.waiting(">", fresh("group"))] == seen.items
        assert seen.items[:2] == ["first.of.all", event.__subject__]
        assert len(seen) == 3


def _by_pattern(pattern: str, seen: Seen[str]) -> Group:
    group = Group(fresh("group"))

    @group.on(pattern)
    async def take(message: Received) -> None:
        seen.add(message.subject)

    return group
