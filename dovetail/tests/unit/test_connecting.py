"""Which of several servers is connected to, and what does not end the trying."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest

from dovetail.network import connecting
from dovetail.network.connection import Connection
from dovetail.network.protocol import StreamWire
from dovetail.network.server_address import Host
from dovetail.options import QueueOptions
from dovetail.testing.conformance.waiting import Seen


class PlainWire(StreamWire):
    async def leave(self, seconds: float = 1.0) -> None:
        await super().leave(seconds)


class Plain(Connection[PlainWire]):
    """Of a technology that has no handshake."""

    async def _connect(self, host: Host) -> PlainWire:
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(PlainWire, *host))[1]


async def test_server_that_was_lost_is_tried_after_the_others() -> None:
    """One that hangs would keep us waiting, though the others are well."""
    connected = Seen[int]()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.add(writer.get_extra_info("sockname")[1])
        writer.close()

    async with AsyncExitStack() as stack:
        hosts: list[Host] = []
        for _ in range(2):
            listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
            server = await stack.enter_async_context(listening)
            hosts.append(server.sockets[0].getsockname())
        log = logging.getLogger(__name__)
        connection = Plain(hosts, "two servers", QueueOptions(), log, quiet=True)
        connection.start()
        ports = await connected.has(20)
        await connection.close()
    assert all(one != after for one, after in pairwise(ports))


class FakeWire:
    """One that ends when it is told to; `fault` is raised for whoever waits for that."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.closed = False
        self._fault = fault
        self._ended = asyncio.Event()

    async def lost(self) -> str:
        if self._fault is not None and not self.closed:
            raise self._fault
        await self._ended.wait()
        return "ended"

    def abort(self, why: str) -> None:
        self.closed = True
        self._ended.set()

    async def leave(self) -> None:
        self.abort("")


class Faulty(Connection[FakeWire]):
    """What comes of each try, one after the other, is told in advance; then they succeed."""

    def __init__(self, hosts: list[Host], *outcomes: Exception | FakeWire) -> None:
        log = logging.getLogger(__name__)
        super().__init__(hosts, "here", QueueOptions(), log, quiet=True)
        self._outcomes = list(outcomes)
        self.tries = Seen[Host]()

    async def _connect(self, host: Host) -> FakeWire:
        self.tries.add(host)
        outcome = self._outcomes.pop(0) if self._outcomes else FakeWire()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


FAULT = RuntimeError("nobody foresaw it")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "FIRST_PAUSE_SECONDS", 0.001)


@pytest.mark.parametrize("hosts", [1, 2])
async def test_what_nobody_foresaw_does_not_end_the_trying(
    hosts: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once, with its traceback, though the connection is a quiet one."""
    faults = [FAULT, UnicodeError("no name"), FAULT, OSError("not now"), FAULT, FAULT, FAULT, FAULT]
    connection = Faulty([("a", 1), ("b", 2)][:hosts], *faults)
    connection.start()
    try:
        async with asyncio.timeout(10):
            await connection.ready()
    finally:
        await connection.close()
    assert len(connection.tries) == len(faults) + 1
    assert caplog.text.count("RuntimeError('nobody foresaw it')") <= 2
    assert "Traceback" in caplog.text


async def test_a_host_that_fails_in_a_way_that_nobody_foresaw_keeps_nobody_from_the_others() -> (
    None
):
    connection = Faulty([("a", 1), ("b", 2)], FAULT)
    async with asyncio.timeout(10):
        await connection.open()
        await connection.close()
    assert len(connection.tries) == 2


async def test_what_nobody_foresaw_is_raised_at_first() -> None:
    connection = Faulty([("a", 1), ("b", 2)], FAULT, OSError("not now"))
    with pytest.raises(RuntimeError, match="nobody foresaw it"):
        await connection.open()


async def test_connection_that_cannot_be_watched_is_made_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And who fails when told that it was lost keeps nobody from being told."""
    connection, told = Faulty([("a", 1)], first := FakeWire(FAULT)), Seen[str]()

    def fail() -> None:
        raise ValueError("not told")

    connection.on_lost += [fail, lambda: told.add("lost")]
    await connection.open()
    await connection.tries.has(2, within=10)
    async with asyncio.timeout(10):
        assert await connection.ready() is not first
    await connection.close()
    assert first.closed
    assert told.items == ["lost"]
    assert "nobody foresaw it" in caplog.text
    assert "not told" in caplog.text
