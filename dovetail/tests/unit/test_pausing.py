"""How a group pauses."""

from __future__ import annotations

import asyncio
import time

import pytest

from dovetail.retry import Backoff
from dovetail.running import pausing
from dovetail.running.pausing import GroupPause, Stopping

DOWN = ConnectionError("down")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pausing, "_PAUSES", Backoff(first=0.05, most=0.2, jitter=0))


async def test_pauses_grow_until_something_works() -> None:
    """As planned: a busy machine waits longer."""
    one, pauses = GroupPause("group", asyncio.Event()), []
    for works in (False, False, False, False, True, False):
        if works:
            one.worked()
            continue
        started = time.monotonic()
        await one.failed(DOWN)
        assert time.monotonic() >= one._closed_until
        pauses.append(one._closed_until - started)
    for pause, expected in zip(pauses, [0.05, 0.1, 0.2, 0.2, 0.05], strict=True):
        assert expected <= pause < expected + 0.15


async def test_failures_during_a_pause_do_not_make_it_longer() -> None:
    one = GroupPause("group", asyncio.Event())
    started = time.monotonic()
    await asyncio.gather(*(one.failed(DOWN) for _ in range(20)))
    assert time.monotonic() >= one._closed_until
    assert 0.05 <= one._closed_until - started < 0.2


async def test_pause_ends_when_the_worker_stops() -> None:
    stopping = asyncio.Event()
    one = GroupPause("group", stopping)
    waiting = asyncio.ensure_future(one.failed(DOWN))
    await asyncio.sleep(0)
    stopping.set()
    with pytest.raises(Stopping):
        await waiting
    assert one.is_stopping()


async def test_says_once_that_it_pauses_and_once_that_it_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = GroupPause("save-handler", asyncio.Event())
    one.worked()
    await one.failed(DOWN)
    await one.failed(DOWN)
    one.worked()
    one.worked()
    assert [record.getMessage().split(" after")[0] for record in caplog.records] == [
        "save-handler pauses, no attempt is used up: ConnectionError: down",
        "save-handler goes on",
    ]
