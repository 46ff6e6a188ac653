"""What the fake Redis has confirmed outlives a crash; what it has not may be lost, the newest first."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any, cast

import hiredis
import pytest

from simulation.servers.redis import FakeRedis


class _Sink(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self._more = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data
        self._more.set()

    async def has_more(self) -> bytes:
        """What is written, once that is anything."""
        await self._more.wait()
        return self.written

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        """There is nothing to close."""


def _client(server: FakeRedis) -> tuple[asyncio.Protocol, _Sink]:
    connection, sink = server.accept(), _Sink()
    connection.connection_made(sink)
    return connection, sink


def _command(*words: str) -> bytes:
    return bytes(hiredis.pack_command(cast(Any, words)))


async def _stored(server: FakeRedis) -> bytes:
    """What is there now, as the next client gets it."""
    server.disk_seconds = (0.0, 0.0)
    connection, sink = _client(server)
    connection.data_received(_command("GET", "key"))
    return await sink.has_more()


async def _after_a_crash(seed: int) -> bytes:
    server = FakeRedis(Random(seed))
    connection, sink = _client(server)
    connection.data_received(_command("SET", "key", "confirmed"))
    await sink.has_more()
    server.disk_seconds = (60.0, 60.0)
    connection.data_received(_command("SET", "key", "second") + _command("SET", "key", "third"))
    assert sink.written.count(b"OK") == 1
    server.crash()
    return await _stored(server)


async def test_a_crash_in_the_middle_of_a_sync_loses_some_of_the_last_writes() -> None:
    found = {await _after_a_crash(seed) for seed in range(20)}
    assert found == {b"$9\r\nconfirmed\r\n", b"$6\r\nsecond\r\n", b"$5\r\nthird\r\n"}


async def test_what_is_not_simulated_is_said() -> None:
    server = FakeRedis()
    connection, sink = _client(server)
    connection.data_received(_command("LPUSH", "key", "value"))
    assert await sink.has_more() == b"-ERR not simulated: LPUSH key\r\n"


@pytest.mark.parametrize("seconds", [0.0, 60.0], ids=["fast", "slow disk"])
async def test_nothing_stays_on_the_loop(seconds: float) -> None:
    server = FakeRedis()
    server.disk_seconds = (seconds, seconds)
    connection, _ = _client(server)
    connection.data_received(_command("SET", "key", "value"))
    server.close()
    assert server._sync is None
    assert server._turn is None
