"""`todo scale`: changes a running `todo up`, and says what is the matter where it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest

from dovetail.testing.servers import NatsServer, PostgresServer

from .commands import Command, child, children
from .conftest import Todo
from .test_up import RUNS, add, components, gone, until

SLOW = {"SAVE_HANDLER__DELAY": "4", "SAVE_HANDLER__BATCH": "1"}
LISTENS = "save-handler listens on events.todo.newitem"


async def scaled(todo_command: Todo, *counts: str, **settings: str) -> list[str]:
    """`todo scale` with these; what it says."""
    command = await todo_command("scale", *counts, **settings)
    assert await command.ended() == 0, command.text
    return command.lines


async def refused(todo_command: Todo, *counts: str, **settings: str) -> str:
    """`todo scale` with these; the one line that says why not."""
    command = await todo_command("scale", *counts, **settings)
    assert await command.ended() == 1, command.text
    (line,) = command.errors
    assert command.lines[-1] == line
    return line


async def at_work(todo_command: Todo, settings: dict[str, str], **more: str) -> Command:
    """A `todo up` whose one save-handler has an item in hand."""
    up = await todo_command("up", "--without", "web", **more)
    await up.said(LISTENS)
    await up.said(RUNS)
    await up.said(f"received {await add(settings, 'x')}")
    return up


async def test_more_fewer_none_and_again(
    todo_command: Todo, settings: dict[str, str], queue_setting: dict[str, str]
) -> None:
    up = await todo_command("up", "--without", "web", **queue_setting)
    await up.said(RUNS)
    assert "todo scale save-handler=3" in up.text
    assert await scaled(todo_command, "save-handler=3", **queue_setting) == [
        "save-handler: 3 running (started save-handler.2, save-handler.3)"
    ]
    assert components(up) == ["api", *["save-handler"] * 3]
    await up.said(LISTENS, times=3)
    assert await scaled(todo_command, "save-handler=3") == ["save-handler: 3 running (as before)"]
    assert await scaled(todo_command, "save-handler=2") == [
        "save-handler: 2 running (ended save-handler.3)"
    ]
    assert await scaled(todo_command, "save-handler=0") == [
        "save-handler: 0 running (ended save-handler.2, save-handler)"
    ]
    assert components(up) == ["api"]
    item_id = await add(settings, "waits")
    assert await scaled(todo_command, "save-handler=2") == [
        "save-handler: 2 running (started save-handler.1, save-handler.2)"
    ]
    await up.said(f"saved {item_id}")
    assert await up.stop() == 0


async def test_a_feature_that_was_not_started_comes_and_goes(
    todo_command: Todo, settings: dict[str, str]
) -> None:
    up = await todo_command("up")
    await up.said(RUNS)
    said = await scaled(todo_command, "audit-handler=1", "save-handler=2")
    assert sorted(said) == [
        "audit-handler: 1 running (started audit-handler)",
        "save-handler: 2 running (started save-handler.2)",
    ]
    await add(settings, "tea")
    assert (await up.said(": tea")).startswith("audit-handler  | AUDIT @ ")
    await scaled(todo_command, "audit-handler=0")
    assert "audit-handler" not in components(up)


async def test_the_list_says_what_runs(todo_command: Todo) -> None:
    up = await todo_command("up", "--only", "queue,audit-handler")
    await up.said("presence listens")
    os.kill(child(up.pid, "audit-handler"), signal.SIGKILL)
    await up.said("presence listens", times=2)
    await scaled(todo_command, "audit-handler=2")
    first, _, heads, *rows = await scaled(todo_command)
    assert first == f"`todo up` with pid {up.pid} runs:"
    assert heads.split() == ["Name", "Pid", "Runs", "for", "Restarts"]
    pids = {pid for pid, line in children(up.pid).items() if "audit-handler" in line}
    assert {int(row.split()[1]) for row in rows} == pids
    assert [(row.split()[0], row.split()[-1]) for row in rows] == [
        ("audit-handler", "1"),
        ("audit-handler.2", "0"),
    ]
    await scaled(todo_command, "audit-handler=0")
    assert await scaled(todo_command) == [
        f"`todo up` with pid {up.pid} runs none of the components."
    ]


async def test_what_is_in_hand_is_finished_before_it_returns(
    todo_command: Todo, settings: dict[str, str]
) -> None:
    up = await at_work(todo_command, settings, **SLOW)
    await scaled(todo_command, "save-handler=0")
    assert "saved " in up.text
    async with httpx.AsyncClient() as client:
        listed = await client.get(f"http://127.0.0.1:{settings['API_PORT']}/todo")
    assert len(listed.json()["items"]) == 1


async def test_two_at_once_take_turns(todo_command: Todo, settings: dict[str, str]) -> None:
    up = await at_work(todo_command, settings, **SLOW)
    first = await todo_command("scale", "save-handler=0")
    await up.said("scaling save-handler from 1 to 0")
    second = await todo_command("scale", "save-handler=2")
    await second.said("another `todo scale` is at work; this one waits for its turn")
    assert "is ending" in (await scaled(todo_command))[-1]
    assert await first.ended() == 0
    assert await second.ended() == 0
    assert first.lines == ["save-handler: 0 running (ended save-handler)"]
    assert second.lines[-1].startswith("save-handler: 2 running (started save-handler.1,")
    assert components(up) == ["api", "save-handler", "save-handler"]


async def test_who_gives_up_before_the_turn_changes_nothing(
    todo_command: Todo, settings: dict[str, str]
) -> None:
    up = await at_work(todo_command, settings, **SLOW)
    first = await todo_command("scale", "save-handler=0")
    await up.said("scaling save-handler from 1 to 0")
    second = await todo_command("scale", "save-handler=5")
    await second.said("waits for its turn")
    assert await second.stop(signal.SIGINT) == 130
    assert await first.ended() == 0
    assert await scaled(todo_command, "save-handler=1")
    assert "to 5" not in up.text
    assert "Traceback" not in second.text


async def test_a_child_that_crashes_meanwhile(todo_command: Todo) -> None:
    up = await todo_command("up", "--only", "queue,save-handler")
    await up.said(LISTENS)
    os.kill(child(up.pid, "save-handler"), signal.SIGKILL)
    await up.said("save-handler ended with SIGKILL; starting it again")
    assert await scaled(todo_command, "save-handler=2") == [
        "save-handler: 2 running (started save-handler.2)"
    ]
    await up.said(LISTENS, times=3)
    for pid, line in children(up.pid).items():
        if line.endswith(" save-handler"):
            os.kill(pid, signal.SIGKILL)
    await up.said("starting it again", times=3)
    assert await scaled(todo_command, "save-handler=0") == [
        "save-handler: 0 running (ended save-handler.2, save-handler)"
    ]
    assert components(up) == []
    assert await up.stop() == 0


async def test_one_that_is_configured_wrongly_ends_alone(
    todo_command: Todo, postgres_server: PostgresServer
) -> None:
    url = postgres_server.database_url("nowhere")
    up = await todo_command("up", "--only", "queue,audit-handler", DATABASE_URL=url)
    await up.said("presence listens")
    await scaled(todo_command, "save-handler=1")
    line = await up.said("save-handler cannot run, and is not started again: TODO_DATABASE_URL")
    assert '"nowhere" does not exist' in line
    assert [row.split()[0] for row in (await scaled(todo_command))[3:]] == ["audit-handler"]
    assert await up.stop() == 0


@pytest.mark.parametrize(
    ("count", "complaint"),
    [
        ("web=2", "web listens on one port"),
        ("api=2", "api listens on one port"),
        ("queue=2", "queue is one server"),
        ("handler=2", "names no handler"),
        ("save-handler", "write like save-handler=3, from 0 to 100"),
        ("save-handler=-1", "from 0 to 100"),
        ("save-handler=101", "from 0 to 100"),
    ],
)
async def test_what_cannot_be_asked_for(todo_command: Todo, count: str, complaint: str) -> None:
    command = await todo_command("scale", count)
    assert await command.ended() == 2
    assert complaint in command.lines[-1]
    assert repr(count) in command.lines[-1]
    assert "Traceback" not in command.text


async def test_where_nothing_runs_it_says_how_to_start_it(
    todo_command: Todo, tmp_path: Path
) -> None:
    line = await refused(todo_command, "save-handler=3")
    assert line == (
        f"no `todo up` runs on the data folder {tmp_path}/data (TODO_DATA_DIR): "
        "start it with `todo up`"
    )
    assert not (tmp_path / "data").exists()


async def test_while_it_stops(todo_command: Todo, settings: dict[str, str]) -> None:
    up = await at_work(todo_command, settings, **SLOW)
    up.process.send_signal(signal.SIGTERM)
    await up.said("stopping;")
    assert "`todo up` is stopping just now" in await refused(todo_command, "save-handler=3")
    assert await up.ended() == 0
    assert "no `todo up` runs" in await refused(todo_command)


async def test_ctrl_c_in_the_middle(todo_command: Todo, settings: dict[str, str]) -> None:
    up = await at_work(todo_command, settings, **SLOW)
    started = children(up.pid)
    scale = await todo_command("scale", "save-handler=0", "audit-handler=2")
    await up.said("audit-handler: 2 running")
    assert await up.stop(signal.SIGINT) == 0
    assert "saved " in up.text
    assert await scale.ended() == 1
    assert "`todo up` is stopping just now" in scale.errors[-1]
    assert gone(started)
    assert "Traceback" not in up.text + scale.text


async def test_a_second_ctrl_c_ends_also_what_drains(
    todo_command: Todo, settings: dict[str, str]
) -> None:
    up = await at_work(todo_command, settings, SAVE_HANDLER__DELAY="60")
    started = children(up.pid)
    await todo_command("scale", "save-handler=0")
    await up.said("scaling save-handler from 1 to 0")
    up.process.send_signal(signal.SIGINT)
    await up.said("stopping; Ctrl-C again")
    await up.stop(signal.SIGINT, within=5)
    assert gone(started)


async def test_kill_in_the_middle_then_start_and_scale_again(
    todo_command: Todo, settings: dict[str, str]
) -> None:
    up = await at_work(todo_command, settings, SAVE_HANDLER__DELAY="60")
    scale = await todo_command("scale", "save-handler=0")
    await up.said("scaling save-handler from 1 to 0")
    started = children(up.pid)
    up.process.kill()
    assert await scale.ended() == 1
    assert scale.errors == ["the running `todo up` ended before this was done"]
    assert "no `todo up` runs" in await refused(todo_command, "save-handler=3")
    for pid, line in started.items():
        if line.endswith(" save-handler"):
            os.kill(pid, signal.SIGKILL)  # it would drain for its ten seconds
    await until(lambda: gone(started))
    again = await todo_command("up", "--without", "web")
    await again.said(RUNS)
    assert len(await scaled(todo_command, "save-handler=3")) == 1
    assert components(again) == ["api", *["save-handler"] * 3]


async def test_a_folder_too_deep_for_a_socket(
    todo_command: Todo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    deep = {"DATA_DIR": "/".join(["deep" * 10] * 4)}
    for _ in range(2):
        up = await todo_command("up", "--only", "queue", **deep)
        await up.said(RUNS)
        (folder,) = temporary.glob("todo-up-*")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert await scaled(todo_command, "audit-handler=1", **deep)
        up.process.kill()
        await up.ended()
    up = await todo_command("up", "--only", "queue", **deep)
    await up.said(RUNS)
    assert await up.stop() == 0
    assert list(temporary.iterdir()) == []


async def test_nobody_else_may_use_it(todo_command: Todo, tmp_path: Path) -> None:
    up = await todo_command("up", "--only", "queue")
    await up.said(RUNS)
    folder = tmp_path / "data" / "up"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "queue.sock").stat().st_mode & 0o777 == 0o600
    assert await up.stop() == 0
    assert not (folder / "queue.sock").exists()


async def test_the_one_that_runs_the_queue_answers(todo_command: Todo) -> None:
    beside = await todo_command("up", "--only", "audit-handler", "--scale", "audit-handler=2")
    await beside.said("waiting for the queue")
    assert f"with pid {beside.pid}" in (await scaled(todo_command))[0]
    up = await todo_command("up", "--only", "queue,save-handler")
    await up.said(LISTENS)
    assert f"with pid {up.pid}" in (await scaled(todo_command))[0]
    await scaled(todo_command, "audit-handler=1")
    assert components(up) == ["audit-handler", "save-handler"]
    assert components(beside) == ["audit-handler", "audit-handler"]
    third = await todo_command("up", "--only", "audit-handler")
    await third.said("`todo scale` reaches the `todo up` that was here before, not this one")
    assert "todo scale audit" not in beside.text + third.text


async def test_with_a_queue_of_ones_own_the_first_answers(
    todo_command: Todo, nats_server: NatsServer
) -> None:
    queue = {"QUEUE_URL": nats_server.url}
    first = await todo_command("up", "--only", "audit-handler", **queue)
    await first.said("todo scale audit-handler=3")
    second = await todo_command("up", "--only", "save-handler", **queue)
    await second.said("not this one")
    await scaled(todo_command, "audit-handler=2", **queue)
    assert components(first) == ["audit-handler", "audit-handler"]
    assert await first.stop() == 0
    assert "no `todo up` runs" in await refused(todo_command, "audit-handler=2", **queue)


async def test_up_beside_a_running_one_says_what_to_do_instead(todo_command: Todo) -> None:
    up = await todo_command("up", "--only", "queue")
    await up.said(RUNS)
    for counts, instead in (("save-handler=4", "save-handler=4"), ("", "save-handler=3")):
        second = await todo_command("up", *(["--scale", counts] if counts else []))
        assert await second.ended() == 1
        assert f"`todo scale {instead}`" in second.errors[-1]
        assert "`todo run COMPONENT`" in second.errors[-1]


async def test_a_queue_that_something_else_runs_is_told_of(
    todo_command: Todo, tmp_path: Path
) -> None:
    up = await todo_command("up", "--only", "queue")
    await up.said(RUNS)
    (tmp_path / "data" / "up" / "queue.sock").unlink()
    assert "its queue does run, but by something that takes no" in await refused(todo_command)
    await asyncio.gather(up.stop(), return_exceptions=False)
