"""SIGTERM under load: the worker ends within its limit, and nothing is lost or done again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

from .application import PATIENCE, Application, Process

CLIENTS = 4
#: Seconds that each client waits after an item, so that one save-handler can nearly keep up.
PAUSE = 0.01
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
        load = asyncio.create_task(_load(app, enough))
        for _ in range(RESTARTS):
            await handlers[-1].line(" saved ", count=5)
            started = time.monotonic()
            assert await handlers[-1].stop() == 0
            assert time.monotonic() - started < DRAIN_SECONDS
            handlers.append(await app.start("todo", "run", "save-handler"))
        enough.set()
        accepted = await load

        async def all_saved() -> bool:
            return len(_saved(handlers)) >= len(accepted)

        await app.until(all_saved)
        assert set(_saved(handlers)) == set(accepted)
        assert set(_saved(handlers).values()) == {1}, "something was handled again"


async def _load(app: Application, enough: asyncio.Event) -> list[str]:
    """Add items until told that it is enough; their ids."""
    accepted: list[str] = []

    async def client() -> None:
        while not enough.is_set():
            response = await app.add("something")
            assert response.status_code == 202
            accepted.append(response.json()["id"])
            await asyncio.sleep(PAUSE)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return accepted


def _saved(handlers: list[Process]) -> Counter[str]:
    """How often each item's id was saved."""
    said = (line.partition(" saved ")[2] for handler in handlers for line in handler.lines)
    return Counter(item_id for ids in said for item_id in ids.split())
