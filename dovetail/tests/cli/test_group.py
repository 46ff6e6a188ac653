"""`dovetail group`."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from dovetail import Group, MessageQueue, Received, Reject, Worker, connect
from dovetail.testing.conformance.names import numbered, order
from dovetail.testing.conformance.waiting import Seen, all_handled

from .support import LIMIT_SECONDS, dovetail, launch


@pytest_asyncio.fixture
async def queue(nats_url: str) -> AsyncIterator[MessageQueue]:
    async with _filled(nats_url) as queue:
        yield queue


@asynccontextmanager
async def _filled(address: str) -> AsyncIterator[MessageQueue]:
    """Two groups for events, of which one has the command, too; `audit` has a dead letter and a message."""
    save, audit, seen = Group("save"), Group("audit"), Seen[Received]()
    event, command = numbered("events.item"), order()

    @save.on("events.>")
    async def keep(message: Received) -> None:
        seen.add(message)

    @save.on(command)
    async def obey(message: object) -> None: ...

    @audit.on(event)
    async def refuse(message: object) -> None:
        raise Reject("no")

    async with connect(address) as queue:
        async with Worker(queue, [save, audit]):
            await queue.publish(event(1))
            await all_handled(queue, "save", "audit")
        await queue.publish(event(2))
        await queue.send(command(1))
        yield queue


async def test_list(queue: MessageQueue, nats_url: str) -> None:
    async with Worker(queue, [group := Group("busy")]):
        pass
    shown = await dovetail("group", "list", nats_url)
    assert shown.status == 0
    assert re.search(r"^Group +Subject +Kind +Members +Nobody since +Waiting", shown.lines[0])
    assert re.search(r"^audit +events\.item +event +0 +(\d+ s|\?) +1 +0 +1 +\d+ s$", shown.lines[1])
    assert re.search(r"^save +commands\.\S+ +command +0 +(\d+ s|\?) +1 ", shown.lines[2])
    assert re.search(r"^save +events\.> +event +0 ", shown.lines[3])
    assert group.name not in shown.out

    @group.on("events.item")
    async def take(message: Received) -> None: ...

    async with Worker(queue, [group]):
        rows = [
            json.loads(row) for row in (await dovetail("group", "list", nats_url, "--json")).lines
        ]
        [busy] = [row for row in rows if row["group"] == "busy"]
        assert busy["running"] == 1
        refused = await dovetail("group", "remove", nats_url, "busy", "--yes")
        assert (refused.status, refused.out) == (1, "")
        assert "1 member runs in the group 'busy': stop them first" in refused.err
        assert "--force does it all the same; nothing was done" in refused.err
        refused = await dovetail("group", "rename", nats_url, "busy", "other", "--yes")
        assert "1 member runs" in refused.err


async def test_remove_says_what_it_does_and_asks(queue: MessageQueue, nats_url: str) -> None:
    asked = await dovetail("group", "remove", nats_url, "audit")
    assert asked.status == 1
    assert asked.err.splitlines()[:2] == [
        "The group 'audit' is forgotten, for good:",
        "  events.item: 1 message that it has yet to handle discarded, 1 dead letter discarded; not for save",
    ]
    assert asked.err.endswith(
        "nobody is at a terminal to be asked, nothing was done; --yes does not ask\n"
    )
    assert "audit" in (await dovetail("group", "list", nats_url)).out
    done = await dovetail("group", "remove", nats_url, "audit", "--yes")
    assert (done.status, done.err.splitlines()[-1]) == (0, "Removed.")
    left = await dovetail("group", "list", nats_url)
    assert "audit" not in left.out
    assert "save" in left.out
    again = await dovetail("group", "remove", nats_url, "audit", "--yes")
    assert (again.status, "there is no group 'audit'" in again.err) == (2, True)


async def test_command_is_freed_by_removing_its_subject(queue: MessageQueue, nats_url: str) -> None:
    [subject] = [row.status.subject for row in await queue.groups() if row.status.kind == "command"]
    done = await dovetail("group", "remove", nats_url, "save", "--subject", subject, "--yes")
    assert done.status == 0
    assert f"  {subject}: the command has no group any more; 1 message kept for the one" in done.err
    left = [row.status.subject for row in await queue.groups() if row.status.group == "save"]
    assert left == ["events.>"]


async def test_rename(queue: MessageQueue, nats_url: str) -> None:
    refused = await dovetail("group", "rename", nats_url, "audit", "save", "--yes")
    assert (refused.status, "there is a group 'save' already" in refused.err) == (2, True)
    refused = await dovetail("group", "rename", nats_url, "audit", "two words", "--yes")
    assert (refused.status, "is not a group name" in refused.err) == (2, True)
    done = await dovetail("group", "rename", nats_url, "audit", "checks", "--yes")
    assert done.status == 0
    assert "  events.item: 1 message yet to be handled, 1 dead letter" in done.err
    shown = await dovetail("group", "list", nats_url)
    assert re.search(r"^checks +events\.item +event +0 +\S.* +1 +0 +1 ", shown.out, re.MULTILINE)
    assert (await dovetail("dead", "list", nats_url, "--group", "checks")).out.count(
        "Reject: no"
    ) == 1


@pytest.mark.parametrize(("answer", "status"), [(b"y\n", 0), (b"n\n", 1), (b"\n", 1)])
async def test_asked_at_a_terminal(nats_url: str, answer: bytes, status: int) -> None:
    group = Group("audit")

    @group.on("events.item")
    async def take(message: Received) -> None: ...

    async with connect(nats_url) as queue:
        async with Worker(queue, [group]):
            pass
        ours, theirs = pty.openpty()
        process = await launch("group", "remove", nats_url, "audit", stdin=theirs)
        os.close(theirs)
        os.write(ours, answer)
        async with asyncio.timeout(LIMIT_SECONDS):
            _, err = await process.communicate()
        os.close(ours)
        assert process.returncode == status
        assert b"Remove it? [y/N] " in err
        assert bool(await queue.groups()) is (status == 1)


async def test_on_each_queue(queue_url: str) -> None:
    async with _filled(queue_url):
        done = await dovetail("group", "rename", queue_url, "audit", "checks", "--yes")
        assert done.status == 0
        done = await dovetail("group", "remove", queue_url, "save", "--yes")
        assert "1 message kept for the one that claims it next" in done.err
        shown = await dovetail("group", "list", queue_url)
        assert re.fullmatch(r"checks +events\.item +event +0 +\S.* +1 +0 +1 .*", shown.lines[1])
        assert len(shown.lines) == 2
