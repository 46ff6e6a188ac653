"""SIGTERM under load: the worker ends within its limit, and nothing is lost or done again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from .application import PATIENCE, Application
from .load import load, saved_by

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.slow,
]  # the worker is ended in the middle of a long load

RESTARTS = 3
DRAIN_SECONDS = 10.0


async def test_sigterm_under_load_loses_and_repeats_nothing(
    tmp_path: Path, queue_setting: dict[str, str]
) -> None:
    settings = {"SAVE_HANDLER__BATCH": "5", "SAVE_HANDLER__DELAY": "0.01"}
    async with Application(tmp_path, QUEUE_TIMEOUT=PATIENCE, **queue_setting, **settings) as app:
        await app.up("--without", "save-handler")
        handlers = [await app.start("todo", "run", "save-handler")]
        await handlers[0].line("save-handler listens on events.todo.newitem")
        enough = asyncio.Event()
        adding = asyncio.create_task(load(app, enough))
        for _ in range(RESTARTS):
            await handlers[-1].line(" saved ", count=5)
            started = time.monotonic()
            assert await handlers[-1].stop() == 0
            assert time.monotonic() - started < DRAIN_SECONDS
            handlers.append(await app.start("todo", "run", "save-handler"))
        enough.set()
        accepted = await adding

        async def all_saved() -> bool:
            return len(saved_by(handlers)) >= len(accepted)

        await app.until(all_saved)
        assert set(saved_by(handlers)) == set(accepted)
        assert set(saved_by(handlers).values()) == {1}, "something was handled again"
