"""What happens to the store of a running server, or of one that does not run: it is said, and mended."""

from __future__ import annotations

import logging
import os
import resource
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dovetail import MessageQueue, QueueError, Worker, connect
from dovetail.embedded import EmbeddedServer, store_watch
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled

from .support import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(store_watch, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(store_watch, "RESCUE_SECONDS", 1.0)
    caplog.set_level(logging.INFO, "dovetail")


@asynccontextmanager
async def queue_of(folder: Path) -> AsyncIterator[tuple[EmbeddedServer, MessageQueue]]:
    async with EmbeddedServer(folder, 0, 0) as server, connect(server.url, timeout=1) as queue:
        yield server, queue


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


async def fill(queue: MessageQueue, event: type[Numbered], count: int) -> None:
    for number in range(count):
        await queue.publish(event(number, "x" * 100))


def blocks(folder: Path) -> list[Path]:
    return sorted(folder.glob("queue/jetstream/*/streams/dovetail-events/msgs/*.blk"))


def damage(folder: Path) -> None:
    """Change 64 bytes in the middle of the events."""
    (block,) = blocks(folder)
    with block.open("r+b") as file:
        file.seek(block.stat().st_size // 2)
        file.write(b"\xa5" * 64)


async def test_a_server_that_could_not_write_is_started_again_when_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    event, seen = numbered(), Seen[Numbered]()
    async with (
        queue_of(tmp_path) as (server, queue),
        Worker(queue, [group := recording(event, seen)]),
    ):
        # Writing beyond this size of a file fails, for the process that runs now.
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        for number in range(40):
            await accepts(queue, event(number, "x" * 5_000), id=f"number-{number}")
        await all_handled(queue, group.name)
    assert sorted(numbers(seen.items)) == list(range(40))
    assert "the queue server is started again" in caplog.text
    assert "cannot write to" in errors(caplog)[0]
    assert "file too large" in errors(caplog)[0]


async def test_a_full_disk_is_said_and_its_end_starts_the_server_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with queue_of(tmp_path) as (server, queue):
        pid = server.pid
        with monkeypatch.context() as full:
            full.setattr(store_watch, "free_bytes", lambda _: 0)
            full.setattr(store_watch, "can_be_written", lambda _: False)
            await until(lambda: "is full: the queue takes no messages" in caplog.text)
            assert server.pid == pid
        await until(lambda: server.pid != pid)
        await accepts(queue, numbered()(1))
    assert len(errors(caplog)) == 1


async def accepts(queue: MessageQueue, event: Numbered, id: str | None = None) -> None:
    for _ in range(20):
        try:
            await queue.publish(event, id=id)
        except QueueError:
            continue
        return
    raise AssertionError("it never takes a message again")


def remove_all(folder: Path) -> None:
    shutil.rmtree(folder / "queue")


def remove_store(folder: Path) -> None:
    shutil.rmtree(folder / "queue" / "jetstream")


def remove_stream(folder: Path) -> None:
    shutil.rmtree(blocks(folder)[0].parent.parent)


def replace(folder: Path) -> None:
    (folder / "queue").rename(folder / "elsewhere")
    (folder / "queue").mkdir()


@pytest.mark.parametrize("remove", [remove_all, remove_store, remove_stream, replace])
async def test_a_folder_that_is_removed_under_the_server_is_said_and_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, remove: Callable[[Path], None]
) -> None:
    event, seen = numbered(), Seen[Numbered]()
    async with queue_of(tmp_path) as (_, queue):
        await fill(queue, event, 10)
        monitored = tmp_path / "queue.known.json"
        await until(lambda: b'"messages":10' in monitored.read_bytes())
        remove(tmp_path)
        await until(lambda: "the queue is back" in caplog.text)
        said = "\n".join(errors(caplog))
        assert str(tmp_path / "queue") in said
        assert "all 10 messages of the stream dovetail-events" in said
        await accepts(queue, event(99))
    async with queue_of(tmp_path) as (_, queue), Worker(queue, [recording(event, seen)]):
        await seen.has(1)
    assert numbers(seen.items) == [99]
    assert errors(caplog) == said.splitlines()  # nothing more is missing


async def test_what_waits_is_finished_before_the_server_of_a_removed_folder_ends(
    tmp_path: Path,
) -> None:
    event, seen = numbered(), Seen[Numbered]()
    async with (
        queue_of(tmp_path) as (server, queue),
        Worker(queue, [recording(event, seen)]),
    ):
        await queue.publish(event(0))
        pid = server.pid
        shutil.rmtree(tmp_path / "queue")
        await fill(queue, event, 5)
        await until(lambda: server.pid != pid)
    assert len(seen.items) == 6


async def test_damage_is_said_and_what_comes_after_it_is_handled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen)
    async with queue_of(tmp_path) as (_, queue), Worker(queue, [group]):
        await fill(queue, event, 40)
        await all_handled(queue, group.name)
    damage(tmp_path)
    async with queue_of(tmp_path) as (_, queue):
        assert any(
            "the newest 20 messages of the stream dovetail-events" in one for one in errors(caplog)
        )
        # They get sequences that the group has had before, unless the stream counts on.
        await fill(queue, event, 30)
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
    assert len(seen.items) == 70


async def test_a_store_that_is_gone_at_the_start_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    event = numbered()
    async with queue_of(tmp_path) as (_, queue):
        await fill(queue, event, 3)
    shutil.rmtree(tmp_path / "queue")
    for _ in range(2):
        async with queue_of(tmp_path):
            pass
    (said,) = errors(caplog)
    assert "all 3 messages of the stream dovetail-events" in said
    assert "Restore the folder from a backup" in said


async def test_nothing_is_said_of_a_store_that_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed, and ended in order."""
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen)
    async with queue_of(tmp_path) as (server, queue), Worker(queue, [group]):
        await fill(queue, event, 20)
        await all_handled(queue, group.name)
        pid = server.pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda: server.pid != pid)
        await accepts(queue, event(1))
    async with queue_of(tmp_path) as (_, queue):
        await accepts(queue, event(2))
    assert not errors(caplog)
