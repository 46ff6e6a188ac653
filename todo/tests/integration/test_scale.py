"""`todo scale`: changes a running `todo up`, and says what is the matter where it cannot."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import pytest

from dovetail.testing.servers import PostgresServer

from .commands import Command, child, children
from .conftest import Todo
from .scaling import LISTENS, refused, scaled
from .support import RUNS, add, components, gone, until

#: For commands to be started while the item is in hand; less than a handler has to drain.
SLOW = {"SAVE_HANDLER__DELAY": "6", "SAVE_HANDLER__BATCH": "1"}


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


@pytest.mark.slow  # a handler that holds up its end for some seconds
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


@pytest.mark.slow  # a handler that holds up its end for some seconds
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


@pytest.mark.slow  # a handler that holds up its end for some seconds
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
    await up.stop(signal.SIGINT, within=8)
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
