"""`dovetail publish`, against a real NATS server."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import nats
import pytest

from dovetail import connect
from dovetail.testing.servers import NatsServer
from dovetail.testing.servers.nats import caught_up

from .support import dovetail, running, shell


async def test_live_is_seen_as_it_is_by_the_technologys_own_client(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url)
    subscription = await client.subscribe("channel21")
    await caught_up(client)

    done = await dovetail("publish", nats_server.url, "channel21", "ping")

    assert done.status == 0
    assert re.fullmatch(r" +1  \d\d:\d\d:\d\d\.\d\d\d  channel21  ping\n", done.out)
    assert done.err == ""
    message = await subscription.next_msg(timeout=10)
    assert message.data == b"ping"
    assert message.headers == {"Nats-Expected-Stream": "none"}  # so that no stream keeps it
    await client.close()


async def test_repeats_with_a_counter_and_shows_each_at_once(
    nats_server: NatsServer, subject: str
) -> None:
    async with running(
        "publish", nats_server.url, subject, "ping", "--repeat", "50", "--interval", "5"
    ) as it:
        await it.line(rf"^ +1  .*  {subject}  ping$")
        done = await it.interrupted()

    assert done.status == 130
    assert len(done.lines) == 1
    assert re.search(r"Published 1 of 50 messages in \d s\.", done.err)


async def test_repeat_ends_by_itself(nats_server: NatsServer, subject: str) -> None:
    done = await dovetail(
        "publish", nats_server.url, subject, "--repeat", "3", "--interval", "0.01"
    )

    assert done.status == 0
    assert [line.split()[0] for line in done.lines] == ["1", "2", "3"]
    assert done.lines[0].endswith("(empty)")
    assert re.fullmatch(r"Published 3 of 3 messages in \d s\.\n", done.err)


async def test_sigterm_ends_it_with_a_summary(nats_server: NatsServer, subject: str) -> None:
    async with running(
        "publish", nats_server.url, subject, "--repeat", "9", "--interval", "60"
    ) as it:
        await it.line(r"^ +1 ")
        it.signal(signal.SIGTERM)
        done = await it.end()
    assert done.status == 143
    assert "Published 1 of 9 messages" in done.err


@pytest.mark.parametrize(
    ("data", "stored"),
    [
        ('{"item": [1, "ä", null]}', {"item": [1, "ä", None]}),
        ("5", 5),
        ("just text", "just text"),
        ("", {}),
    ],
)
async def test_durable_is_a_cloudevent(
    nats_server: NatsServer, subject: str, data: str, stored: object
) -> None:
    done = await dovetail("publish", nats_server.url, subject, data, "--durable")

    assert done.status == 0, done.err
    assert done.err == ""
    async with connect(nats_server.url) as queue:
        (event,) = await queue.waiting(subject, "nobody")
    assert (event.subject, event.type, event.data) == (subject, subject, stored)
    assert done.out.rstrip().endswith(f"id {event.id}")


async def test_broken_json_goes_as_text_and_says_so(nats_server: NatsServer, subject: str) -> None:
    done = await dovetail("publish", nats_server.url, subject, '{"item": ', "--durable")

    assert done.status == 0
    assert done.err.startswith("Note: the data looks like JSON and is none (")
    async with connect(nats_server.url) as queue:
        (event,) = await queue.waiting(subject, "nobody")
    assert event.data == '{"item": '


async def test_numbers_are_kept_to_the_last_digit(nats_server: NatsServer, subject: str) -> None:
    await dovetail(
        "publish", nats_server.url, subject, "123456789012345678901234567890", "--durable"
    )
    async with connect(nats_server.url) as queue:
        (event,) = await queue.waiting(subject, "nobody")
    assert b'"data":123456789012345678901234567890}' in event.body


async def test_raw_stores_any_bytes(nats_server: NatsServer, subject: str, tmp_path: Path) -> None:
    garbage = bytes(range(256))
    (tmp_path / "garbage").write_bytes(garbage)

    refused = await dovetail(
        "publish", nats_server.url, subject, "--durable", "--file", f"{tmp_path}/garbage"
    )
    done = await dovetail(
        "publish", nats_server.url, subject, "--durable", "--raw", "--file", "-", stdin=garbage
    )

    assert (refused.status, refused.err) == (
        2,
        "dovetail: the data is neither JSON nor text (UTF-8)\n",
    )
    assert done.status == 0, done.err
    async with connect(nats_server.url) as queue:
        (event,) = await queue.waiting(subject, "nobody")
    assert event.body == garbage


async def test_one_id_is_stored_once(nats_server: NatsServer, subject: str) -> None:
    for _ in range(2):
        done = await dovetail(
            "publish", nats_server.url, subject, "1", "--durable", "--id", subject
        )
        assert done.status == 0
    async with connect(nats_server.url) as queue:
        (event,) = await queue.waiting(subject, "nobody")
    assert event.id == subject


async def test_a_queue_that_goes_away_stops_it(server: NatsServer, subject: str) -> None:
    async with running("publish", server.url, subject, "--durable", "--repeat", "1000000") as it:
        await it.line(r"^ +20 ")
        await server.kill()
        done = await it.end()
    assert done.status == 1
    assert re.search(r"^Published \d+ of 1,000,000 messages", done.err, re.MULTILINE)
    assert re.search(r"^dovetail: .+", done.err, re.MULTILINE)
    assert "Traceback" not in done.err


async def test_into_head(nats_server: NatsServer, subject: str) -> None:
    done = await shell(
        f"$DOVETAIL publish {nats_server.url} {subject} --repeat 1000000 | head -1; echo ${{PIPESTATUS[0]}}"
    )
    assert (len(done.lines), done.lines[-1]) == (2, "141")
    assert not re.search("Traceback|Exception|Broken", done.err)


async def test_a_full_disk(nats_server: NatsServer, subject: str) -> None:
    done = await shell(f"$DOVETAIL publish {nats_server.url} {subject} > /dev/full")
    assert (done.status, done.err) == (
        1,
        "dovetail: cannot write the output: No space left on device\n",
    )
