"""A handler that blocks the event loop is named in the log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any

import pytest

from dovetail import Event, Group, Worker, connect
from dovetail.running import blocking
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, all_handled


class Happened(Event, frozen=True, subject="events.happened"):
    number: int = 0


def _block() -> None:
    time.sleep(0.3)


async def block_at_once(event: Any) -> None:
    _block()


async def block_after_waiting(event: Any) -> None:
    await asyncio.sleep(0)
    _block()


async def _with(more: str, event: Any) -> None:
    _block()


class Blocks:
    async def __call__(self, event: Any) -> None:
        _block()

    async def method(self, event: Any) -> None:
        _block()


def decorated(function: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Any]:
    @wraps(function)
    async def call(event: Any) -> None:
        await function(event)

    return call


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(blocking, "BLOCKED_SECONDS", 0.1)


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if "the event loop" in one.getMessage()]


@pytest.mark.parametrize("batch", [0, 2])
@pytest.mark.parametrize(
    "function",
    [block_at_once, block_after_waiting, Blocks().method, decorated(block_at_once)],
    ids=["at once", "after waiting", "method", "decorated"],
)
async def test_it_is_named_once(
    caplog: pytest.LogCaptureFixture, function: Callable[[Any], Awaitable[None]], batch: int
) -> None:
    group = Group("orders")
    group.on(Happened, batch=batch)(function)
    async with connect("memory://") as queue, Worker(queue, [group]):
        await queue.publish_many([Happened(number) for number in range(4)])
        await all_handled(queue, "orders")
    [warning] = _warnings(caplog)
    assert warning.startswith(f"orders: {group.handlers[0].name} blocked the event loop for 0.")
    assert "test_blocking.py" in warning
    assert "`def`" in warning


async def test_while_it_goes_on_blocking(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "STILL_SECONDS", 0.05)
    group = Group("orders")
    group.on(Happened)(block_at_once)
    async with connect("memory://") as queue, Worker(queue, [group]):
        await queue.publish(Happened())
        await all_handled(queue, "orders")
        async with asyncio.timeout(LIMIT_SECONDS):
            while len(_warnings(caplog)) < 2:  # noqa: ASYNC110 - a thread writes it
                await asyncio.sleep(0.01)
    first, last = _warnings(caplog)
    assert "has been blocking the event loop for 0." in first
    assert "blocked the event loop for 0." in last


def test_what_runs_when_something_is_called() -> None:
    codes = [
        set(blocking._codes_of(one))
        for one in (block_at_once, partial(_with, "more"), Blocks(), Blocks().method)
    ]
    assert codes == [
        {block_at_once.__code__},
        {_with.__code__},
        {Blocks.__call__.__code__},
        {Blocks.method.__code__},
    ]


async def test_waiting_and_plain_functions_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    group, caplog_level = Group("orders"), logging.WARNING
    caplog.set_level(caplog_level)

    @group.on(Happened)
    async def wait(event: Any) -> None:
        await asyncio.sleep(0.3)

    @group.on("events.other")
    def block(event: Any) -> None:
        _block()

    async with connect("memory://") as queue, Worker(queue, [group]):
        await queue.publish(Happened())
        await queue.publish_raw("events.other", b"1")
        await all_handled(queue, "orders")
    assert not _warnings(caplog)
