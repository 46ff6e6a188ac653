"""What is left when an owner or a server is killed."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dovetail import QueueUnavailable
from dovetail.embedded import EmbeddedServer, child, orphan, running
from dovetail.embedded.folder import QueueFolder, ServerState
from dovetail.embedded.ports import free_port

from .support import keep_a_message, kept_messages, owner_process, until, wait_gone


@pytest.mark.parametrize("kernel_tells", sorted({child.KERNEL_TELLS, False}))
async def test_server_ends_with_a_killed_owner(tmp_path: Path, kernel_tells: bool) -> None:
    with owner_process(tmp_path, kernel_tells=kernel_tells) as owner:
        owner.kill()
    wait_gone(owner.server_pid)
    assert running(tmp_path) is None


@pytest.mark.parametrize("kernel_tells", sorted({child.KERNEL_TELLS, False}))
async def test_the_next_start_takes_over_ports_and_store(
    tmp_path: Path, kernel_tells: bool
) -> None:
    port, monitor_port = free_port(), free_port()
    with owner_process(
        tmp_path, port=port, monitor_port=monitor_port, kernel_tells=kernel_tells
    ) as owner:
        await keep_a_message(owner.url)
        owner.kill()
        async with EmbeddedServer(tmp_path, port, monitor_port) as server:
            assert not server.joined
            assert server.url == owner.url
            assert await kept_messages(server.url) == 1


async def test_a_hanging_server_of_a_killed_owner_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphan, "ORPHAN_SECONDS", 0.2)
    with owner_process(tmp_path) as owner:
        await keep_a_message(owner.url)
        os.kill(owner.server_pid, signal.SIGSTOP)
        owner.kill()
        async with EmbeddedServer(tmp_path, 0, 0) as server:
            assert await kept_messages(server.url) == 1
    wait_gone(owner.server_pid)


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A program that got the pid of an earlier server."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


async def test_a_stale_state_whose_pid_is_another_program_now(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    folder = QueueFolder(tmp_path)
    folder.make("data_dir")
    folder.write(ServerState("gone", "127.0.0.1", 1, 2, stranger.pid, ready=True))
    assert running(tmp_path) is None
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        assert not server.joined
        await keep_a_message(server.url)
    assert stranger.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot be told apart")
async def test_a_lock_held_by_nobody_known_signals_no_stranger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stranger: subprocess.Popen[bytes]
) -> None:
    monkeypatch.setattr(orphan, "ORPHAN_SECONDS", 0.05)
    folder = QueueFolder(tmp_path)
    folder.make("data_dir")
    folder.write(ServerState("gone", "127.0.0.1", 1, 2, stranger.pid, ready=True))
    lock = folder.take_server_lock()
    assert lock is not None
    with pytest.raises(QueueUnavailable, match="an earlier nats-server"):
        await EmbeddedServer(tmp_path, 0, 0).start()
    os.close(lock)
    assert stranger.poll() is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"name": 1}', b"\xff"])
async def test_a_broken_state_is_no_obstacle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / "server.json").write_bytes(content)
    assert running(tmp_path) is None
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        state = msgspec.json.decode((tmp_path / "queue" / "server.json").read_bytes())
        assert state["pid"] == server.pid


async def test_a_crashed_server_is_started_again_on_its_store(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        url = server.url
        await keep_a_message(url)
        for _ in range(2):
            await crash(server)
        assert server.url == url
        assert await kept_messages(url) == 1


async def crash(server: EmbeddedServer) -> None:
    crashed = server.pid
    os.kill(crashed, signal.SIGKILL)
    await until(lambda: server.pid != crashed and running(server.folder.path.parent) is not None)


async def test_restarts_go_on_until_the_port_is_free_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dovetail.embedded")
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        await keep_a_message(server.url)
        port = int(server.url.rpartition(":")[2])
        os.kill(server.pid, signal.SIGKILL)
        wait_gone(
            server.pid
        )  # without a turn of the event loop: the port is taken before the restart
        with socket.create_server(("127.0.0.1", port)):
            await until(lambda: f"cannot listen on port {port}" in caplog.text)
        await until(lambda: "the queue is back" in caplog.text)
        assert await kept_messages(server.url) == 1


async def test_restarts_go_on_while_the_folder_cannot_be_written_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "dovetail.embedded")

    def no_room(_: ServerState) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with EmbeddedServer(tmp_path, 0, 0) as server:
        await keep_a_message(server.url)
        with monkeypatch.context() as full:
            full.setattr(server.folder, "write", no_room)
            os.kill(server.pid, signal.SIGKILL)
            await until(lambda: "No space left" in caplog.text)
        await until(lambda: "the queue is back" in caplog.text)
        assert await kept_messages(server.url) == 1


async def test_the_end_during_a_restart_leaves_nothing(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        os.kill(server.pid, signal.SIGKILL)
        await asyncio.sleep(0.1)  # about when it is started again: any moment must do
    wait_gone(server.pid)
    assert running(tmp_path) is None
    assert QueueFolder(tmp_path).take()
