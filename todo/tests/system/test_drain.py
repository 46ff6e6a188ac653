"""SIGTERM under load: the worker ends within its limit, and nothing is lost or done again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

from .application import Application, Process

ITEMS = 600
CLIENTS = 4
DRAIN_SECONDS = 10.0


async def test_sigterm_under_load_loses_and_repeats_nothing(tmp_path: Path) -> None:
    settings = {"SAVE_HANDLER__BATCH": "5", "SAVE_HANDLER__DELAY": "0.01"}
    async with Application(tmp_path, **settings) as app:
        await app.up("--without", "save-handler")
        handlers = [await app.start("todo", "run", "save-handler")]
        await handlers[0].line("save-handler listens on events.todo.newitem")
        load = asyncio.create_task(_load(app))
        while not load.done():
            await handlers[-1].line(" saved ", count=5)
            started = time.monotonic()
            assert await handlers[-1].stop() == 0
            assert time.monotonic() - started < DRAIN_SECONDS
            handlers.append(await app.start("todo", "run", "save-handler"))
        await load

        async def all_saved() -> bool:
            return len(_saved(handlers)) == ITEMS

        await app.until(all_saved)
        assert len(handlers) > 2, "the load must outlast a restart"
        assert set(_saved(handlers).values()) == {1}, "something was handled again"


async def _load(app: Application) -> None:
    numbers = iter(range(ITEMS))

    async def client() -> None:
        for number in numbers:
            assert (await app.add(f"item {number}")).status_code == 202

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


def _saved(handlers: list[Process]) -> Counter[str]:
    """How often each item's id was saved."""
    said = (line.partition(" saved ")[2] for handler in handlers for line in handler.lines)
    return Counter(item_id for ids in said for item_id in ids.split())
