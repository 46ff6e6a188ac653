"""The whole command line on each queue: the same words, and the same answers."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from dovetail import connect
from dovetail.testing.conformance.waiting import until

from .support import Program, dovetail, running


@pytest_asyncio.fixture
async def clerks(queue_url: str, app: Path) -> AsyncIterator[Program]:
    """Two workers that handle everything in the module `clerks`."""
    async with running(
        "run", "clerks:group", "--url", queue_url, "--workers", "2", "--drain", "1", cwd=app
    ) as it:
        for _ in range(2):
            await it.note("listens on events.item")
        yield it


async def test_live(queue_url: str) -> None:
    async with running("subscribe", queue_url, "channel21", "--count", "3") as it:
        await it.note("Listening on channel21 at ")
        done = await dovetail(
            "publish", queue_url, "channel21", "ping", "--repeat", "3", "--interval", "0.01"
        )
        assert (done.status, len(done.lines)) == (0, 3)
        heard = await it.end()
    assert (heard.status, heard.lines) == (0, [f"    {n}  channel21  ping" for n in (1, 2, 3)])


async def test_handled_waiting_and_counted(queue_url: str, app: Path) -> None:
    for text in ("tea", "milk"):
        done = await dovetail(
            "publish", queue_url, "events.item", f'{{"text": "{text}"}}', "--durable"
        )
        assert done.status == 0
    async with running("run", "clerks:group", "--url", queue_url, cwd=app) as it:
        for text in ("tea", "milk"):
            await it.line(f"done {text}")
        stopped = await it.interrupted()
    assert "Traceback" not in stopped.err
    await dovetail("publish", queue_url, "events.item", '{"text": "later"}', "--durable")

    done = await dovetail("status", queue_url, "--json")
    status = json.loads(done.out)
    rows = {row["subject"]: row for row in status["groups"]}
    assert (status["messages"], rows["events.item"]["waiting"]) == (3, 1)
    assert rows["events.item"]["oldest"]
    shown = await dovetail("status", queue_url)
    assert re.search(r"clerk +events\.item +1 +0 +0 ", shown.out)


async def test_asked_and_commanded(queue_url: str, clerks: Program) -> None:
    done = await dovetail("request", queue_url, "requests.greet", '{"name": "Bob"}')
    assert (done.status, done.out) == (0, '"hello Bob"\n')
    done = await dovetail("gather", queue_url, "requests.roll", "--timeout", "20", "--most", "2")
    assert (done.status, len(done.lines)) == (0, 2)
    done = await dovetail("send", queue_url, "commands.import", '{"path": "a.csv"}')
    assert done.status == 0
    await clerks.line("importing a.csv")
    done = await dovetail("send", queue_url, "commands.nobody", "{}")
    assert done.status == 1
    assert "no group" in done.err


async def _dead(queue_url: str, count: int) -> bool:
    async with connect(queue_url) as queue:
        return (await queue.status()).dead_letters == count


async def test_dead_letters(queue_url: str, clerks: Program) -> None:
    for number in (1, 2):
        await dovetail(
            "publish", queue_url, "events.item", f'{{"text": "bad {number}"}}', "--durable"
        )
        await clerks.note("goes to the dead letters")
        await until(lambda: _dead(queue_url, number), "the letter is there")  # noqa: B023 - awaited
    listed = await dovetail("dead", "list", queue_url, "--json")
    letters = [json.loads(line) for line in listed.lines]
    assert [one["data"]["text"] for one in letters] == ["bad 2", "bad 1"]

    newest, oldest = (one["id"] for one in letters)
    shown = await dovetail("dead", "show", queue_url, newest)
    assert "cannot take 'bad 2'" in shown.out
    done = await dovetail("dead", "replay", queue_url, newest, "--data", '{"text": "mended"}')
    assert done.status == 0
    await clerks.line("done mended")
    done = await dovetail("dead", "drop", queue_url, oldest)
    assert done.status == 0
    assert (await dovetail("dead", "list", queue_url)).err == "No dead letters.\n"
