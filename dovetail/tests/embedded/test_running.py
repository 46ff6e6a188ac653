"""It starts, serves, keeps its store, and ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import pytest
import uvloop

from dovetail import QueueUnavailable
from dovetail.embedded import EmbeddedServer, Sync, process, running
from dovetail.embedded.ports import free_port

from .support import keep_a_message, kept_messages, wait_gone


async def test_serves_with_its_store_in_the_data_folder(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        assert running(tmp_path) == server.url
        assert not server.joined
        await keep_a_message(server.url)
        assert list((tmp_path / "queue" / "jetstream").glob("**/kept"))


async def test_monitor_answers_and_says_the_largest_message(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0) as server, httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{server.monitor_port}/varz")
    assert answer.json()["max_payload"] == 8 * 1024 * 1024


@pytest.mark.parametrize("sync", ["interval", "always"])
async def test_syncs_as_it_was_asked_to(tmp_path: Path, sync: Sync) -> None:
    async with (
        EmbeddedServer(tmp_path, 0, 0, sync=sync) as server,
        httpx.AsyncClient() as client,
    ):
        answer = await client.get(f"http://127.0.0.1:{server.monitor_port}/jsz")
        config = answer.json()["config"]
    assert config.get("sync_always", False) == (sync == "always")
    assert sync == "always" or config["sync_interval"] == 1_000_000_000


async def test_is_gone_after_the_end_and_can_start_again(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path, 0, 0)
    async with server:
        url = server.url
        await keep_a_message(url)
    wait_gone(server.pid)
    assert running(tmp_path) is None
    await server.stop()  # harmless

    async with server:
        assert server.url == url
        assert await kept_messages(url) == 1


async def test_has_its_own_process_group_so_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        assert os.getpgid(server.pid) == server.pid


async def test_folder_names_may_hold_anything(tmp_path: Path) -> None:
    folder = tmp_path / 'é "quoted" $HOME \\ {x}'
    async with EmbeddedServer(folder, 0, 0) as server:
        await keep_a_message(server.url)
    assert list((folder / "queue" / "jetstream").glob("**/kept"))


def test_runs_under_uvloop(tmp_path: Path) -> None:
    async def main() -> int:
        async with EmbeddedServer(tmp_path, 0, 0) as server:
            await keep_a_message(server.url)
            return server.pid

    wait_gone(uvloop.run(main()))


def has_ipv6() -> bool:
    try:
        free_port("::1")
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_listens_on_ipv6(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0, host="::1") as server:
        assert server.shown.startswith("nats://[::1]:")
        await keep_a_message(server.url)


async def test_address_of_all_interfaces_can_be_connected_to(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0, host="0.0.0.0") as server:
        assert server.shown.startswith("nats://127.0.0.1:")
        await keep_a_message(server.url)


async def test_one_that_hangs_is_killed_when_it_should_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "STOP_SECONDS", 0.2)
    async with EmbeddedServer(tmp_path, 0, 0) as server:
        os.kill(server.pid, signal.SIGSTOP)
    wait_gone(server.pid)


async def test_one_that_is_never_ready_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "READY_SECONDS", 0.0)
    server = EmbeddedServer(tmp_path, 0, 0)
    with pytest.raises(QueueUnavailable, match=r"server\.log"):
        await server.start()
    wait_gone(server.pid)
    assert running(tmp_path) is None
