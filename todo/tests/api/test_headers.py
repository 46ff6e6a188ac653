"""What every answer of the API tells a browser: to keep nothing, and to guess nothing."""

from __future__ import annotations

import httpx
import pytest

from todo.api.headers import HEADERS

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/todo", b""),
        ("POST", "/todo", b'{"item": "milk"}'),
        ("POST", "/todo", b"{"),
        ("PUT", "/todo", b""),
        ("GET", "/todo/nothing", b""),
        ("PATCH", "/todo/nothing", b"{}"),
        ("DELETE", "/todo/nothing", b""),
        ("GET", "/docs", b""),
        ("GET", "/nowhere", b""),
        ("GET", "/", b""),
        ("GET", "/openapi.json", b""),
        ("GET", "/health", b""),
        ("GET", "/metrics", b""),
    ],
)
async def test_every_answer_has_them(
    client: httpx.AsyncClient, method: str, path: str, body: bytes
) -> None:
    response = await client.request(method, path, content=body, headers=JSON)
    assert {name: response.headers[name] for name in HEADERS} == HEADERS


async def test_whoever_waited_gets_them_too(client: httpx.AsyncClient) -> None:
    response = await client.post("/todo", json={"item": "milk"}, headers={"Prefer": "wait=1"})
    assert {name: response.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("length", [b"0" * 5000, b"9" * 5000, b"x"])
async def test_a_length_that_is_none_is_no_error_of_ours(
    client: httpx.AsyncClient, length: bytes
) -> None:
    headers = JSON | {"Content-Length": length.decode()}
    response = await client.post("/todo", content=b'{"item": "milk"}', headers=headers)
    assert response.status_code < 500
