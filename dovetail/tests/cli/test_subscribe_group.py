"""`dovetail subscribe --group`: a member of a durable group, against a real NATS server."""

from __future__ import annotations

import asyncio
import os
import signal

import msgspec

from dovetail import MessageQueue
from dovetail.testing.servers import NatsServer

from .support import LIMIT_SECONDS, dovetail, running, running_shell, shell


async def publish(queue: MessageQueue, numbers: range) -> None:
    for number in numbers:
        body = {
            "specversion": "1.0",
            "id": f"id-{number}",
            "source": "t",
            "type": "t",
            "data": number,
        }
        await queue.publish_raw("events.number", msgspec.json.encode(body), id=f"id-{number}")


async def settled(queue: MessageQueue) -> None:
    """Wait until every group has handled all there is."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while any(  # noqa: ASYNC110 - the queue tells nobody
            group.waiting or group.in_hand for group in (await queue.status()).groups
        ):
            await asyncio.sleep(0.05)


def data(lines: list[str]) -> list[int]:
    return [int(line.split("  ")[-1]) for line in lines]


async def test_what_was_published_before_is_there_and_handled_once(
    server: NatsServer, queue: MessageQueue
) -> None:
    await publish(queue, range(10))

    first = await dovetail("subscribe", server.url, "events.number", "--group", "g", "--count", "4")
    second = await dovetail(
        "subscribe", server.url, "events.number", "--group", "g", "--count", "6"
    )

    assert (first.status, second.status) == (0, 0)
    assert data(first.lines) == [0, 1, 2, 3]
    assert sorted(data(second.lines)) == [4, 5, 6, 7, 8, 9]
    assert first.err == (
        f"Member of the group g on events.number at {server.url}. "
        "Ctrl-C stops; the group stays, and new messages wait for it.\n"
    )
    (status,) = (await queue.status()).groups
    assert (status.group, status.waiting, status.in_hand, status.dead) == ("g", 0, 0, 0)


async def test_two_members_share(server: NatsServer, queue: MessageQueue) -> None:
    arguments = ("subscribe", server.url, "events.>", "--group", "g")
    async with running(*arguments) as one, running(*arguments) as two:
        await one.note("Member of the group")
        await two.note("Member of the group")
        await publish(queue, range(40))
        await settled(queue)
        got: list[int] = []
        for it in (one, two):
            done = await it.interrupted()
            assert done.status == 130
            got += data(done.lines)
    assert sorted(got) == [*range(40)]


async def test_start_new(server: NatsServer, queue: MessageQueue) -> None:
    await publish(queue, range(3))
    arguments = (
        "subscribe",
        server.url,
        "events.number",
        "--group",
        "g",
        "--start",
        "new",
        "--count",
        "1",
    )
    async with running(*arguments) as it:
        await it.note("Member of the group")
        await publish(queue, range(3, 4))
        done = await it.end()
    assert data(done.lines) == [3]


async def test_what_could_not_be_printed_is_not_acked(
    server: NatsServer, queue: MessageQueue
) -> None:
    await publish(queue, range(500))
    script = f"$DOVETAIL subscribe {server.url} events.number --group g | head -1; echo ${{PIPESTATUS[0]}}"
    done = await shell(script)
    assert done.lines == ["    1  events.number  0", "141"]
    assert "Traceback" not in done.err

    (status,) = (await queue.status()).groups
    printed_into_the_pipe = 500 - status.waiting - status.in_hand
    rest = await dovetail(
        "subscribe",
        server.url,
        "events.number",
        "--group",
        "g",
        "--count",
        str(500 - printed_into_the_pipe),
    )
    assert {*data(rest.lines)} == {*range(printed_into_the_pipe, 500)}


async def test_ctrl_c_that_ends_the_reader_too(server: NatsServer, queue: MessageQueue) -> None:
    script = f"$DOVETAIL subscribe {server.url} events.number --group g | cat"
    async with running_shell(script) as it:
        await it.note("Member of the group")
        await publish(queue, range(100))
        await it.line("  99$")
        os.killpg(it.pid, signal.SIGINT)
        done = await it.end()
    assert "Traceback" not in done.err
    (status,) = (await queue.status()).groups
    assert (status.waiting, status.in_hand) == (0, 0)


async def test_sigterm_leaves_nothing_in_hand(server: NatsServer, queue: MessageQueue) -> None:
    async with running("subscribe", server.url, "events.number", "--group", "g") as it:
        await it.note("Member of the group")
        await publish(queue, range(5))
        await it.line("  4$")
        it.signal(signal.SIGTERM)
        assert (await it.end()).status == 143
    (status,) = (await queue.status()).groups
    assert (status.waiting, status.in_hand) == (0, 0)
