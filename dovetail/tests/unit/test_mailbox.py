"""Bounded, oldest first, and lossy at the old end."""

from __future__ import annotations

import asyncio

import pytest

from dovetail.transports.common import mailbox
from dovetail.transports.common.mailbox import Mailbox


async def test_in_order() -> None:
    box: Mailbox[int] = Mailbox("a")
    for number in range(5):
        box.put(number)
    assert [await anext(box) for _ in range(5)] == [0, 1, 2, 3, 4]


async def test_waits_for_the_next() -> None:
    box: Mailbox[int] = Mailbox("a")
    waiting = asyncio.ensure_future(anext(box))
    await asyncio.sleep(0)
    assert not waiting.done()
    box.put(1)
    assert await waiting == 1


async def test_gives_up_at_the_deadline() -> None:
    box: Mailbox[int] = Mailbox("a")
    with pytest.raises(TimeoutError):
        await box.get(asyncio.get_running_loop().time() + 0.01)
    box.put(1)
    assert await box.get(asyncio.get_running_loop().time() + 10) == 1


async def test_loses_the_oldest_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mailbox, "MOST_BEHIND", 10)
    box: Mailbox[int] = Mailbox("events.>")
    for number in range(35):
        box.put(number)
    assert [await anext(box) for _ in range(10)] == list(range(25, 35))
    assert [record.getMessage() for record in caplog.records] == [
        f"a listener on events.> is too slow: it missed {missed} messages" for missed in (1, 11, 21)
    ]


async def test_tells_each_time_that_something_may_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mailbox, "MOST_BEHIND", 2)
    told = asyncio.Event()
    box: Mailbox[int] = Mailbox("events.>", told.set)
    for number in range(2):
        box.put(number)
    await asyncio.sleep(0)
    assert not told.is_set()

    box.put(2)
    await told.wait()
    told.clear()
    box.gap()
    await told.wait()
    assert [await anext(box) for _ in range(2)] == [1, 2]
