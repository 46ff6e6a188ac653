"""What a worker says of the messages that it handles, by which id, and with which traceback."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dovetail import (
    Backoff,
    Event,
    Group,
    MessageQueue,
    NotReady,
    Reject,
    Request,
    Retry,
    Worker,
    connect,
)
from dovetail.running import pausing
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, all_handled


class Happened(Event, frozen=True, subject="events.happened"):
    number: int = 0


class Asked(Request[int], frozen=True, subject="requests.asked"):
    pass


async def _handled(queue: MessageQueue, group: Group, *events: Happened) -> list[str]:
    async with Worker(queue, [group]):
        ids = await queue.publish_many(events)
        await all_handled(queue, group.name)
    return ids


@pytest.mark.parametrize("batch", [0, 5])
async def test_a_failure_has_its_traceback_once_and_the_id_that_publish_gave(
    caplog: pytest.LogCaptureFixture, batch: int
) -> None:
    group = Group("orders", retry=Backoff(first=0.01, tries=2))

    @group.on(Happened, batch=batch)
    async def fail(message: object) -> None:
        raise ValueError("no")

    async with connect("memory://") as queue:
        [message_id] = await _handled(queue, group, Happened())
        [letter] = await queue.dead_letters.list()
    records = [one for one in caplog.records if one.levelno >= logging.WARNING]
    again, dead = records
    for record in records:
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], ValueError)
        assert "Traceback" not in record.getMessage()
        assert record.getMessage().count(f"message {message_id} on events.happened") == 1
    assert "(attempt 1 of 2), again in" in again.getMessage()
    assert "goes to the dead letters after attempt 2: ValueError: no" in dead.getMessage()
    assert letter.message_id == message_id


@pytest.mark.parametrize(
    ("error", "traced"), [(Reject("never"), True), (Retry("later", after=0.01), False)]
)
async def test_what_a_handler_asked_for(
    caplog: pytest.LogCaptureFixture, error: Exception, traced: bool
) -> None:
    group = Group("orders", retry=Backoff(first=0.01, tries=2))

    @group.on(Happened)
    async def fail(message: Happened) -> None:
        raise error

    async with connect("memory://") as queue:
        await _handled(queue, group, Happened())
    records = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert {bool(one.exc_info) for one in records} == {traced}


@pytest.mark.parametrize("batch", [0, 2])
async def test_the_first_that_is_handled_is_told_and_each_at_debug_level(
    caplog: pytest.LogCaptureFixture, batch: int
) -> None:
    group = Group("orders")

    @group.on(Happened, batch=batch)
    async def handle(message: object) -> None: ...

    async with connect("memory://") as queue:
        with caplog.at_level(logging.INFO, "dovetail.worker"):
            first, *_ = await _handled(queue, group, *(Happened(one) for one in range(3)))
        said = [one.getMessage() for one in caplog.records if "handle" in one.getMessage()]
        assert said == [f"orders handles; the first was message {first} on events.happened"]
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "dovetail.worker"):
            ids = await _handled(queue, group, *(Happened(one) for one in range(3)))
    told = [one.getMessage() for one in caplog.records if one.levelno == logging.DEBUG]
    assert told == [f"orders: message {one} on events.happened is handled" for one in ids]


async def test_the_first_request_that_is_answered_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dovetail.worker")
    group = Group("orders")

    @group.on(Asked)
    async def answer(request: Asked) -> int:
        return 7

    async with connect("memory://") as queue, Worker(queue, [group]):
        assert [await queue.request(Asked()) for _ in range(3)] == [7, 7, 7]
    said = [one.getMessage() for one in caplog.records if "answers" in one.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("orders answers; the first was request ")


async def test_a_pause_that_goes_on_is_told_again_with_its_reason_and_what_waits(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pausing, "SAY_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(pausing, "_PAUSES", Backoff(first=0.01, most=0.01))
    group, calls, enough = Group("orders"), list[int](), asyncio.Event()

    @group.on(Happened)
    async def wait(message: Happened) -> None:
        calls.append(1)
        if len(calls) == 3:
            enough.set()
        if len(calls) < 4:
            raise NotReady(f"away, {len(calls)}")

    async with connect("memory://") as queue:
        await queue.publish_many([Happened(one) for one in range(5)])
        async with Worker(queue, [group]), asyncio.timeout(LIMIT_SECONDS):
            await enough.wait()
            await all_handled(queue, "orders")
    said = [one.getMessage() for one in caplog.records if "pauses" in one.getMessage()]
    assert said == [
        "orders pauses, no attempt is used up: NotReady: away, 1",
        "orders still pauses, for 0 s now, 5 messages wait: NotReady: away, 2",
        "orders still pauses, for 0 s now, 5 messages wait: NotReady: away, 3",
    ]
