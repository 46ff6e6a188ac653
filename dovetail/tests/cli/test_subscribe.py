"""`dovetail subscribe` to live events, against a real NATS server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from datetime import datetime

import nats

from dovetail import connect
from dovetail.testing.servers import NatsServer

from .support import LIMIT_SECONDS, dovetail, launch, running


async def test_number_subject_and_data_of_each(nats_server: NatsServer, subject: str) -> None:
    async with running("subscribe", nats_server.url, f"{subject}.>") as it:
        said = await it.note("Listening")
        assert said == f"Listening on {subject}.> at {nats_server.url}. Ctrl-C stops."
        await dovetail("publish", nats_server.url, f"{subject}.a", "ping")
        await dovetail(
            "publish", nats_server.url, f"{subject}.b", '{"item": {"text": "ä"}}', "--durable"
        )

        assert await it.line("ping") == f"    1  {subject}.a  ping"
        assert await it.line("item") == f'    2  {subject}.b  {{"item":{{"text":"ä"}}}}'
        done = await it.interrupted()

    assert done.status == 130
    assert done.err.strip() == said


async def test_every_subscriber_gets_a_copy_and_only_from_now_on(
    nats_server: NatsServer, subject: str
) -> None:
    await dovetail("publish", nats_server.url, subject, "earlier", "--durable")
    async with (
        running("subscribe", nats_server.url, subject, "--count", "1") as one,
        running("subscribe", nats_server.url, subject, "--count", "1") as two,
    ):
        await one.note("Listening")
        await two.note("Listening")
        client = await nats.connect(nats_server.url)
        await client.publish(subject, b"ping")
        await client.close()
        for it in (one, two):
            done = await it.end()
            assert (done.status, done.out) == (0, f"    1  {subject}  ping\n")


async def test_timestamps(nats_server: NatsServer, subject: str) -> None:
    async with running("subscribe", nats_server.url, subject, "--timestamps", "--count", "1") as it:
        await it.note("Listening")
        await dovetail("publish", nats_server.url, subject, "ping")
        line = await it.line("ping")
    found = re.fullmatch(
        rf" +1  (\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{3}})  {subject}  ping", line
    )
    assert found
    assert (
        abs(
            (
                datetime.now().astimezone() - datetime.fromisoformat(found[1]).astimezone()
            ).total_seconds()
        )
        < 30
    )


async def test_json(nats_server: NatsServer, subject: str) -> None:
    async with running("subscribe", nats_server.url, subject, "--json", "--count", "3") as it:
        await it.note("Listening")
        async with connect(nats_server.url) as queue:
            await queue.publish_raw(subject, b"\x00text", durable=False)
            await queue.publish_raw(subject, b"\xff\xfe", durable=False)
        await dovetail(
            "publish", nats_server.url, subject, '{"a": 1}', "--durable", "--id", subject
        )
        done = await it.end()

    text, other, event = (json.loads(line) for line in done.lines)
    for number, message in enumerate((text, other, event), 1):
        assert message.pop("number") == number
        assert message.pop("subject") == subject
        datetime.fromisoformat(message.pop("received_at"))
    assert text == {"data": "\x00text"}
    assert other == {"data_base64": "//4="}
    datetime.fromisoformat(event.pop("time"))
    assert event == {"id": subject, "type": subject, "source": "dovetail-cli", "data": {"a": 1}}


async def test_nothing_that_comes_steers_the_terminal(
    nats_server: NatsServer, subject: str
) -> None:
    async with running("subscribe", nats_server.url, subject, "--count", "4") as it:
        await it.note("Listening")
        async with connect(nats_server.url) as queue:
            for body in (b"\x1b[31mred\nline", b"\x9b31m \xc2\x9b", "\u202eabc".encode(), b""):
                await queue.publish_raw(subject, body, durable=False)
        done = await it.end()
    assert [line.split("  ")[-1] for line in done.lines] == [
        r"\x1b[31mred\nline",
        r"b'\x9b31m \xc2\x9b'",
        r"\u202eabc",
        "(empty)",
    ]


async def test_any_locale(nats_server: NatsServer, subject: str) -> None:
    async with running(
        "subscribe", nats_server.url, subject, "--count", "1", env={"PYTHONIOENCODING": "ascii"}
    ) as it:
        await it.note("Listening")
        await dovetail("publish", nats_server.url, subject, "Grüße")
        assert await it.line(subject) == rf"    1  {subject}  Gr\xfc\xdfe"


async def test_the_connection_is_lost_and_regained(server: NatsServer) -> None:
    async with running("subscribe", server.url, "channel21") as it:
        await it.note("Listening")
        for number in (1, 2):
            await server.kill()
            assert "lost" in await it.note("connection to")
            await server.start()
            assert "regained" in await it.note("connection to")
            await dovetail("publish", server.url, "channel21", f"ping {number}")
            await it.line(rf"^ +{number}  channel21  ping {number}$")
        done = await it.interrupted()
    assert done.status == 130
    assert "Traceback" not in done.err


async def test_ctrl_c_while_the_server_is_away(server: NatsServer) -> None:
    async with running("subscribe", server.url, "channel21") as it:
        await it.note("Listening")
        await server.kill()
        await it.note("lost")
        done = await it.interrupted()
    assert done.status == 130
    assert "Traceback" not in done.err


async def test_a_second_ctrl_c_waits_for_nothing(server: NatsServer) -> None:
    async with running("subscribe", server.url, "channel21") as it:
        await it.note("Listening")
        server.pause()
        it.signal(signal.SIGINT)
        assert "Ctrl-C" in await it.note("Closing the connection")
        done = await it.interrupted()
    assert done.status == 130
    assert "Traceback" not in done.err


async def test_it_ends_with_the_reader_of_its_output(nats_server: NatsServer, subject: str) -> None:
    reading, writing = os.pipe()
    process = await launch("subscribe", nats_server.url, subject, stdout=writing)
    os.close(writing)
    assert process.stderr is not None
    async with asyncio.timeout(LIMIT_SECONDS):
        assert b"Listening" in await process.stderr.readline()
        os.close(reading)
        _, err = await process.communicate()
    assert (process.returncode, err) == (141, b"")
