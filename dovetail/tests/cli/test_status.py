"""`dovetail status`, against a real NATS server."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from dovetail import Group, GroupStatus, MessageQueue, QueueStatus, Received, Worker
from dovetail.cli.status import _show
from dovetail.testing.servers import NatsServer

from .support import dovetail, running


async def found(queue: MessageQueue) -> None:
    """Make a group with two events that it has yet to handle."""
    group = Group("save-handler")

    @group.on("events.todo.>")
    async def save(message: Received) -> None:
        """Not called: nothing is there yet."""

    async with Worker(queue, [group]):
        pass
    for body in (b"1", b"2"):
        await queue.publish_raw("events.todo.newitem", body)


async def test_an_empty_queue(server: NatsServer) -> None:
    done = await dovetail("status", server.url)
    assert (done.status, done.err) == (0, "")
    first, *rest = done.lines
    assert re.fullmatch(rf"nats-server \d+\.\d+\.\d+ at {server.url}", first)
    assert rest == [
        "Store         0 messages, 0 bytes, no limit",
        "Dead letters  0",
        "",
        "No group has joined yet.",
    ]


async def test_groups(server: NatsServer, queue: MessageQueue) -> None:
    await found(queue)
    done = await dovetail("status", server.url)
    assert (done.status, done.err) == (0, "")
    assert re.fullmatch(r"Store +2 messages, \d+ bytes, no limit", done.lines[1])
    heading, row = done.lines[4:]
    assert re.split("  +", heading) == ["Group", "Subject", "Waiting", "In hand", "Dead", "Oldest"]
    assert re.split("  +", row)[:5] == ["save-handler", "events.todo.>", "2", "0", "0"]
    assert re.search(r" \d s$", row)


async def test_json(server: NatsServer, queue: MessageQueue) -> None:
    await found(queue)
    done = await dovetail("status", server.url, "--json")
    status = json.loads(done.out)
    assert (status["messages"], status["dead_letters"]) == (2, 0)
    assert status["groups"][0]["group"] == "save-handler"
    assert status["groups"][0]["waiting"] == 2


async def test_watch_goes_on_while_the_server_is_away(server: NatsServer) -> None:
    async with running("status", server.url, "--watch") as it:
        await it.line("0 messages")
        await server.kill()
        await it.note("lost")
        await it.note("trying again")
        await server.start()
        await it.note("regained")
        it.forget()
        await it.line("0 messages")
        done = await it.interrupted()
    assert done.status == 130
    assert "Traceback" not in done.err


async def test_colour_is_for_terminals(server: NatsServer, queue: MessageQueue) -> None:
    await found(queue)
    done = await dovetail("status", server.url)
    assert "\x1b" not in done.out


def test_an_estimate_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    row = GroupStatus(
        group="g",
        subject="s",
        kind="event",
        waiting=1200,
        in_hand=0,
        oldest=datetime.now(UTC) - timedelta(hours=2),
        estimates=("oldest",),
    )
    known = QueueStatus(
        transport="rabbitmq",
        address="amqp://there",
        server="rabbitmq-server",
        messages=1,
        bytes=None,
        limit_bytes=None,
        dead_letters=0,
        groups=[row],
    )
    _show(replace(known, estimated=True), in_json=False)
    shown = capsys.readouterr().out
    assert re.search(r"g +s +1,200 +0 +0 +~ 2 h", shown)
    assert shown.endswith("The exact number would take long to find.\n")
    _show(replace(known, estimated=True), in_json=True)
    status = json.loads(capsys.readouterr().out)
    assert status["estimated"] is True
    assert status["groups"][0]["estimates"] == ["oldest"]
