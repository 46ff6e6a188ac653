"""Health, readiness, metrics and the index."""

from __future__ import annotations

import httpx
import pytest


async def test_alive_and_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    response = await client.get("/ready")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "queue": "ok", "database": "ok"}


async def test_metrics_count_what_became_of_items(client: httpx.AsyncClient) -> None:
    await client.post("/todo", json={"item": "milk"})
    await client.post("/todo", json={"item": "bread"})
    await client.post("/todo", json={"item": " "})

    response = await client.get("/metrics")

    assert response.headers["content-type"].startswith("text/plain")
    lines = response.text.splitlines()
    assert "todo_tasks_created_total 2.0" in lines
    assert "todo_tasks_refused_total 1.0" in lines
    assert "todo_tasks_unavailable_total 0.0" in lines
    assert "# TYPE todo_tasks_created_total counter" in lines


async def test_the_index_names_what_there_is(client: httpx.AsyncClient) -> None:
    index = (await client.get("/")).json()

    for address in (index["items"], index["description"], index["health"], index["metrics"]):
        assert (await client.get(address)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/metrics", "/openapi.json"])
async def test_what_only_shows_takes_no_post(path: str, client: httpx.AsyncClient) -> None:
    response = await client.post(path)

    assert response.status_code == 405
    assert "GET" in response.headers["allow"]
    assert (await client.head(path)).status_code == 200
