"""What a worker does while something that it needs is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from threading import Event as ThreadEvent

import pytest

from dovetail import (
    Backoff,
    Command,
    Event,
    Group,
    NotReady,
    QueueUnavailable,
    Worker,
    connect,
    worker,
)
from dovetail.delivery import Outgoing
from dovetail.running import threads
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled
from dovetail.transports.memory.subscription import MemorySubscription


class Cause(Event, frozen=True, subject="events.cause"):
    number: int = 0


class Effect(Event, frozen=True, subject="events.effect"):
    text: str


class Away(Event, frozen=True, subject="events.away"):
    pass


class Do(Command, frozen=True, subject="commands.do"):
    pass


async def test_what_the_queue_has_is_not_published_again_while_the_rest_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group, tried = Group("cause-handler"), Seen[str]()

    @group.on(Cause)
    async def cause(event: Cause) -> list[Event | Command]:
        return [Do(), Effect("x" * 10_000)]

    @group.on(Do)
    async def do(command: Do) -> None: ...

    async with connect("memory://", limit_bytes=5_000) as queue:
        publish = queue.transport.publish

        async def noted(messages: Sequence[Outgoing], timeout: float) -> None:
            for message in messages:
                tried.add(message.subject)
            await publish(messages, timeout)

        async with Worker(queue, [group]):
            await queue.publish(Cause())
            monkeypatch.setattr(queue.transport, "publish", noted)
            await tried.has(6)
    assert tried.items[:4] == ["commands.do", "events.effect"] * 2
    assert set(tried.items[4:]) == {"events.effect"}


async def test_a_release_that_fails_does_not_end_the_loop_with_an_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    group, calls = Group("group"), Seen[int]()

    @group.on(Away)
    async def wait(event: Away) -> None:
        calls.add(1)
        raise NotReady("the database is away")

    async def fail(*_: object) -> None:
        raise QueueUnavailable("the connection is lost")

    monkeypatch.setattr(MemorySubscription, "release", fail)
    async with connect("memory://") as queue, Worker(queue, [group]):
        await queue.publish(Away())
        await calls.has(1)
    said = [record.getMessage() for record in caplog.records]
    assert "group: 1 messages come again when their leases end: the connection is lost" in said
    assert "while draining" not in said


async def test_what_is_handled_again_under_a_new_name_causes_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    causes, effects = Seen[int](), Seen[str]()
    seeing = Group("seeing")

    def causing(name: str) -> Group:
        group = Group(name, lease=1)

        @group.on(Cause)
        async def cause(event: Cause) -> Effect:
            causes.add(event.number)
            return Effect("caused")

        return group

    @seeing.on(Effect)
    async def see(event: Effect) -> None:
        effects.add(event.text)

    async with connect("memory://") as queue, Worker(queue, [seeing]):
        with monkeypatch.context() as lost:
            lost.setattr(MemorySubscription, "ack", lambda *_: None)
            async with Worker(queue, [causing("old")]):
                await queue.publish(Cause())
                await causes.has(1)
        await effects.has(1)
        await queue.rename_group("old", "new")
        async with Worker(queue, [causing("new")]):
            await causes.has(2)
        await queue.publish(Effect("the end"))
        await effects.has(2)
    assert effects.items == ["caused", "the end"]


async def test_handler_that_works_does_not_call_one_that_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    group, calls, go_on = Group("group"), Seen[int](), asyncio.Event()

    @group.on(Away)
    async def wait(event: Away) -> None:
        calls.add(1)
        if not go_on.is_set():
            raise NotReady("the database is away")

    @group.on(Cause)
    async def cause(event: Cause) -> Effect:
        return Effect(str(event.number))

    @group.on(Effect)
    async def see(event: Effect) -> None:
        seen.add(event)

    seen = Seen[Effect]()
    caplog.set_level(logging.WARNING, "dovetail.worker")
    async with connect("memory://") as queue, Worker(queue, [group]):
        await queue.publish(Away())
        await calls.has(2)
        for number in range(5):
            await queue.publish(Cause(number))
            await seen.has(number + 1)
        assert "goes on after" not in caplog.text
        go_on.set()
        await all_handled(queue, "group")
    assert "goes on after" in caplog.text


async def test_handler_that_will_not_be_cancelled_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "RELEASE_SECONDS", 0.05)
    monkeypatch.setattr(worker, "CLOSE_SECONDS", 0.05)
    group, begun, go_on = Group("group"), asyncio.Event(), asyncio.Event()

    @group.on(Away)
    async def hold_on(event: Away) -> None:
        begun.set()
        while not go_on.is_set():
            with suppress(asyncio.CancelledError):
                await go_on.wait()

    async with connect("memory://") as queue:
        await queue.publish(Away())
        async with asyncio.timeout(LIMIT_SECONDS), Worker(queue, [group], drain=0.2):
            await begun.wait()
        [row] = (await queue.status()).groups
        assert row.in_hand == 1
        go_on.set()
        await all_handled(queue, "group")  # late, but handled


async def test_a_short_drain_lets_handlers_finish_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "RELEASE_SECONDS", LIMIT_SECONDS)
    monkeypatch.setattr(worker, "CLOSE_SECONDS", LIMIT_SECONDS)
    group, begun, go_on = Group("group"), asyncio.Event(), asyncio.Event()
    handled = Seen[Away]()

    @group.on(Away)
    async def hold_on(event: Away) -> None:
        begun.set()
        await go_on.wait()
        handled.add(event)

    async with connect("memory://") as queue:
        await queue.publish(Away())
        async with Worker(queue, [group], drain=LIMIT_SECONDS) as works:
            await begun.wait()
            stopping = asyncio.create_task(works.stop())
            for _ in range(10):  # until it waits for the handler
                await asyncio.sleep(0)
            go_on.set()
            await stopping
        assert len(handled) == 1


async def test_threads_of_calls_that_are_given_up_are_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(threads, "MOST_ABANDONED", 3)
    group, go_on = Group("group", timeout=0.3, retry=Backoff(first=0.01, tries=1)), ThreadEvent()
    begun = Seen[int]()

    @group.on(Cause)
    def never_end(event: Cause) -> None:
        loop.call_soon_threadsafe(begun.add, event.number)
        go_on.wait(LIMIT_SECONDS)

    loop = asyncio.get_running_loop()
    async with connect("memory://") as queue, Worker(queue, [group]):
        await queue.publish_many([Cause(number) for number in range(6)])
        await begun.has(3)
        async with asyncio.timeout(LIMIT_SECONDS):
            while "3 calls of" not in caplog.text:  # noqa: ASYNC110 - the log has no signal
                await asyncio.sleep(0.01)
        assert len(begun) == 3
        go_on.set()
        await all_handled(queue, "group")
        letters = await queue.dead_letters.list()
    assert len(begun) == 6
    assert {letter.reason for letter in letters} == {
        "TimeoutError: the handler took longer than 0.3 s"
    }
    assert len(letters) == 3  # no attempt was used up of those that had to wait
