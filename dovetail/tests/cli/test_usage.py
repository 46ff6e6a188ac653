"""What every command has in common: help, addresses, errors."""

from __future__ import annotations

import re
import sys

import pytest

from dovetail.cli.app import COMMANDS
from dovetail.testing.servers import NatsServer

from .support import dovetail, shell

DEAD = ("list", "show", "replay", "drop")
ALL = [(name,) for name in COMMANDS] + [("dead", name) for name in DEAD]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
async def test_help(path: tuple[str, ...]) -> None:
    done = await dovetail(*path, "--help")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"Usage: dovetail {' '.join(path)} ")


async def test_without_arguments_it_lists_the_commands() -> None:
    done = await dovetail()
    assert (done.status, done.out) == (2, "")
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\w", done.err, re.MULTILINE)


async def test_version() -> None:
    done = await dovetail("--version")
    assert re.fullmatch(r"dovetail \d+\.\d+\.\d+\n", done.out)


async def test_output_closed_from_the_beginning() -> None:
    for arguments in ("--version", "publish memory: a b", "dead list memory: --json"):
        done = await shell(f"$DOVETAIL {arguments} >&-")
        assert (done.status, done.err) == (0, "")


async def test_python_m() -> None:
    done = await shell(f"{sys.executable} -m dovetail --version")
    assert done.out.startswith("dovetail ")


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ("publish memory: a --interval", ("nan", "inf", "-1", "1e300", "90000")),
        ("request memory: a --timeout", ("nan", "inf", "0", "-1", "1e300")),
        ("gather memory: a --timeout", ("nan", "inf", "0")),
        ("gather memory: a --stall", ("nan", "inf", "0")),
        ("run app:group --drain", ("nan", "inf", "-1", "1e300")),
        ("dead list memory: --most", ("0", "nan", "1" + "0" * 30)),
    ],
)
async def test_numbers_out_of_bounds(arguments: str, wrong: tuple[str, ...]) -> None:
    option = arguments.rsplit(maxsplit=1)[-1]
    for value in wrong:
        done = await dovetail(*arguments.split(), value)
        assert (done.status, done.out) == (2, "")
        first, second = done.err.splitlines()
        assert f": Invalid value for '{option}': " in first
        assert second.startswith("Usage: dovetail ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["publsh"], "dovetail: no command 'publsh'; did you mean 'publish'?"),
        (["xyz"], "dovetail: no command 'xyz'; there are publish, "),
        (["dead", "shwo"], "dovetail dead: no command 'shwo'; did you mean 'show'?"),
        (["publish"], "dovetail publish: Missing argument 'URL'."),
        (["publish", "memory:"], "dovetail publish: Missing argument 'SUBJECT'."),
        (["publish", "channel21", "ping"], "dovetail publish: 'channel21' is no address of a queue"),
        (["publish", "memory:", "a", "b", "c"], "dovetail publish: Got unexpected extra argument (c)"),
        (["publish", "memory:", "a", "--repeat", "0"], "dovetail publish: Invalid value for '--repeat': "),
        (["publish", "memory:", "a", "--id", "x"], "dovetail publish: --id needs --durable"),
        (["publish", "memory:", "a", "b", "--file", "c"], "dovetail publish: give DATA or --file, not both"),
        (["subscribe", "memory:", "a", "--cuont", "1"], "dovetail subscribe: No such option '--cuont'."),
    ],
)  # fmt: skip
async def test_used_wrongly(arguments: list[str], said: str) -> None:
    done = await dovetail(*arguments)
    assert (done.status, done.out) == (2, "")
    first, second = done.err.splitlines()
    assert first.startswith(said)
    assert second.startswith("Usage: dovetail ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", "nuts://localhost"], "URL has the scheme 'nuts'; it must begin with one of "),
        (["status", "localhost:4222"], "URL has "),
        (["status", "nats://localhost:port"], "URL "),
        (["publish", "memory:", "a b", "x"], "'a b' is not a subject"),
        (["publish", "memory:", "dovetail.x", "x"], "'dovetail.x' is not a subject"),
        (["send", "memory:", "a.*", "{}"], "'a.*' is not a subject"),
        (["request", "memory:", "a.>", "{}"], "'a.>' is not a subject"),
        (["subscribe", "memory:", "a..b"], "'a..b' is not a subject pattern"),
        (["subscribe", "memory:", "a", "--group", "x y"], "'x y' is not a group name"),
        (["dead", "list", "memory:", "--subject", "a b"], "'a b' is not a subject pattern"),
    ],
)  # fmt: skip
async def test_wrong_addresses_and_names(arguments: list[str], said: str) -> None:
    done = await dovetail(*arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"dovetail: {said}")
    assert done.err.count("\n") == 1


async def test_a_server_that_is_not_there() -> None:
    done = await dovetail("status", "nats://user:secret@127.0.0.1:1")
    assert (done.status, done.out) == (1, "")
    assert "secret" not in done.err
    waiting, failed = done.err.splitlines()
    assert "waiting" in waiting
    assert failed.startswith("dovetail: the queue at nats://127.0.0.1:1 (URL) cannot be reached")


async def test_a_server_that_hangs(server: NatsServer) -> None:
    server.pause()
    done = await dovetail("status", server.url)
    assert (done.status, done.out) == (1, "")
    assert (
        f"dovetail: the queue at {server.url} (URL) cannot be reached" in done.err.splitlines()[-1]
    )
    assert "Traceback" not in done.err


async def test_a_file_that_is_not_there() -> None:
    done = await dovetail("publish", "memory:", "a", "--file", "/no/such")
    assert (done.status, done.err) == (
        1,
        "dovetail: cannot read /no/such: No such file or directory\n",
    )


async def test_the_address_from_the_environment(nats_server: NatsServer, subject: str) -> None:
    env = {"DOVETAIL_URL": nats_server.url}
    done = await dovetail("publish", subject, "ping", env=env)
    assert done.status == 0, done.err
    done = await dovetail(
        "publish", "--repeat", "2", "--file", "-", subject, env=env, stdin=b"ping"
    )
    assert len(done.lines) == 2, done.err
    done = await dovetail("dead", "show", "99999", env=env)
    assert "no dead letter has the id '99999'" in done.err
    done = await dovetail("status", "memory:", env=env)
    assert "memory" in done.lines[0]
    done = await dovetail("status", env={"DOVETAIL_URL": "nuts:"})
    assert done.status == 2
    assert done.err.startswith("dovetail: DOVETAIL_URL has the scheme 'nuts'")
    done = await dovetail("publish", env={"DOVETAIL_URL": nats_server.url})
    assert done.err.startswith("dovetail publish: Missing argument 'SUBJECT'.")


async def test_no_traceback_for_a_mistake_of_ours_unless_asked_for() -> None:
    script = f"""{sys.executable} -c '
import sys
from dovetail.cli import app, main
def broken(*_, **__): raise ZeroDivisionError("oh\\nno")
app.app.main = broken
main()
'"""
    done = await shell(script)
    assert done.status == 1
    assert done.err == (
        "dovetail: unexpected error: ZeroDivisionError: oh no\n"
        "This is a bug. DOVETAIL_DEBUG=1 shows where it happened.\n"
    )
    assert "Traceback" in (await shell(f"DOVETAIL_DEBUG=1 {script}")).err


async def test_publishing_imports_no_rich() -> None:
    script = f"""{sys.executable} -c '
import sys
from dovetail.cli.app import app
import dovetail.cli.publish, dovetail.cli.subscribe
for name in ("rich", "dovetail.cli.tables", "sqlalchemy", "nats"):
    print(name, name in sys.modules)
'"""
    assert "True" not in (await shell(script)).out
