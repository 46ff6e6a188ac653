"""The port for those who watch: what it answers, and what strangers cannot do to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from dovetail import connect, new_id
from dovetail.embedded.ports import free_port
from todo.listen_address import ListenAddress
from todo.monitoring import server
from todo.monitoring.answer import Answer
from todo.monitoring.monitor import Monitor
from todo.settings_reader import SettingsInvalid


class SlowMonitor(Monitor):
    """One whose queue and database take for ever to answer, for which a test need not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.given_up = asyncio.Event()

    async def answer(self, path: str) -> Answer:
        if path != "/ready":
            return await super().answer(path)
        self.asked.set()
        try:
            await asyncio.Event().wait()
            raise AssertionError
        finally:
            self.given_up.set()


@pytest.fixture
def place() -> ListenAddress:
    return ListenAddress("127.0.0.1", free_port(), "TODO_METRICS_HOST", "TODO_METRICS_PORT")


@pytest.fixture
def monitor() -> SlowMonitor:
    return SlowMonitor()


@pytest_asyncio.fixture
async def served(place: ListenAddress, monitor: SlowMonitor) -> AsyncIterator[ListenAddress]:
    async with server.serving(place, monitor):
        yield place


@pytest_asyncio.fixture
async def client(served: ListenAddress) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://{served.host}:{served.port}"
    async with httpx.AsyncClient(base_url=url) as client:
        yield client


async def sent(place: ListenAddress, *parts: bytes) -> bytes:
    """All that is answered to these bytes, until the connection ends."""
    reader, writer = await asyncio.open_connection(place.host, place.port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


async def test_it_answers_what_there_is(client: httpx.AsyncClient) -> None:
    health = await client.get("/health?from=here")
    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    metrics = await client.get("/metrics")
    assert metrics.status_code == 200
    assert metrics.headers["content-type"].startswith("text/plain; version=")
    assert "process_resident_memory_bytes" in metrics.text


async def test_a_component_without_queue_is_alive_and_unready(place: ListenAddress) -> None:
    async with server.serving(place, Monitor()), httpx.AsyncClient() as client:
        url = f"http://{place.host}:{place.port}"
        assert (await client.get(f"{url}/health")).status_code == 200
        ready = await client.get(f"{url}/ready")
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "2")
    assert ready.json() == {"status": "unready", "queue": "unreachable"}


async def test_a_component_with_a_queue_is_ready(place: ListenAddress) -> None:
    async with (
        connect(f"memory://{new_id()}") as queue,
        server.serving(place, Monitor(queue=queue)),
        httpx.AsyncClient() as client,
    ):
        ready = await client.get(f"http://{place.host}:{place.port}/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "queue": "ok"})


async def test_head_has_no_body(served: ListenAddress) -> None:
    answer = await sent(served, b"HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-length: 15\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_what_there_is_not(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).status_code == 404
    assert (await client.get("/health/x")).status_code == 404
    refused = await client.post("/health", json={})
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nbroken header\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_garbage_is_refused(served: ListenAddress, garbage: bytes) -> None:
    assert (await sent(served, garbage)).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize(
    "huge",
    [
        b"GET /" + b"x" * server.MOST_BYTES,
        b"GET /health HTTP/1.1\r\nX: " + b"x" * server.MOST_BYTES,
    ],
)
async def test_more_than_a_request_has_is_not_read(served: ListenAddress, huge: bytes) -> None:
    answer = await sent(served, huge[:9000], huge[9000:])
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_request_in_many_parts_is_understood(served: ListenAddress) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = await sent(served, *(request[i : i + 1] for i in range(len(request))))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_what_follows_is_not_answered(served: ListenAddress) -> None:
    answer = await sent(served, b"GET /health HTTP/1.1\r\n\r\n" * 3)
    assert answer.count(b"HTTP/1.1 ") == 1
    upgrade = b"GET /health HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nxyz"
    assert (await sent(served, upgrade)).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_slow_request_ends(
    served: ListenAddress, monkeypatch: pytest.MonkeyPatch, monitor: SlowMonitor
) -> None:
    monkeypatch.setattr(server, "LIMIT_SECONDS", 0.05)
    assert await sent(served, b"GET /hea") == b""
    assert await sent(served, b"GET /ready HTTP/1.1\r\n\r\n") == b""
    async with asyncio.timeout(5):
        await monitor.given_up.wait()


async def test_idle_connections_keep_nobody_out(
    served: ListenAddress, client: httpx.AsyncClient
) -> None:
    idle = [
        await asyncio.open_connection(served.host, served.port)
        for _ in range(server.MOST_CONNECTIONS + 3)
    ]
    assert (await client.get("/health")).status_code == 200
    async with asyncio.timeout(5):
        for reader, _ in idle[:3]:
            assert await reader.read() == b""
    for _, writer in idle:
        writer.close()


async def test_someone_who_goes_away_is_not_answered(
    served: ListenAddress, monitor: SlowMonitor
) -> None:
    _, writer = await asyncio.open_connection(served.host, served.port)
    writer.write(b"GET /ready HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(5):
        await monitor.asked.wait()
        writer.close()
        await monitor.given_up.wait()


async def test_it_ends_while_it_is_asked(place: ListenAddress, monitor: SlowMonitor) -> None:
    async with server.serving(place, monitor):
        reader, writer = await asyncio.open_connection(place.host, place.port)
        writer.write(b"GET /ready HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(5):
            await monitor.asked.wait()
    assert monitor.given_up.is_set()
    assert await reader.read() == b""
    writer.close()
    assert place.is_free()


async def test_a_failure_is_logged_and_not_told(
    place: ListenAddress, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Monitor):
        async def answer(self, path: str) -> Answer:
            raise KeyError("a secret of ours")

    async with server.serving(place, Broken()):
        answer = await sent(place, b"GET /ready HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"a secret" not in answer
    assert "a secret of ours" in caplog.text


async def test_a_port_in_use_is_named(served: ListenAddress) -> None:
    assert not served.is_free()
    with pytest.raises(
        SettingsInvalid, match=r"TODO_METRICS_PORT: port \d+ of 127.0.0.1 is in use"
    ):
        async with server.serving(served, Monitor()):
            pass
