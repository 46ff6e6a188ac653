"""A large import, whatever is killed in the middle of it; and the database made anew after it was lost."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from dovetail import connect, new_id
from todo.events import ImportPart

from .application import Application, Process, children

pytestmark = [pytest.mark.heavy, pytest.mark.slow]  # a large import, several kills, and a rebuild

ITEMS = 1_500
JSON = {"Accept": "application/json"}


async def begin(app: Application) -> str:
    """Import a file; where its progress is."""
    content = "item,tags\n" + "".join(f"item {number},import\n" for number in range(ITEMS))
    answer = await app.http.post(
        f"{app.web_url}/import",
        data={"form": new_id()},
        files={"file": ("items.csv", content.encode(), "text/csv")},
        headers=JSON,
        timeout=30,
    )
    assert answer.status_code == 202, answer.text
    return f"{app.web_url}{answer.headers['location']}"


async def has_begun(app: Application) -> bool:
    """Whether there is somebody who imports."""
    async with connect(app.queue_url) as queue:
        return any(row.subject == ImportPart.__subject__ for row in (await queue.status()).groups)


async def saved(app: Application, place: str) -> int:
    """How many of its items are."""
    answer = await app.http.get(place, headers=JSON)
    progress = answer.json() if answer.status_code == 200 else {}
    return int(progress.get("saved") or 0)


async def exported(app: Application) -> list[dict[str, object]]:
    answer = await app.http.get(f"{app.web_url}/export.json", timeout=30)
    items: list[dict[str, object]] = answer.json()["items"]
    return items


def kill(up: Process, component: str) -> None:
    """SIGKILL to what runs of it."""
    for pid in children(up.pid, component):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(180)
async def test_an_import_is_completed_and_a_lost_database_made_anew(tmp_path: Path) -> None:
    async with Application(tmp_path, LOG_LEVEL="warning") as app:
        up = await app.up("--only", "queue,web,save-handler")
        await app.until(partial(has_begun, app))
        place = await begin(app)

        async def in_the_middle() -> bool:
            return 0 < await saved(app, place) < ITEMS

        await app.until(in_the_middle)
        kill(up, "save-handler")

        async def complete() -> bool:
            return await saved(app, place) == ITEMS

        await app.until(complete, within=120)
        items = await exported(app)
        assert [one["item"] for one in items] == [f"item {number}" for number in range(ITEMS)]
        assert len({one["id"] for one in items}) == ITEMS

        done = items[5]["id"]
        await app.http.post(f"{app.web_url}/items/{done}/complete", data={"next": "/"})

        async def is_done() -> bool:
            return bool((await exported(app))[5]["done"])

        await app.until(is_done)
        before = await exported(app)
        kill(up, "save-handler")
        for file in (tmp_path / "data").glob("todo.db*"):
            file.unlink()
        rebuild = await app.start("todo", "rebuild", LOG_LEVEL="info")
        assert await rebuild.wait(60) == 0, rebuild.output
        assert f"the database has {ITEMS:,} items now" in rebuild.output
        await app.until(lambda: app.answers(f"{app.web_url}/export.json"))
        assert await exported(app) == before
