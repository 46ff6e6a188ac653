"""`dovetail run`, against a real NATS server."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from dovetail import MessageQueue
from dovetail.testing.servers import NatsServer

from .support import LIMIT_SECONDS, Program, dovetail, running


async def publish(server: NatsServer, text: str) -> None:
    done = await dovetail(
        "publish", server.url, "events.item", f'{{"text": "{text}"}}', "--durable"
    )
    assert done.status == 0, done.err


async def pids(it: Program, number: int) -> list[int]:
    """The pids of workers as they are started."""
    lines = [await it.note(r"Worker \d+ started") for _ in range(number)]
    for _ in range(number):
        await it.note("listens on events.item")
    return [int(found) for line in lines for found in re.findall(r"pid (\d+)", line)]


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


async def gone(pid: int) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while exists(pid):  # noqa: ASYNC110 - it is no child of ours
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("target", ["group", "pair", "make", "make_later"])
async def test_what_a_name_may_be(server: NatsServer, app: Path, target: str) -> None:
    async with running("run", f"clerks:{target}", "--url", server.url, cwd=app) as it:
        said = await it.note("^Running")
        others = ", other" if target in ("pair", "make_later") else ""
        assert said == f"Running clerk{others} at {server.url}. Ctrl-C stops."
        await publish(server, "one")
        await it.line("done one")
        done = await it.interrupted()
    assert done.status == 130
    assert done.err.endswith("Stopping: what is in hand is finished, within 10 s.\n")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(("sign", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_it_finishes_what_is_in_hand(
    server: NatsServer,
    queue: MessageQueue,
    app: Path,
    workers: str,
    sign: signal.Signals,
    status: int,
) -> None:
    async with running(
        "run", "clerks:group", "--workers", workers, cwd=app, env={"DOVETAIL_URL": server.url}
    ) as it:
        await it.note("listens on events.item")
        await publish(server, "slow")
        await it.line("took slow")
        it.signal(sign)
        done = await it.end()
    assert done.status == status
    assert "done slow" in done.out
    assert "Traceback" not in done.err
    groups = (await queue.status()).groups
    assert all(one.waiting == one.in_hand == 0 for one in groups)


async def test_what_does_not_finish_goes_back(
    server: NatsServer, queue: MessageQueue, app: Path
) -> None:
    async with running("run", "clerks:group", "--url", server.url, "--drain", "1.5", cwd=app) as it:
        await it.note("listens on events.item")
        await publish(server, "stuck")
        await it.line("took stuck")
        it.signal(signal.SIGTERM)
        done = await it.end()
    assert done.status == 0
    assert "done stuck" not in done.out
    async with running("run", "clerks:group", "--url", server.url, cwd=app) as it:
        await it.line("took stuck")


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_second_ctrl_c_ends_it_at_once(server: NatsServer, app: Path, workers: str) -> None:
    async with running(
        "run", "clerks:group", "--url", server.url, "--workers", workers, "--drain", "600", cwd=app
    ) as it:
        await it.note("listens on events.item")
        await publish(server, "stuck")
        await it.line("took stuck")
        it.signal(signal.SIGINT)
        said = await it.note("Stopping")
        if workers == "1":
            assert (
                said == "Stopping: finishing 1 message, at most 600 s. Ctrl-C again stops at once."
            )
        done = await it.interrupted()
    assert done.status == 130
    assert "Traceback" not in done.err
    assert "reached" not in done.err


async def test_a_crashed_worker_is_started_again(server: NatsServer, app: Path) -> None:
    async with running("run", "clerks:group", "--url", server.url, "--workers", "2", cwd=app) as it:
        first, second = await pids(it, 2)
        os.kill(first, signal.SIGKILL)
        said = await it.note("killed")
        assert re.fullmatch(
            rf"Worker [12] \(pid {first}\) was killed by SIGKILL; it starts again in 0\.\d s\.",
            said,
        )
        (third,) = await pids(it, 1)
        assert third not in (first, second)
        it.signal(signal.SIGTERM)
        assert (await it.end()).status == 0
    for pid in (second, third):
        await gone(pid)


async def test_workers_end_with_a_killed_parent(server: NatsServer, app: Path) -> None:
    async with running("run", "clerks:group", "--url", server.url, "--workers", "2", cwd=app) as it:
        workers = await pids(it, 2)
        it.signal(signal.SIGKILL)
        for pid in workers:
            await gone(pid)


async def test_the_address_is_not_on_the_workers_command_line(
    server: NatsServer, app: Path
) -> None:
    async with running("run", "clerks:group", "--url", server.url, "--workers", "2", cwd=app) as it:
        for pid in await pids(it, 2):
            assert server.url not in command_line(pid)


async def test_it_waits_for_a_queue_that_is_not_up_yet(server: NatsServer, app: Path) -> None:
    await server.stop()
    async with running("run", "clerks:group", "--url", server.url, cwd=app) as it:
        assert "--url" in await it.note("cannot be reached")
        await server.start()
        await it.note("^Running clerk")
    await server.stop()
    async with running("run", "clerks:group", "--url", server.url, cwd=app) as it:
        await it.note("cannot be reached")
        done = await it.interrupted()
    assert done.status == 130
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            "clerk:group",
            "there is no module 'clerk'; {app} has broken, clerks, failing, untidy, wrong",
        ),
        (
            "clerks.a:group",
            "there is no module 'clerks.a'; {app} has broken, clerks, failing, untidy, wrong",
        ),
        ("clerks", "'clerks' is not MODULE:NAME, as in 'app.handlers:group'"),
        ("clerks:grup", "'clerks' has no 'grup'; it has these groups: group, other, pair"),
        ("clerks:nothing", "clerks:nothing is an empty list of groups"),
        (
            "clerks:number",
            "clerks:number is of the type int; it must be a Group, a list of them, or a function for it",
        ),
        (
            "clerks:needs",
            "clerks:needs cannot be called without arguments: missing a required argument: 'store'",
        ),
    ],
)
async def test_a_wrong_name(nats_server: NatsServer, app: Path, target: str, said: str) -> None:
    done = await dovetail("run", target, "--url", nats_server.url, cwd=app)
    assert (done.status, done.out) == (2, "")
    assert done.err == f"dovetail: {said.format(app=app)}\n"


@pytest.mark.parametrize(
    ("target", "said", "line"),
    [
        ("clerks:breaks", "RuntimeError: no database", 60),
        ("broken:x", "ModuleNotFoundError: No module named 'nosuchthing'", 1),
        ("failing:x", "ZeroDivisionError: division by zero", 2),
        ("untidy:x", "SyntaxError: invalid syntax (untidy.py, line 1)", 1),
        (
            "wrong:x",
            "ConfigurationError: Group('x'): retry=2 is not allowed; "
            "retry is a Backoff, as in Backoff(tries=5)",
            3,
        ),
    ],
)
async def test_the_users_own_code_fails(
    nats_server: NatsServer, app: Path, target: str, said: str, line: int
) -> None:
    done = await dovetail("run", target, "--url", nats_server.url, cwd=app)
    assert (done.status, done.out) == (1, "")
    module = target.partition(":")[0]
    file = app / f"{module}.py"
    doing = f"calling {target}" if module == "clerks" else f"importing {module}"
    assert done.err == f"dovetail: {doing} failed in {file}, line {line}: {said}\n"


async def test_a_wrong_address(app: Path) -> None:
    done = await dovetail("run", "clerks:group", cwd=app)
    assert done.status == 2
    assert done.err.startswith("dovetail run: no queue: give --url, or set DOVETAIL_URL\n")
    done = await dovetail(
        "run", "clerks:group", "--url", "nuts://localhost", "--workers", "3", cwd=app
    )
    assert done.status == 2
    assert done.err.startswith("dovetail: --url has the scheme 'nuts'; it must begin with one of ")
    assert done.err.count("\n") == 1


async def test_workers_that_cannot_start_end_it_all(nats_server: NatsServer, app: Path) -> None:
    (app / "clerks.py").write_text(f"{(app / 'clerks.py').read_text()}\ndef late(): return 5\n")
    done = await dovetail("run", "clerks:late", "--url", nats_server.url, "--workers", "3", cwd=app)
    assert done.status == 2
    assert "clerks:late is of the type int" in done.err
