"""`todo scale` under load: nothing is lost or done again, whatever the number of handlers is changed to."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from .application import PATIENCE, Application, Process, children
from .load import load, saved_by

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.slow,
]  # several changes of the number of handlers under load

#: Up, down, to none and back; at the end there is one to save what is left.
COUNTS = (3, 1, 4, 0, 2, 1)
#: Items that are to be saved after each change, where there is a handler.
ENOUGH = 20
SMALL_BATCHES = {"SAVE_HANDLER__BATCH": "5", "SAVE_HANDLER__DELAY": "0.01"}


def _rows(app: Application) -> list[str]:
    """The ids in the database."""
    database = sqlite3.connect(f"file:{app.folder / 'data' / 'todo.db'}?mode=ro", uri=True)
    try:
        return [str(row[0]) for row in database.execute("SELECT id FROM todos")]
    finally:
        database.close()


async def _scale(app: Application, *counts: str) -> Process:
    """`todo scale`, to its end."""
    scale = await app.start("todo", "scale", *counts)
    assert await scale.wait() == 0, scale.output
    return scale


async def test_scaling_under_load_loses_and_repeats_nothing(
    tmp_path: Path, queue_setting: dict[str, str]
) -> None:
    async with Application(
        tmp_path, QUEUE_TIMEOUT=PATIENCE, **queue_setting, **SMALL_BATCHES
    ) as app:
        up = await app.up()
        await up.line("save-handler listens on events.todo.newitem")
        enough = asyncio.Event()
        adding = asyncio.create_task(load(app, enough))
        for count in COUNTS:
            scale = await _scale(app, f"save-handler={count}")
            assert f"save-handler: {count} running" in scale.output
            assert len(children(up.pid, " save-handler")) == count
            if count:
                await up.line(" saved ", count=_lines(up) + ENOUGH)
        enough.set()
        accepted = await adding

        async def all_saved() -> bool:
            return len(saved_by([up])) >= len(accepted)

        await app.until(all_saved)
        assert set(saved_by([up])) == set(accepted)
        assert set(saved_by([up]).values()) == {1}, "something was handled again"
        assert len(_rows(app)) == len(accepted)


def _lines(up: Process) -> int:
    """How often something was saved so far."""
    return up.output.count(" saved ")


async def test_scaling_while_handlers_crash(tmp_path: Path) -> None:
    async with Application(tmp_path, QUEUE_TIMEOUT=PATIENCE, **SMALL_BATCHES) as app:
        up = await app.up()
        enough = asyncio.Event()
        adding = asyncio.create_task(load(app, enough))
        for round_ in range(2):
            for count in (3, 1, 2):
                both = asyncio.gather(
                    _scale(app, f"save-handler={count}"),
                    _scale(app, f"save-handler={count + 1}", f"audit-handler={round_ % 2}"),
                )
                for pid in children(up.pid, " save-handler")[:2]:
                    os.kill(pid, signal.SIGKILL)
                await both
        await _scale(app, "save-handler=2")
        named = [line.split()[0] for line in (await _scale(app)).lines[3:]]
        assert len([name for name in named if name.startswith("save-handler")]) == 2, named
        enough.set()
        accepted = await adding

        async def all_there() -> bool:
            return set(accepted) <= set(_rows(app))

        await app.until(all_there, within=60)
        assert sorted(_rows(app)) == sorted(accepted)
        assert "Traceback" not in up.output
        assert await up.stop() == 0
