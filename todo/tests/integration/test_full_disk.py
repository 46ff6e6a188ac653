"""A disk that is full when the application is started: said in words, and over when there is room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dovetail.testing.servers import ServerMissing

from ..small_disk import fill, small_disk  # noqa: TID252 - tests have no absolute names
from .conftest import Todo

_SIZE = 4 * 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    try:
        with small_disk(tmp_path / "disk", str(_SIZE)) as folder:
            yield folder
    except ServerMissing as error:
        pytest.skip(str(error))


def leave(disk: Path, room: int) -> Path:
    """Fill it but for so many bytes; returns what is to be removed."""
    ballast = fill(disk)
    with ballast.open("r+b") as file:
        file.truncate(ballast.stat().st_size - room)
    return ballast


@pytest.mark.parametrize("room", [4096, 12_288], ids=["nothing", "a folder"])
async def test_without_room_for_the_queue_itself(todo_command: Todo, disk: Path, room: int) -> None:
    leave(disk, room)
    command = await todo_command("up", DATA_DIR=str(disk / "data"))
    assert await command.ended() != 0
    (line,) = command.lines
    assert str(disk / "data") in line
    assert "No space left on device" in line
    assert "TODO_DATA_DIR" in line


async def test_without_room_for_items_it_waits_and_goes_on_by_itself(
    todo_command: Todo, disk: Path
) -> None:
    ballast = leave(disk, 49_152)
    command = await todo_command("up", DATA_DIR=str(disk / "data"))
    await command.said("is full: the queue takes no messages, and loses none")
    line = await command.said("waiting for the database at")
    assert line.endswith("its disk is full")
    ballast.unlink()
    await command.said("connected to the database at")
    await command.said("save-handler listens on events.todo.newitem")
