"""One server for each data folder, however many ask for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dovetail import ConfigurationError, QueueUnavailable
from dovetail.embedded import EmbeddedServer, running
from dovetail.embedded import server as server_module
from dovetail.embedded.ports import free_port

from .support import keep_a_message, owner_process, wait_gone


async def test_the_second_joins_and_leaves_it_running(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0) as first:
        async with EmbeddedServer(tmp_path, 4, 5) as second:
            assert second.joined
            assert (second.url, second.monitor_port) == (first.url, first.monitor_port)
        assert running(tmp_path) == first.url
        await keep_a_message(first.url)


async def test_one_that_asks_for_more_safety_than_there_is_does_not_join(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0), EmbeddedServer(tmp_path, 0, 0, sync="interval"):
        with pytest.raises(ConfigurationError, match="sync is always, but the queue that runs on "):
            await EmbeddedServer(tmp_path, 0, 0, sync="always").start()
    first, second = EmbeddedServer(tmp_path, 0, 0, sync="always"), EmbeddedServer(tmp_path, 0, 0)
    async with first, second:
        assert second.url == first.url


async def test_the_second_in_another_process_joins_and_leaves_it_running(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, 0, 0) as first:
        with owner_process(tmp_path) as second:
            assert second.joined
            assert second.url == first.url
            second.leave()
        await keep_a_message(first.url)


async def test_joins_the_server_of_another_process(tmp_path: Path) -> None:
    with owner_process(tmp_path) as first:
        async with EmbeddedServer(tmp_path, 0, 0) as second:
            assert second.joined
            await keep_a_message(second.url)
        assert running(tmp_path) == first.url
        first.leave()
    wait_gone(first.server_pid)
    assert running(tmp_path) is None


async def test_many_at_once_share_one_server(tmp_path: Path) -> None:
    servers = [EmbeddedServer(tmp_path, 0, 0) for _ in range(8)]
    await asyncio.gather(*(server.start() for server in servers))
    assert [server.joined for server in servers].count(False) == 1
    assert len({server.url for server in servers}) == 1
    await asyncio.gather(*(server.stop() for server in servers))
    assert running(tmp_path) is None


async def test_one_that_joined_can_own_it_later_on_its_own_ports(tmp_path: Path) -> None:
    port = free_port()
    second = EmbeddedServer(tmp_path, port, 0)
    seen = []
    async with EmbeddedServer(tmp_path, 0, 0) as first, second:
        seen.append(second.url == first.url)
    async with second:
        seen.append(second.shown == f"nats://127.0.0.1:{port}")
        await keep_a_message(second.url)
    assert seen == [True, True]
    assert not second.joined


async def test_an_owner_whose_server_does_not_answer_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "JOIN_SECONDS", 0.1)
    async with EmbeddedServer(tmp_path, 0, 0) as first:
        first.folder.forget()
        with pytest.raises(QueueUnavailable, match="another process owns"):
            await EmbeddedServer(tmp_path, 0, 0).start()


def test_nothing_runs_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert running(tmp_path / "none") is None
