"""The queue for users' tests of their handlers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import timedelta

import pytest

from dovetail import (
    Backoff,
    Command,
    ConfigurationError,
    Event,
    Group,
    NotReady,
    QueueUnavailable,
    Retry,
)
from dovetail.testing import memory_queue


class Happened(Event, frozen=True, subject="events.happened"):
    number: int


class Noted(Event, frozen=True, subject="events.noted"):
    number: int


class Do(Command, frozen=True, subject="commands.do"):
    pass


async def test_runs_handlers_and_ends_with_the_test() -> None:
    group, seen = Group("note-handler"), list[Noted]()

    @group.on(Happened)
    async def note(event: Happened) -> Noted:
        return Noted(event.number)

    @group.on(Noted)
    async def see(event: Noted) -> None:
        seen.append(event)

    async with memory_queue(group, source="test") as queue:
        await queue.publish(Happened(7))
        await queue.settled(timeout=30)
        assert seen == [Noted(7)]
    assert not queue.connected
    with pytest.raises(QueueUnavailable):
        await queue.publish(Happened(8))
    with pytest.raises(QueueUnavailable):
        await queue.settled()


async def test_is_shared_with_nobody() -> None:
    async with memory_queue() as queue, memory_queue() as other:
        await queue.publish(Happened(1))
        assert (await queue.status()).messages == 1
        assert (await other.status()).messages == 0


async def test_settled_where_nobody_listens() -> None:
    async with memory_queue() as queue:
        await queue.settled(timeout=timedelta(seconds=1))
        await queue.publish(Happened(1))
        await queue.settled()


async def test_settled_means_the_end_of_the_chain() -> None:
    """Events that cause commands that cause events, in two groups, with failures between."""
    counting, doing, done = Group("counting", retry=Backoff(first=0.01)), Group("doing"), [0]
    failed = set[int]()

    @counting.on(Happened)
    async def count(event: Happened) -> list[Event | Command]:
        if event.number not in failed:
            failed.add(event.number)
            raise Retry("once", after=0.02)
        return [Do(), Noted(event.number)]

    @counting.on(Noted, batch=10)
    async def noted(events: list[Noted]) -> None:
        await asyncio.sleep(0.001)
        done[0] += len(events)

    @doing.on(Do)
    async def do(command: Do) -> None:
        done[0] += 1

    async with memory_queue(counting, doing) as queue:
        for rounds in range(1, 4):
            await queue.publish_many([Happened(rounds * 10 + number) for number in range(10)])
            await queue.settled()
            assert done == [rounds * 20]


async def test_dead_letters_are_settled() -> None:
    group = Group("failing", retry=Backoff(tries=1))

    @group.on(Happened)
    async def fail(event: Happened) -> None:
        raise ValueError("no")

    async with memory_queue(group) as queue:
        await queue.publish(Happened(1))
        await queue.settled()
        assert [letter.reason for letter in await queue.dead_letters.list()] == ["ValueError: no"]


@pytest.mark.parametrize("how", ["waits", "retry", "not ready"])
async def test_what_is_not_settled_in_time_is_named(how: str) -> None:
    group, go_on = Group("slow-handler"), asyncio.Event()

    @group.on(Happened)
    async def handle(event: Happened) -> None:
        if how == "retry":
            raise Retry("later", after=60)
        if how == "not ready":
            raise NotReady("the database is away")
        await go_on.wait()

    says = r"within 0\.1 s: slow-handler has 0 waiting and 1 in hand .* of events\.happened"
    async with memory_queue(group) as queue:
        await queue.publish(Happened(1))
        with pytest.raises(TimeoutError, match=says):
            await queue.settled(timeout=0.1)
        go_on.set()


@pytest.mark.parametrize("timeout", [0, -1, None, "5", True])
async def test_wrong_time_limits(timeout: float) -> None:
    async with memory_queue() as queue:
        with pytest.raises(ConfigurationError, match="settled: timeout="):
            await queue.settled(timeout=timeout)


async def test_wrong_arguments() -> None:
    for groups, options, says in (
        ([[Group("one")]], {}, "takes groups"),
        ([Group("one"), Group("one")], {}, "two groups"),
        ([], {"time_out": 5}, "did you mean timeout"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            async with memory_queue(*groups, **options):  # type: ignore[arg-type]
                pass


WITHOUT_PYTEST = """
import asyncio, sys
sys.modules["pytest"] = sys.modules["_pytest"] = sys.modules["pytest_asyncio"] = None
from dovetail import Event, Group
from dovetail.testing import memory_queue

class Happened(Event, frozen=True, subject="events.happened"):
    number: int = 0

group, seen = Group("group"), []

@group.on(Happened)
async def handle(event: Happened) -> None:
    seen.append(event.number)

async def main() -> None:
    async with memory_queue(group) as queue:
        await queue.publish(Happened(7))
        await queue.settled()
        print(seen)

asyncio.run(main())
"""


def test_needs_no_pytest() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYTEST], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[7]\n", "")
