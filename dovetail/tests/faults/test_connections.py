"""The connection is cut, or swallows what it carries, while the server lives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dovetail import QueueUnavailable, connect
from dovetail.embedded.ports import free_port
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.names import numbered
from dovetail.testing.servers import NatsServer, Proxy
from dovetail.transports.nats import client

from .cut_off import CutOff

pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def proxy(nats_server: NatsServer) -> AsyncIterator[Proxy]:
    async with Proxy(nats_server) as proxy:
        yield proxy


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed after half a second rather than after five."""
    monkeypatch.setattr(client, "PING_SECONDS", 0.5)


class TestCutOffNats(CutOff):
    pass


async def test_publishing_is_refused_in_time(proxy: Proxy) -> None:
    event = numbered()
    async with connect(proxy.url, timeout=0.4) as queue:
        await queue.publish(event(0))
        proxy.black_hole(on=True)
        for durable in (True, True, False):
            started = time.monotonic()
            if durable:
                with pytest.raises(QueueUnavailable, match="did not confirm in time"):
                    await queue.publish(event(1))
            else:
                await queue.publish(event(1), durable=False)  # nobody promises anything
            assert time.monotonic() - started < 1.5


async def test_server_is_down() -> None:
    """Publishers are told why, live ones too; what comes after is in the suite of all transports."""
    event = numbered()
    async with NatsServer() as server, connect(server.url, timeout=0.2) as queue:
        await server.kill()
        for durable in (True, False):
            with pytest.raises(QueueUnavailable, match="cannot be reached"):
                await queue.publish(event(1), durable=durable)


async def test_other_server_of_the_cluster_is_tried(nats_server: NatsServer) -> None:
    """Ones that refuse, or hang up in the middle of the greeting, do no harm."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"version":"2.11.0"}\r\n')
        await reader.readline()
        writer.write(b"-ERR 'Maximum Connections Exceeded'\r\n")
        writer.close()

    rude = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = rude.sockets[0].getsockname()[1]
    hosts = f"127.0.0.1:{port},127.0.0.1:{free_port()},127.0.0.1:{nats_server.port}"
    event = numbered()
    try:
        for number in range(8):  # in random order each time
            async with connect(f"nats://{hosts}") as queue:
                async with listening(queue, event) as heard:
                    await queue.publish(event(number))
                    await heard.has(1)
                    assert len(heard) == 1
                assert queue.connected
    finally:
        rude.close()
        await rude.wait_closed()
