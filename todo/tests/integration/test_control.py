"""The socket between `todo scale` and `todo up`: what does not belong there hurts nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path

import pytest

from dovetail.testing.servers import NatsServer

from .commands import children
from .conftest import Todo
from .control_socket import Conversation, held_by_somebody_else
from .scaling import refused, scaled
from .support import RUNS, components

LIST = b'{"version": 1}\n'
#: Time for a whole line, and some for a busy machine.
SOON = 15.0


NO_REQUESTS = {
    b"\n": "no request",
    b"\x00\xff\xfe garbage\n": "no request",
    b"[1, 2]\n": "no request",
    b'{"scale": {}}\n': "no request",
    b'{"version": 1, "scale": {"save-handler": 101}}\n': "no request",
    b'{"version": 1, "scale": {"save-handler": -1}}\n': "no request",
    b'{"version": 1, "scale": {"save-handler": "3"}}\n': "no request",
    b'{"version": 1, "scale": {"\xff": 1}}\n': "no request",
    b"[" * 100_000 + b"\n": "no request",
    b'{"version": 2, "more": [1]}\n': "another version (it speaks 1, this command 2)",
}


async def test_what_is_no_request_is_refused(todo_command: Todo, tmp_path: Path) -> None:
    up = await todo_command("up", "--only", "queue,audit-handler")
    await up.said("presence listens")
    before = children(up.pid)
    for line, complaint in NO_REQUESTS.items():
        async with Conversation.open(tmp_path / "data") as hostile, asyncio.timeout(SOON):
            hostile.send(line)
            assert complaint in await hostile.refusal(), line[:80]
    for component, why in (("web", "web listens on one port"), ("x\ny", "no such handler")):
        async with Conversation.open(tmp_path / "data") as hostile, asyncio.timeout(SOON):
            hostile.send(json.dumps({"version": 1, "scale": {component: 1}}).encode() + b"\n")
            assert why in (await hostile.answers())[-1]["text"]
    assert children(up.pid) == before
    assert await scaled(todo_command, "audit-handler=2")
    assert await up.stop() == 0
    assert "Traceback" not in up.text


async def test_a_line_without_end_is_not_kept(todo_command: Todo, tmp_path: Path) -> None:
    up = await todo_command("up", "--only", "queue")
    await up.said(RUNS)
    async with Conversation.open(tmp_path / "data") as hostile, asyncio.timeout(SOON):
        hostile.send(b"x" * 10_000_000)
        # It is closed with most of it unread, so that the answer may not come through.
        with contextlib.suppress(ConnectionError):
            assert "the line is longer than" in await hostile.refusal()
    assert await scaled(todo_command, "audit-handler=1")
    assert await up.stop() == 0
    assert "Traceback" not in up.text


async def test_many_that_never_end_their_line_or_leave_hinder_nobody(
    todo_command: Todo, tmp_path: Path
) -> None:
    up = await todo_command("up", "--only", "queue")
    await up.said(RUNS)
    folder = tmp_path / "data"
    async with contextlib.AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(Conversation.open(folder)) for _ in range(100)]
        for number, one in enumerate(silent):
            one.send(b'{"version": 1' if number % 2 else b"")
        for line in (b"", b'{"ver', LIST, b'{"version": 1, "scale": {"audit-handler": 0}}\n'):
            for _ in range(25):
                async with Conversation.open(folder) as leaver:
                    leaver.send(line)
        assert await scaled(todo_command, "audit-handler=2")
        async with asyncio.timeout(SOON):
            for one in silent:
                assert "no whole line came" in await one.refusal()
    assert await up.stop() == 0
    assert "Traceback" not in up.text


async def test_one_that_never_reads_hinders_nobody(todo_command: Todo, tmp_path: Path) -> None:
    up = await todo_command("up", "--only", "queue")
    await up.said(RUNS)
    await scaled(todo_command, "audit-handler=3")
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(20):
            deaf = await stack.enter_async_context(Conversation.open(tmp_path / "data"))
            deaf.send(LIST)
            deaf.send(b"x" * 1_000_000)
        assert await scaled(todo_command, "audit-handler=1")
        assert components(up) == ["audit-handler"]
        began = time.monotonic()
        assert await up.stop() == 0
        assert time.monotonic() - began < SOON


async def test_a_change_that_was_begun_is_ended_without_the_one_who_asked(
    todo_command: Todo, tmp_path: Path
) -> None:
    up = await todo_command("up", "--only", "queue")
    await up.said(RUNS)
    async with Conversation.open(tmp_path / "data") as leaver:
        leaver.send(b'{"version": 1, "scale": {"audit-handler": 2}}\n')
        await up.said("scaling audit-handler from 0 to 2")
    await up.said("audit-handler: 2 running")
    await up.said("presence listens", times=2)


@pytest.mark.parametrize(
    ("says", "complaint"),
    [
        (b"", "ended before this was done"),
        (b'{"type":"accep', "ended before this was done"),
        (b'{"type":"accepted"}\n', "ended before this was done"),
        (b'{"type":"promised"}\n', "is of another version"),
        (b"220 mail.example ESMTP\n", "is of another version"),
        (b'{"type":"refused","text":"not today"}\n', "not today"),
    ],
    ids=["nothing", "half", "no end", "unknown", "garbage", "refusal"],
)
async def test_answers_that_make_no_sense_are_one_line(
    todo_command: Todo, tmp_path: Path, says: bytes, complaint: str
) -> None:
    async with held_by_somebody_else(tmp_path / "data", says):
        assert complaint in await refused(todo_command, "save-handler=3")


@pytest.mark.parametrize(
    "left",
    [b"", b"\0" * 40, b"/nowhere/x.sock", b"x" * 5_000],
    ids=["empty", "zeros", "gone", "long"],
)
async def test_what_was_left_behind_does_not_hinder(
    todo_command: Todo, tmp_path: Path, left: bytes
) -> None:
    place = tmp_path / "data" / "up"
    place.mkdir(parents=True)
    (place / "queue.lock").write_bytes(left)
    (place / "queue.sock").write_text("no socket")
    assert "no `todo up` runs" in await refused(todo_command)
    up = await todo_command("up", "--only", "queue")
    await up.said(RUNS)
    assert await scaled(todo_command, "audit-handler=1")
    assert await up.stop() == 0


async def test_a_data_folder_that_takes_no_socket_hinders_only_scaling(
    todo_command: Todo, nats_server: NatsServer, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    settings = {"QUEUE_URL": nats_server.url, "DATA_DIR": str(tmp_path / "file")}
    up = await todo_command("up", "--only", "audit-handler", **settings)
    await up.said("`todo scale` will not work here: ")
    await up.said("presence listens")
    assert "todo scale audit-handler" not in up.text
    assert "no `todo up` runs" in await refused(todo_command, **settings)
    assert await up.stop() == 0
