"""What a worker does while something that it needs is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from dovetail import Command, Event, Group, NotReady, Worker, connect
from dovetail.delivery import Outgoing
from dovetail.testing.conformance.waiting import Seen, all_handled


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
