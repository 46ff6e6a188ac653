"""`dovetail status`, against a real NATS server."""

from __future__ import annotations

import json
import re

from dovetail import Group, MessageQueue, Received, Worker
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
