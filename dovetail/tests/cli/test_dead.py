"""`dovetail dead`, against a real NATS server."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest_asyncio

from dovetail import Backoff, Group, MessageQueue, Received, Worker
from dovetail.testing.servers import NatsServer

from .support import LIMIT_SECONDS, dovetail

GARBAGE = b"\xff\x00garbage"


class Clerk:
    """A group that refuses what says "bad", and keeps what it took."""

    def __init__(self, name: str, subject: str) -> None:
        self.taken: list[object] = []
        self.group = Group(name, retry=Backoff(first=0.01, tries=2))
        self.group.on(subject)(self.take)

    async def take(self, message: Received) -> None:
        if b"bad" in message.body or message.body == GARBAGE:
            raise ValueError(f"cannot take [red]{message.data!r}\x1b[31m")
        self.taken.append(message.data)


async def until_dead(queue: MessageQueue, number: int) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while (await queue.status()).dead_letters != number:  # noqa: ASYNC110 - the queue tells nobody
            await asyncio.sleep(0.02)


async def until_taken(clerk: Clerk, *expected: object) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while clerk.taken != [*expected]:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def clerk(queue: MessageQueue) -> AsyncIterator[Clerk]:
    """A running group `clerk`; one called `auditor`, that takes all, runs beside it."""
    clerk, auditor = Clerk("clerk", "events.item.*"), Clerk("auditor", "events.audit")
    async with Worker(queue, [clerk.group, auditor.group]):
        yield clerk


async def kill_three(server: NatsServer, queue: MessageQueue) -> None:
    """Dead letters 1 and 2 of clerk, and 3 of auditor."""
    for number, subject in enumerate(("events.item.a", "events.item.b", "events.audit"), 1):
        await dovetail(
            "publish",
            server.url,
            subject,
            f'{{"text": "bad {number}"}}',
            "--durable",
            "--id",
            f"m-{number}",
        )
        await until_dead(queue, number)


async def test_none(server: NatsServer) -> None:
    done = await dovetail("dead", "list", server.url)
    assert (done.status, done.out, done.err) == (0, "", "No dead letters.\n")
    done = await dovetail("dead", "list", server.url, "--json")
    assert (done.status, done.out, done.err) == (0, "", "")


async def test_list_newest_first(server: NatsServer, queue: MessageQueue, clerk: Clerk) -> None:
    await kill_three(server, queue)
    done = await dovetail("dead", "list", server.url)

    heading, *rows = done.lines
    assert re.split("  +", heading) == ["Id", "Given up", "Group", "Subject", "Attempts", "Reason"]
    assert [re.split("  +", row)[2] for row in rows] == ["auditor", "clerk", "clerk"]
    _, when, group, subject, attempts, reason = re.split("  +", rows[1])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", when)
    assert (group, subject, attempts) == ("clerk", "events.item.b", "2")
    assert reason == r"ValueError: cannot take [red]{'text': 'bad 2'}\x1b[31m"


async def test_filters(server: NatsServer, queue: MessageQueue, clerk: Clerk) -> None:
    await kill_three(server, queue)

    async def listed(*options: str) -> list[str]:
        done = await dovetail("dead", "list", server.url, "--json", *options)
        assert done.status == 0, done.err
        return [json.loads(line)["message_id"] for line in done.lines]

    assert await listed() == ["m-3", "m-2", "m-1"]
    assert await listed("--group", "clerk") == ["m-2", "m-1"]
    assert await listed("--subject", "events.item.*") == ["m-2", "m-1"]
    assert await listed("--subject", "events.item.a") == ["m-1"]
    assert await listed("--reason", "BAD 1") == ["m-1"]
    assert await listed("--group", "clerk", "--reason", "bad 3") == []
    assert await listed("--older-than", "1h") == []
    assert await listed("--older-than", "0s") == ["m-3", "m-2", "m-1"]
    assert await listed("--before", "2020-01-01") == []
    assert await listed("--before", "2999-01-01 10:00") == ["m-3", "m-2", "m-1"]
    assert await listed("--most", "1") == ["m-3"]
    done = await dovetail("dead", "list", server.url, "--most", "1")
    assert done.err == "… and 2 more: --most N shows N.\n"
    done = await dovetail("dead", "list", server.url, "--group", "clerk", "--most", "2")
    assert (len(done.lines), done.err) == (3, "")


async def test_show(server: NatsServer, queue: MessageQueue, clerk: Clerk) -> None:
    await kill_three(server, queue)
    (dead,) = await queue.dead_letters.list(reason="bad 1")

    done = await dovetail("dead", "show", server.url, dead.id)

    assert (done.status, done.err) == (0, "")
    for name, value in {
        "Id": dead.id,
        "Group": "clerk",
        "Subject": "events.item.a",
        "Kind": "event",
        "Message id": "m-1",
        "Handler of": r"events\.item\.\*",
        "Given up": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d after 2 attempts",
        "Reason": r"ValueError: cannot take \[red\]\{'text': 'bad 1'\}\\x1b\[31m",
    }.items():
        assert re.search(rf"^{name} +{value}$", done.out, re.MULTILINE), name
    assert re.search(r'^  +raise ValueError\(f"cannot take', done.out, re.MULTILINE)
    assert re.search(r'^      "text": "bad 1"$', done.out, re.MULTILINE)

    letter = json.loads((await dovetail("dead", "show", server.url, dead.id, "--json")).out)
    assert (letter["id"], letter["attempts"], letter["data"]) == (dead.id, 2, {"text": "bad 1"})
    assert "Traceback" in letter["traceback"]


async def test_show_what_is_no_event(server: NatsServer, queue: MessageQueue, clerk: Clerk) -> None:
    await dovetail(
        "publish", server.url, "events.item.a", "--durable", "--raw", "--file", "-", stdin=GARBAGE
    )
    await until_dead(queue, 1)
    (letter,) = await queue.dead_letters.list()

    shown = await dovetail("dead", "show", server.url, letter.id)
    assert r"  b'\xff\x00garbage'" in shown.lines
    assert "Message id  none: the bytes are no CloudEvent" in shown.lines
    in_json = json.loads((await dovetail("dead", "show", server.url, letter.id, "--json")).out)
    assert in_json["body_base64"] == "/wBnYXJiYWdl"
    again = await dovetail("dead", "replay", server.url, letter.id, "--data", '"mended"')
    assert again.status == 0
    await until_taken(clerk, "mended")


async def test_show_what_is_nested_too_deep(
    server: NatsServer, queue: MessageQueue, clerk: Clerk
) -> None:
    nested = b'{"bad": %s}' % (b"[" * 5000 + b"]" * 5000)
    await dovetail("publish", server.url, "events.item.a", "--durable", "--file", "-", stdin=nested)
    await until_dead(queue, 1)
    (letter,) = await queue.dead_letters.list()

    shown = await dovetail("dead", "show", server.url, letter.id)
    assert (shown.status, shown.err) == (0, "")
    assert nested.decode()[:500] in shown.out.replace("\\", "")


async def test_replay_to_the_group_that_failed(
    server: NatsServer, queue: MessageQueue, clerk: Clerk
) -> None:
    await kill_three(server, queue)
    (letter,) = await queue.dead_letters.list(reason="bad 2")

    done = await dovetail("dead", "replay", server.url, letter.id, "--data", '{"text": "good"}')

    assert (done.status, done.err) == (0, "Replayed 1 dead letter.\n")
    await until_taken(clerk, {"text": "good"})
    assert [one.message_id for one in await queue.dead_letters.list()] == ["m-3", "m-1"]


async def test_mend_by_hand(server: NatsServer, queue: MessageQueue, clerk: Clerk) -> None:
    await kill_three(server, queue)
    (letter,) = await queue.dead_letters.list(reason="bad 1")

    body = await dovetail("dead", "show", server.url, letter.id, "--body")
    assert body.out.encode() == letter.body
    mended = body.out.replace("bad", "good").encode()
    done = await dovetail("dead", "replay", server.url, letter.id, "--file", "-", stdin=mended)

    assert (done.status, done.err) == (0, "Replayed 1 dead letter.\n")
    await until_taken(clerk, {"text": "good 1"})


async def test_a_body_that_is_no_event_is_replayed_with_a_note(
    server: NatsServer, queue: MessageQueue, clerk: Clerk
) -> None:
    await kill_three(server, queue)
    (letter,) = await queue.dead_letters.list(reason="bad 1")
    done = await dovetail("dead", "replay", server.url, letter.id, "--body", "as it is")
    assert done.status == 0
    assert done.err.startswith("Note: this body is no CloudEvent; --data mends the data alone")
    await until_taken(clerk, b"as it is")


async def test_by_filter_it_asks(server: NatsServer, queue: MessageQueue, clerk: Clerk) -> None:
    await kill_three(server, queue)
    arguments = ("dead", "drop", server.url, "--group", "clerk")

    done = await dovetail(*arguments, stdin=b"\n")
    assert (done.status, done.err) == (1, "Drop 2 dead letters of clerk? [y/N] Nothing was done.\n")
    done = await dovetail(*arguments, stdin=b"")
    assert done.status == 1
    assert done.err.endswith("\nNobody answered, nothing was done; --yes does not ask.\n")
    assert (await queue.status()).dead_letters == 3

    done = await dovetail(*arguments, "--most", "1", stdin=b"n\n")
    assert done.err.startswith("Drop the newest 1 dead letter of clerk? [y/N] ")
    done = await dovetail(*arguments, stdin=b"y\n")
    assert (done.status, done.err) == (
        0,
        "Drop 2 dead letters of clerk? [y/N] Dropped 2 dead letters.\n",
    )
    assert [one.group for one in await queue.dead_letters.list()] == ["auditor"]
    done = await dovetail(*arguments, "--yes")
    assert (done.status, done.err) == (1, "dovetail: no dead letter matches; nothing was done\n")


async def test_all(server: NatsServer, queue: MessageQueue, clerk: Clerk) -> None:
    await kill_three(server, queue)
    done = await dovetail("dead", "replay", server.url, "--all", "--yes")
    assert (done.status, done.err) == (0, "Replayed 3 dead letters.\n")
    await until_dead(queue, 3)  # nothing was mended
    done = await dovetail("dead", "drop", server.url, "--all", "--yes")
    assert (done.status, done.err) == (0, "Dropped 3 dead letters.\n")
    assert (await queue.status()).dead_letters == 0


async def test_ids_that_are_not_there(
    server: NatsServer, queue: MessageQueue, clerk: Clerk
) -> None:
    await kill_three(server, queue)
    (letter,) = await queue.dead_letters.list(group="auditor")
    done = await dovetail("dead", "drop", server.url, "99", letter.id, "no-such")
    assert done.status == 1
    assert done.err == (
        "Dropped 1 dead letter.\n"
        "dovetail: no dead letter has the id '99, no-such'; `dovetail dead list` shows what there is\n"
    )
    assert (await queue.status()).dead_letters == 2
    done = await dovetail("dead", "show", server.url, "99")
    assert done.status == 1
    assert (
        done.err
        == "dovetail: no dead letter has the id '99'; `dovetail dead list` shows what there is\n"
    )


async def test_used_wrongly(nats_server: NatsServer) -> None:
    for arguments, said in (
        (("replay",), "name ids, or a filter such as --group; --all means all"),
        (("drop", "--most", "3"), "name ids, or a filter such as --group; --all means all"),
        (("drop", "1", "--all"), "name ids, or a filter, not both"),
        (("replay", "1", "2", "--data", "x"), "one of --data, --body, --file mends one ID"),
        (("replay", "--all", "--body", "x"), "one of --data, --body, --file mends one ID"),
        (
            ("replay", "1", "--body", "x", "--data", "y"),
            "one of --data, --body, --file mends one ID",
        ),
        (("replay", "1", "--body", "x", "--file", "y"), "give DATA or --file, not both"),
        (("list", "--older-than", "5"), "'5' is no length of time; write 90s, 30m, 2h, 7d or 1w."),
        (("list", "--before", "soon"), "'soon' is no time; write 2030-01-31"),
    ):
        verb, *rest = arguments
        done = await dovetail("dead", verb, nats_server.url, *rest)
        assert (done.status, done.out) == (2, "")
        assert said in done.err
        assert f"Usage: dovetail dead {verb}" in done.err
