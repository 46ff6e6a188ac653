"""`todo up`: what it runs, what it says, how it restarts, drains, and never leaves anything behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from pathlib import Path

import httpx
import pytest

from .commands import PATIENCE_SECONDS, child, children
from .conftest import Todo
from .support import RUNS, add, components, gone, until


async def test_the_queue_syncs_as_the_setting_says(
    todo_command: Todo, settings: dict[str, str]
) -> None:
    up = await todo_command("up", "--only", "queue", QUEUE_SYNC="always")
    await up.said(RUNS)
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{settings['QUEUE_MONITOR_PORT']}/jsz")
    assert answer.json()["config"]["sync_always"]
    second = await todo_command("up", "--only", "queue")  # it does not ask for less
    assert await second.ended() == 1
    assert "runs already" in second.text


async def test_it_runs_the_usual_components_and_says_where(
    todo_command: Todo, settings: dict[str, str], tmp_path: Path
) -> None:
    up = await todo_command("up")
    await up.said(RUNS)
    assert components(up) == ["api", "save-handler", "web"]
    for name in ("WEB_PORT", "API_PORT", "QUEUE_MONITOR_PORT"):
        url = f"http://127.0.0.1:{settings[name]}"
        assert url in up.text
        async with httpx.AsyncClient() as client:
            assert (await client.get(url)).status_code == 200
    assert f"nats://127.0.0.1:{settings['QUEUE_PORT']}" in up.text
    assert str(tmp_path / "data") in up.text
    assert "todo run audit-handler" in up.text
    assert "todo run mutating-handler" in up.text


@pytest.mark.slow  # runs everything, also on RabbitMQ
async def test_an_item_goes_all_the_way(
    todo_command: Todo, settings: dict[str, str], queue_setting: dict[str, str]
) -> None:
    up = await todo_command("up", "--with", "audit-handler,mutating-handler", **queue_setting)
    await up.said(RUNS)
    item_id = await add(settings, "tea -> coffee")
    audit = await up.said("AUDIT @ ")
    assert re.fullmatch(r"audit-handler    \| AUDIT @ 20\S+: tea -> coffee", audit)
    await up.said(f"received {item_id}")
    await up.said(f"saved {item_id}")
    await up.said(f"amended {item_id}")
    async with httpx.AsyncClient() as client:
        listed = await client.get(f"http://127.0.0.1:{settings['API_PORT']}/todo")
    assert [one["item"] for one in listed.json()["items"]] == ["tea → coffee"]


async def test_several_of_one_some_only_and_without(
    todo_command: Todo, settings: dict[str, str]
) -> None:
    up = await todo_command("up", "--only", "queue", "--scale", "save-handler=3")
    await up.said("presence listens", times=3)
    assert components(up) == ["save-handler"] * 3
    for number in (1, 2, 3):
        assert f"save-handler.{number} | " in up.text
    another = await todo_command("up", "--without", "queue,api,save-handler")
    await another.said(RUNS)
    assert components(another) == ["web"]
    assert (
        f"nats://127.0.0.1:{settings['QUEUE_PORT']}" in another.text.partition("The to-do list")[2]
    )
    assert await another.stop() == 0


async def test_a_crashed_child_is_started_again_and_serves(
    todo_command: Todo, settings: dict[str, str], queue_setting: dict[str, str]
) -> None:
    up = await todo_command("up", **queue_setting)
    await up.said(RUNS)
    await up.said("save-handler listens on events.todo.newitem")
    for component in ("save-handler", "api"):
        os.kill(child(up.pid, component), signal.SIGKILL)
        await up.said(f"{component} ended with SIGKILL; starting it again in 0.5 s")
    await up.said("listening at", times=3)
    await up.said("save-handler listens on events.todo.newitem", times=2)
    await up.said(f"saved {await _added(settings)}")


async def _added(settings: dict[str, str]) -> str:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await add(settings, "x")
            except httpx.TransportError:
                await asyncio.sleep(0.02)


async def test_pauses_between_restarts_grow(todo_command: Todo) -> None:
    up = await todo_command("up", "--only", "queue,audit-handler")
    for times, pause in enumerate(("0.5", "1.0", "2.0"), start=1):
        await up.said("presence listens", times=times)
        os.kill(child(up.pid, "audit-handler"), signal.SIGKILL)
        await up.said(f"starting it again in {pause} s")


async def test_a_child_that_somebody_else_stops_is_started_again(todo_command: Todo) -> None:
    up = await todo_command("up", "--only", "queue,audit-handler")
    await up.said("presence listens")
    os.kill(child(up.pid, "audit-handler"), signal.SIGTERM)
    await up.said("audit-handler ended with status 0; starting it again")
    await up.said("presence listens", times=2)


async def test_the_queue_is_started_again_and_nothing_is_lost(
    todo_command: Todo, settings: dict[str, str]
) -> None:
    up = await todo_command("up", "--without", "save-handler")
    await up.said(RUNS)
    item_id = await add(settings, "before")
    (server,) = (pid for pid, line in children(up.pid).items() if "nats-server" in line)
    os.kill(server, signal.SIGKILL)
    await up.said("the queue is back")
    handler = await todo_command("run", "save-handler")
    await handler.said(f"saved {item_id}")


async def test_sigterm_drains_and_stops_everything(
    todo_command: Todo, settings: dict[str, str], queue_setting: dict[str, str]
) -> None:
    up = await todo_command("up", SAVE_HANDLER__DELAY="1", SAVE_HANDLER__BATCH="1", **queue_setting)
    await up.said(RUNS)
    item_id = await add(settings, "x")
    await up.said(f"received {item_id}")
    started = children(up.pid)
    assert await up.stop() == 0
    assert f"saved {item_id}" in up.text
    assert gone(started)
    assert "Traceback" not in up.text


async def test_ctrl_c_in_the_terminal_stops_everything(todo_command: Todo) -> None:
    up = await todo_command("up")
    await up.said(RUNS)
    started = children(up.pid)
    assert await up.stop(signal.SIGINT) == 0
    assert gone(started)
    assert "Traceback" not in up.text


async def test_a_second_ctrl_c_ends_at_once(todo_command: Todo, settings: dict[str, str]) -> None:
    up = await todo_command("up", SAVE_HANDLER__DELAY="60")
    await up.said(RUNS)
    await up.said(f"received {await add(settings, 'x')}")
    started = children(up.pid)
    up.process.send_signal(signal.SIGINT)
    await up.said("stopping; Ctrl-C again")
    await up.stop(signal.SIGINT, within=8)
    assert gone(started)


async def test_ctrl_c_before_everything_runs_stops_it(todo_command: Todo) -> None:
    up = await todo_command("up")
    await up.said("the queue is at")
    assert await up.stop(signal.SIGINT) == 0
    assert "Traceback" not in up.text


async def test_nothing_is_left_when_it_is_killed(todo_command: Todo) -> None:
    up = await todo_command("up", "--scale", "save-handler=2", "--with", "audit-handler")
    await up.said(RUNS)
    started = children(up.pid)
    assert len(started) == 6
    up.process.kill()
    await until(lambda: gone(started))


async def test_nothing_is_left_when_it_is_killed_at_its_start(todo_command: Todo) -> None:
    up = await todo_command("up")
    await up.said("the queue is at")
    await until(lambda: len(children(up.pid)) == 4)
    started = children(up.pid)
    up.process.kill()
    await until(lambda: gone(started))


async def test_a_terminal_that_is_closed_stops_everything(
    todo_command: Todo, settings: dict[str, str]
) -> None:
    up = await todo_command("up", SAVE_HANDLER__DELAY="1", SAVE_HANDLER__BATCH="1")
    await up.said(RUNS)
    await up.said(f"received {await add(settings, 'x')}")
    started = children(up.pid)
    assert await up.stop(signal.SIGHUP) == 0
    assert "saved " in up.text
    assert gone(started)


async def test_output_that_nobody_reads_stops_everything(todo_command: Todo) -> None:
    up = await todo_command("up")
    await up.said(RUNS)
    started = children(up.pid)
    up.deafen()
    os.kill(child(up.pid, "api"), signal.SIGKILL)  # about which there is something to say
    assert await up.ended() == 0
    assert gone(started)


async def test_a_second_one_on_the_same_data_says_so(todo_command: Todo) -> None:
    first = await todo_command("up", "--only", "queue")
    await first.said(RUNS)
    second = await todo_command("up")
    assert await second.ended() == 1
    assert "runs already" in second.errors[-1]
    assert "todo run COMPONENT" in second.errors[-1]
    assert "Traceback" not in second.text
    assert first.process.returncode is None


async def test_after_a_kill_the_next_one_starts_with_what_was_accepted(
    todo_command: Todo, settings: dict[str, str]
) -> None:
    first = await todo_command("up", "--without", "save-handler")
    await first.said(RUNS)
    item_id = await add(settings, "kept")
    first.process.kill()
    await first.ended()
    second = await todo_command("up")
    await second.said(f"saved {item_id}")


async def test_json_lines_stay_json(todo_command: Todo, settings: dict[str, str]) -> None:
    up = await todo_command("up", "--with", "audit-handler", LOG_FORMAT="json")
    await up.said("everything runs")
    await add(settings, "x")
    await up.said("AUDIT @ ")
    await up.said("saved ")
    await up.stop()
    lines = [json.loads(line) for line in up.lines]
    assert {one["component"] for one in lines} >= {"todo", "web", "api", "save-handler"}
