"""Where `todo scale` finds the running `todo up`, which of several it finds, and who may use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dovetail.testing.servers import NatsServer

from .conftest import Todo
from .scaling import LISTENS, refused, scaled
from .support import RUNS, components


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
    assert await up.stop() == 0
