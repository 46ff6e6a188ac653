"""What is in the data folder is its owner's alone, and the server asks for the secret that stands there."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dovetail import ConfigurationError, connect
from dovetail.embedded import EmbeddedServer, running

from .support import keep_a_message, kept_messages, owner_process, until

#: nobody, who is on every machine.
NOBODY = 65534


def open_paths(folder: Path) -> list[str]:
    """What others have any right to, with its rights."""
    paths = [folder, *folder.rglob("*")]
    return [f"{path} {path.stat().st_mode:o}" for path in paths if path.stat().st_mode & 0o077]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def modes(folder: Path) -> set[tuple[bool, int]]:
    found = [path.stat().st_mode for path in (folder, *folder.rglob("*"))]
    return {(stat.S_ISDIR(mode), stat.S_IMODE(mode)) for mode in found}


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def say(port: int, *lines: str) -> bytes:
    """What the server answers to these lines of its protocol."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.recv(4096)
        connection.sendall("".join(f"{line}\r\n" for line in (*lines, "PING")).encode())
        return connection.recv(4096)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
async def test_all_of_it_is_the_owners_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with owner_process(tmp_path / "data") as owner:
            await keep_a_message(owner.url)
            found = modes(tmp_path / "data")
            owner.leave()
    finally:
        os.umask(before)
    assert found == {(True, 0o700), (False, 0o600)}


async def test_rights_that_it_had_before_are_taken(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with EmbeddedServer(data, 0, 0, open=True) as server:
        await keep_a_message(server.url)
    for path in (data, *data.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    async with EmbeddedServer(data, 0, 0) as server:
        assert open_paths(data) == []
        assert await kept_messages(server.url) == 1


async def test_a_folder_with_other_things_in_it_stays_open_but_for_ours(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("x")
    (tmp_path / "theirs").chmod(0o644)
    os.chmod(tmp_path, 0o755)
    async with EmbeddedServer(tmp_path, 0, 0):
        assert mode_of(tmp_path) == 0o755
        assert mode_of(tmp_path / "theirs") == 0o644
        assert open_paths(tmp_path / "queue") == []


async def test_what_a_link_leads_to_is_let_be(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("x")
    (tmp_path / "theirs").chmod(0o644)
    queue = tmp_path / "data" / "queue"
    queue.mkdir(parents=True)
    (queue / "link").symlink_to(tmp_path / "theirs")
    async with EmbeddedServer(tmp_path / "data", 0, 0):
        assert mode_of(tmp_path / "theirs") == 0o644


async def test_it_asks_for_the_secret_that_stands_in_the_folder(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        secret = (tmp_path / "queue" / "secret").read_text().strip()
        assert len(secret) >= 32
        assert secret in server.url
        assert secret not in server.shown
        port = port_of(server.url)
        for wrong in ("CONNECT {}", 'CONNECT {"auth_token":"x"}'):
            assert b"Authorization Violation" in say(port, wrong)
        assert b"PONG" in say(port, f'CONNECT {{"auth_token":"{secret}","verbose":false}}')
        async with connect(f"embedded:{tmp_path}") as queue:
            assert queue.connected
        with pytest.raises(ConfigurationError, match="use embedded:, followed by that folder"):
            await connect(server.shown).__aenter__()


async def test_the_secret_shows_nowhere_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with EmbeddedServer(tmp_path, 0, 0) as server, connect(server.url) as queue:
        secret = (tmp_path / "queue" / "secret").read_text().strip()
        address = (await queue.status()).address
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.monitor_port}") as monitor:
            asked = ("varz", "connz?auth=1&subs=1&state=all", "accountz?acc=$G", "debug/vars")
            told = [(await monitor.get(f"/{path}")).text for path in asked]
        command = command_line(server.pid)
    log = (tmp_path / "queue" / "server.log").read_text()
    for text in (*told, address, command, log, caplog.text, repr(server)):
        assert secret not in text


async def test_an_open_one_takes_everyone(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0, open=True) as server:
        assert b"PONG" in say(port_of(server.url), 'CONNECT {"verbose":false}')
        assert running(tmp_path) == server.url == server.shown


async def test_an_open_one_by_its_address(tmp_path: Path) -> None:
    async with (
        connect(f"embedded:{tmp_path}?port=0&monitor_port=0&open=true") as queue,
        connect((await queue.status()).address) as stranger,
    ):
        assert stranger.connected


async def test_a_folder_of_an_earlier_release_gets_a_secret_and_loses_nothing(
    tmp_path: Path,
) -> None:
    async with EmbeddedServer(tmp_path, 0, 0, open=True) as server:
        await keep_a_message(server.url)
    assert not (tmp_path / "queue" / "secret").exists()
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        assert b"Authorization Violation" in say(port_of(server.url), "CONNECT {}")
        assert await kept_messages(server.url) == 1


async def test_the_secret_stays_the_same_even_if_its_file_is_removed(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        url, pid = server.url, server.pid
        (tmp_path / "queue" / "secret").unlink()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: server.pid != pid and running(tmp_path) is not None)
        assert running(tmp_path) == server.url == url
        assert b"Authorization Violation" in say(port_of(url), "CONNECT {}")


async def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "queue" / "secret").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"queue/secret: Is a directory; .*data_dir"):
        await EmbeddedServer(tmp_path, 0, 0).start()


@pytest.mark.parametrize("secret", ['my own: ü/@?#"\\$x', " \n", "\udcff\udcfe"], ids=repr)
async def test_the_secret_may_be_the_users_own(tmp_path: Path, secret: str) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / "secret").write_bytes(os.fsencode(secret))
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        assert b"Authorization Violation" in say(port_of(server.url), "CONNECT {}")
        async with connect(server.url) as queue, connect(f"embedded:{tmp_path}") as another:
            assert queue.connected
            assert another.connected


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every account may enter: pytest's own are closed."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_another_account_can_neither_read_nor_use_it(public_folder: Path) -> None:
    data = public_folder / "data"
    program = f"""
import os, pathlib, sys
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
for path in ("queue/secret", "queue/server.json", "queue/server.conf", "queue/jetstream"):
    try:
        pathlib.Path({str(data)!r}, path).stat()
    except PermissionError:
        continue
    sys.exit(path)
try:
    os.listdir({str(data)!r})
except PermissionError:
    print("kept out")
"""
    async with EmbeddedServer(data, 0, 0) as server:
        await keep_a_message(server.url)
        told = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True
        )
        assert (told.stdout, told.stderr) == ("kept out\n", "")
        purge = ("CONNECT {}", "PUB $JS.API.STREAM.PURGE.kept 0", "")
        assert b"Authorization Violation" in say(port_of(server.url), *purge)
        assert await kept_messages(server.url) == 1
