"""Requests as they are counted: by route, with the time until the response began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from dovetail import MessageQueue, connect, new_id
from todo.api.app import create_app as create_api
from todo.http.request_metrics import RequestMetrics
from todo.monitoring.monitor import Monitor
from todo.settings import Settings
from todo.store import Store, open_store
from todo.web.app import create_app as create_web

from ..web.support import EventStream  # noqa: TID252 - tests have no absolute names

Labels = dict[str, str]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest_asyncio.fixture
async def queue() -> AsyncIterator[MessageQueue]:
    async with connect(f"memory://{new_id()}") as queue:
        yield queue


@pytest_asyncio.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    store = open_store(settings.database)
    await store.prepare()
    yield store
    await store.close()


@pytest.fixture
def monitor(queue: MessageQueue, store: Store) -> Monitor:
    return Monitor(queue=queue, store=store, answers_requests=True)


@pytest.fixture
def api(queue: MessageQueue, store: Store, settings: Settings, monitor: Monitor) -> Starlette:
    return create_api(queue, store, settings, monitor)


@pytest.fixture
def web(queue: MessageQueue, store: Store, settings: Settings, monitor: Monitor) -> Starlette:
    return create_web(queue, store, settings, monitor)


@asynccontextmanager
async def client_of(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://todo.test") as client:
        yield client


async def samples(monitor: Monitor, name: str) -> list[tuple[Labels, float]]:
    """Those of this name at /metrics."""
    text = (await monitor.answer("/metrics")).body.decode()
    families = text_string_to_metric_families(text)
    found = [one for family in families for one in family.samples if one.name == name]
    return [(one.labels, one.value) for one in found]


async def counted(monitor: Monitor) -> dict[tuple[str, str, str], float]:
    return {
        (labels["method"], labels["route"], labels["status"]): value
        for labels, value in await samples(monitor, "http_requests_total")
    }


async def test_requests_are_counted_by_route(api: Starlette, monitor: Monitor) -> None:
    async with client_of(api) as client:
        for text in ("milk", "bread", ""):
            await client.post("/todo", json={"item": text})
        await client.get("/todo?limit=3")
        for _ in range(3):
            await client.get(f"/todo/{new_id()}")
        await client.put("/todo", json={})
        await client.head("/health")
    assert await counted(monitor) == {
        ("POST", "/todo", "202"): 2,
        ("POST", "/todo", "422"): 1,
        ("GET", "/todo", "200"): 1,
        ("GET", "/todo/{id}", "404"): 3,
        ("PUT", "/todo", "405"): 1,
        ("HEAD", "/health", "200"): 1,
    }
    assert await samples(monitor, "todo_tasks_created_total") == [({}, 2)]


async def test_what_strangers_ask_for_makes_one_label(web: Starlette, monitor: Monitor) -> None:
    async with client_of(web) as client:
        for number in range(20):
            await client.get(f"/{number}/.env")
            await client.request(f"METHOD{number}", f"/{number}")
            await client.get(f"/static/{number}")
    assert await counted(monitor) == {
        ("GET", "unknown", "404"): 20,
        ("other", "unknown", "404"): 20,
        ("GET", "/static/{name:path}", "404"): 20,
    }


async def test_both_ports_show_the_same(api: Starlette, monitor: Monitor) -> None:
    async with client_of(api) as client:
        await client.post("/todo", json={"item": "milk"})
        shown = (await client.get("/metrics")).text
    line = 'http_requests_total{method="POST",route="/todo",status="202"} 1.0'
    assert line in shown.splitlines()
    assert line in (await monitor.answer("/metrics")).body.decode().splitlines()


async def test_a_page_that_stays_open_took_until_it_began(web: Starlette, monitor: Monitor) -> None:
    async with EventStream(web) as stream:
        await stream.until("reset")
        assert await samples(monitor, "http_requests_in_progress") == [({}, 0)]
        assert await counted(monitor) == {("GET", "/live", "200"): 1}
        (before,) = await samples(monitor, "http_request_duration_seconds_sum")
    assert await counted(monitor) == {("GET", "/live", "200"): 1}
    (after,) = await samples(monitor, "http_request_duration_seconds_sum")
    assert before == after == ({"method": "GET", "route": "/live"}, after[1])
    assert 0 < after[1] < 1


async def test_a_request_in_progress_is_counted_until_it_is_answered(monitor: Monitor) -> None:
    going, go_on = asyncio.Event(), asyncio.Event()

    async def app(scope: object, receive: object, send: object) -> None:
        going.set()
        await go_on.wait()
        raise ValueError

    measured = RequestMetrics(app, monitor.metrics.http)
    scope = {"type": "http", "method": "GET", "path": "/x"}
    request = asyncio.ensure_future(measured(scope, _nothing, _nowhere))
    await going.wait()
    assert await samples(monitor, "http_requests_in_progress") == [({}, 1)]
    go_on.set()
    with pytest.raises(ValueError):  # noqa: PT011 - it is this test's
        await request
    assert await samples(monitor, "http_requests_in_progress") == [({}, 0)]
    assert await counted(monitor) == {("GET", "unknown", "500"): 1}


async def test_someone_who_goes_away_is_counted_as_gone(monitor: Monitor) -> None:
    async def app(scope: object, receive: object, send: object) -> None: ...

    measured = RequestMetrics(app, monitor.metrics.http)
    await measured({"type": "http", "method": "POST", "path": "/todo"}, _nothing, _nowhere)
    assert await counted(monitor) == {("POST", "unknown", "499"): 1}


async def test_the_histogram_adds_up(api: Starlette, monitor: Monitor) -> None:
    async with client_of(api) as client:
        for _ in range(5):
            await client.post("/todo", json={"item": "milk"})
    buckets = await samples(monitor, "http_request_duration_seconds_bucket")
    counts = [value for _, value in buckets]
    assert counts == sorted(counts)
    assert buckets[-1:] == [({"method": "POST", "route": "/todo", "le": "+Inf"}, 5)]
    assert await samples(monitor, "http_request_duration_seconds_count") == [
        ({"method": "POST", "route": "/todo"}, 5)
    ]


async def _nothing() -> dict[str, object]:
    raise AssertionError


async def _nowhere(message: object) -> None: ...
