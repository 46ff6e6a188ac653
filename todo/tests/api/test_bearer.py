"""The API with a password: who sends it is served, and who does not is told how."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from todo.authentication.password_attempts import MOST_FROM_ONE
from todo.settings import Settings

from .support import is_problem

PASSWORD = "käse & brot"


def authorized(value: str, encoding: str = "utf-8") -> httpx.Headers:
    return httpx.Headers({"Authorization": value}, encoding=encoding)


RIGHT = authorized(f"Bearer {PASSWORD}")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, password=PASSWORD)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/todo"),
        ("POST", "/todo"),
        ("PUT", "/todo"),
        ("GET", "/todo/x"),
        ("GET", "/"),
        ("GET", "/openapi.json"),
        ("GET", "/metrics"),
        ("GET", "/nowhere"),
    ],
)
async def test_nothing_is_told_or_taken_without_it(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    response = await client.request(method, path, json={"item": "milk"})
    problem = is_problem(response, 401)
    assert "is missing" in str(problem["detail"])
    assert response.headers["www-authenticate"] == 'Bearer realm="todo"'
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_with_it_everything_works(client: httpx.AsyncClient) -> None:
    answer = await client.post("/todo", json={"item": "milk"}, headers=RIGHT)
    assert answer.status_code == 202
    assert (await client.get("/todo", headers=RIGHT)).status_code == 200
    latin = authorized(f"Bearer {PASSWORD}", "latin-1")
    assert (await client.get("/todo", headers=latin)).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_whether_it_is_well_everyone_may_ask(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    "value", ["Bearer x", "Bearer", "Basic eDp5", f"Bearer {PASSWORD}x", "\x00"]
)
async def test_with_another_it_does_not(client: httpx.AsyncClient, value: str) -> None:
    response = await client.get("/todo", headers=authorized(value))
    is_problem(response, 401)


async def test_guessing_is_limited(client: httpx.AsyncClient) -> None:
    for number in range(MOST_FROM_ONE):
        headers = {"Authorization": f"Bearer guess{number}"}
        is_problem(await client.get("/todo", headers=headers), 401)
    response = await client.get("/todo", headers=RIGHT)
    is_problem(response, 429)
    assert int(response.headers["retry-after"]) > 0


async def test_a_program_with_an_old_password_does_not_shut_out_the_others(
    client: httpx.AsyncClient,
) -> None:
    for _ in range(3 * MOST_FROM_ONE):
        response = await client.get("/todo", headers={"Authorization": "Bearer old"})
        is_problem(response, 401)
    assert (await client.get("/todo", headers=RIGHT)).status_code == 200
