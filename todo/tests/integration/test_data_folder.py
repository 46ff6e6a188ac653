"""The data folder is for the account that runs the application, and for nobody else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dovetail import connect
from dovetail.embedded import running

from .commands import children
from .conftest import Todo
from .support import RUNS, add


def _open_paths(folder: Path) -> list[str]:
    """What others have any right to."""
    found = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
    return [f"{path} {mode:o}" for path, mode in found.items() if stat.S_IMODE(mode) & 0o077]


@pytest.mark.parametrize("umask", [0o000, 0o022], ids=oct)
async def test_nothing_in_it_is_open_whatever_the_umask_and_its_rights_before(
    todo_command: Todo, settings: dict[str, str], tmp_path: Path, umask: int
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o777)
    for name in ("todo.db-old", "up"):
        (data / name).touch() if "db" in name else (data / name).mkdir()
        (data / name).chmod(0o777)
    before = os.umask(umask)
    try:
        up = await todo_command("up")
        await up.said(RUNS)
    finally:
        os.umask(before)
    await up.said(f"saved {await add(settings, 'x')}")
    assert {"todo.db", "todo.db-wal", "queue", "up"} <= {path.name for path in data.iterdir()}
    assert _open_paths(data) == []


async def test_a_component_on_its_own_keeps_its_database_to_itself(
    todo_command: Todo, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "todo.db").touch()
    for path in (data, data / "todo.db"):
        path.chmod(0o777)
    assert await (await todo_command("migrate")).ended() == 0
    assert _open_paths(data) == []


async def test_other_things_in_the_folder_are_let_be(todo_command: Todo, tmp_path: Path) -> None:
    theirs = tmp_path / "data" / "theirs"
    theirs.parent.mkdir()
    theirs.touch()
    for path in (theirs.parent, theirs):
        path.chmod(0o755)
    assert await (await todo_command("migrate")).ended() == 0
    assert [Path(one.split()[0]) for one in _open_paths(theirs.parent)] == [theirs.parent, theirs]


async def test_the_secret_is_in_no_output_and_no_command_line(
    todo_command: Todo, settings: dict[str, str], tmp_path: Path
) -> None:
    up = await todo_command("up", LOG_LEVEL="debug")
    await up.said(RUNS)
    await up.said(f"saved {await add(settings, 'x')}")
    secret = (tmp_path / "data" / "queue" / "secret").read_text().strip()
    assert secret in (running(tmp_path / "data") or "")
    assert secret not in up.text
    assert not any(secret in command for command in children(up.pid).values())


async def test_the_queue_is_open_to_all_where_that_is_set(
    todo_command: Todo, settings: dict[str, str]
) -> None:
    up = await todo_command("up", "--only", "queue", QUEUE_OPEN="true")
    await up.said(RUNS)
    async with connect(f"nats://127.0.0.1:{settings['QUEUE_PORT']}") as queue:
        assert queue.connected
