"""What a terminal shows, on a real pseudo-terminal."""

from __future__ import annotations

import asyncio
import re

from dovetail import Backoff, Group, MessageQueue, Received, Worker
from dovetail.testing.servers import NatsServer

from .support import LIMIT_SECONDS, dovetail
from .terminal import on_terminal

BOLD = re.compile(r"\x1b\[[01]?m")
COLOUR = re.compile(r"\x1b\[[0-9;]*(3|4|9|10)\d[0-9;]*m")


async def kill_one(server: NatsServer, queue: MessageQueue) -> None:
    group = Group("save-handler", retry=Backoff(tries=1))

    @group.on("events.todo.newitem")
    async def save(message: Received) -> None:
        raise ValueError(f"no room for {message.data} " * 8)

    async with Worker(queue, [group]):
        await dovetail("publish", server.url, "events.todo.newitem", "日本", "--durable")
        async with asyncio.timeout(LIMIT_SECONDS):
            while not (await queue.status()).dead_letters:  # noqa: ASYNC110 - the queue tells nobody
                await asyncio.sleep(0.02)


async def test_80_columns(server: NatsServer, queue: MessageQueue) -> None:
    await kill_one(server, queue)
    lines = [
        BOLD.sub("", line) for line in await on_terminal("dead", "list", server.url, columns=80)
    ]
    heading, rule, row, reason = lines
    assert re.split("  +", heading) == ["Id", "Given up", "Group", "Subject", "Attempts"]
    assert rule.strip("─") == ""
    assert re.split("  +", row)[2:] == ["save-handler", "events.todo.newitem", "1"]
    assert reason.startswith("    ValueError: no room for 日本 ")
    assert reason.endswith("…")
    assert len(reason) + reason.count("日本") * 2 <= 80


async def test_narrower_than_its_table(server: NatsServer, queue: MessageQueue) -> None:
    await kill_one(server, queue)
    for arguments in (("dead", "list"), ("status",)):
        lines = await on_terminal(*arguments, server.url, columns=50)
        table = [BOLD.sub("", line) for line in lines if "save-h" in line]
        assert len(table) == 1
        assert len(table[0]) <= 50


async def test_wide(server: NatsServer, queue: MessageQueue) -> None:
    await kill_one(server, queue)
    lines = await on_terminal("dead", "list", server.url, columns=200)
    assert len(lines) == 3
    assert BOLD.sub("", lines[0]).split()[-1] == "Reason"
    assert "ValueError: no room for" in lines[2]


async def test_no_color(server: NatsServer, queue: MessageQueue) -> None:
    await kill_one(server, queue)
    for command in ("status", "dead"):
        arguments = (command, "list") if command == "dead" else (command,)
        lines = await on_terminal(*arguments, server.url, columns=80, NO_COLOR="1")
        assert not COLOUR.search("".join(lines))
        dumb = await on_terminal(*arguments, server.url, columns=80, TERM="dumb")
        assert "\x1b" not in "".join(dumb)
