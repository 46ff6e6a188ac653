"""`dovetail send`, `request` and `gather`, with handlers that `dovetail run` runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from dovetail import new_id
from dovetail.testing.servers import NatsServer
from dovetail.testing.servers.nats import caught_up

from .support import Program, dovetail, running


@pytest.fixture
def subject() -> str:
    """A subject that no other test uses, and no stream takes: where one does, nobody can tell who listens."""
    return f"requests.cli.{new_id()}"


@pytest_asyncio.fixture
async def clerks(server: NatsServer, app: Path) -> AsyncIterator[Program]:
    """Two workers that handle everything in the module `clerks`."""
    async with running(
        "run", "clerks:group", "--url", server.url, "--workers", "2", "--drain", "1", cwd=app
    ) as it:
        for _ in range(2):
            await it.note("listens on events.item")
        yield it


async def test_request(server: NatsServer, clerks: Program) -> None:
    done = await dovetail("request", server.url, "requests.greet", '{"name": "Bob"}')
    assert (done.status, done.out, done.err) == (0, '"hello Bob"\n', "")


async def test_gather_prints_every_answer_and_why_it_stopped(
    server: NatsServer, clerks: Program
) -> None:
    done = await dovetail("gather", server.url, "requests.roll", "--timeout", "0.5")

    assert done.status == 0
    assert [line.split()[0] for line in done.lines] == ["1", "2"]
    assert len({line.split()[1] for line in done.lines}) == 2
    assert done.err == "2 answers; the 0.5 s were over.\n"


async def test_gather_stops_earlier(server: NatsServer, clerks: Program) -> None:
    most = await dovetail(
        "gather", server.url, "requests.roll", "{}", "--timeout", "20", "--most", "1"
    )
    assert (most.status, len(most.lines)) == (0, 1)
    assert most.err == "1 answer; that is as many as were asked for.\n"

    stall = await dovetail(
        "gather", server.url, "requests.roll", "{}", "--timeout", "20", "--stall", "0.5", "--json"
    )
    assert json.loads(stall.out)["stopped"] == "stall"
    assert len(json.loads(stall.out)["answers"]) == 2
    assert stall.err == "2 answers; no more came for 0.5 s.\n"


async def test_send(server: NatsServer, clerks: Program) -> None:
    done = await dovetail(
        "send", server.url, "commands.import", '{"path": "items.csv"}', "--id", "c-1"
    )
    assert (done.status, done.out, done.err) == (0, "commands.import is on the queue  id c-1\n", "")
    await clerks.line("importing items.csv")


async def test_a_handler_that_raises(server: NatsServer, clerks: Program) -> None:
    done = await dovetail("request", server.url, "requests.greet", '{"name": "nobody"}')
    assert (done.status, done.out) == (1, "")
    assert (
        done.err
        == "dovetail: the handler of requests.greet failed: ValueError: nobody has no name at all\n"
    )

    done = await dovetail("gather", server.url, "requests.greet", "{}", "--timeout", "0.5")
    assert (done.status, done.out) == (1, "")
    failed, summary = done.err.splitlines()
    assert failed.startswith("failed: DecodeError: ")
    assert summary == "0 answers, 1 failed; the 0.5 s were over."


async def test_no_answer_in_time(server: NatsServer, clerks: Program) -> None:
    done = await dovetail("request", server.url, "requests.silence", "{}", "--timeout", "1.5")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "Waiting for an answer to requests.silence, 1.5 s at most…\n"
        "dovetail: no answer to 'requests.silence' within 1.5 s; --timeout gives it longer\n"
    )

    done = await dovetail("gather", server.url, "requests.silence", "{}", "--timeout", "0.2")
    assert (done.status, done.err) == (1, "0 answers; the 0.2 s were over.\n")


async def test_ctrl_c_while_waiting(server: NatsServer, clerks: Program) -> None:
    async with running("request", server.url, "requests.silence", "{}", "--timeout", "600") as it:
        await it.note("Waiting for an answer")
        done = await it.interrupted()
    assert done.status == 130
    assert "Traceback" not in done.err


@pytest.mark.parametrize("verb", ["request", "gather"])
async def test_nobody_is_there(nats_server: NatsServer, subject: str, verb: str) -> None:
    done = await dovetail(verb, nats_server.url, subject)
    assert (done.status, done.out) == (1, "")
    assert done.err == f"dovetail: nobody answers {subject!r}; is its worker running?\n"


async def test_no_group(nats_server: NatsServer, subject: str) -> None:
    done = await dovetail("send", nats_server.url, subject, "{}")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        f"dovetail: no group handles the command {subject!r}; start its worker once, then send\n"
    )


@pytest.mark.parametrize(
    ("answer", "printed"), [(b"pong", '"pong"\n'), (b"\xff", "b'\\xff'\n"), (b"", '""\n')]
)
async def test_a_foreign_program_answers(
    nats_server: NatsServer, subject: str, answer: bytes, printed: str
) -> None:
    client = await nats.connect(nats_server.url)

    async def reply(message: Msg) -> None:
        await message.respond(answer)

    await client.subscribe(subject, cb=reply)
    await caught_up(client)
    done = await dovetail("request", nats_server.url, subject, "ping")
    await client.close()
    assert (done.status, done.out) == (0, printed)
