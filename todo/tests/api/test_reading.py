"""GET /todo and GET /todo/{id}."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from dovetail import MessageQueue, new_id
from todo.api.app import create_app
from todo.settings import Settings
from todo.store import Store, open_store

from .support import client_of, is_problem, items


async def test_an_empty_list(client: httpx.AsyncClient) -> None:
    assert (await client.get("/todo")).json() == {"items": [], "next": None}


async def test_newest_last(client: httpx.AsyncClient, store: Store) -> None:
    await store.add(items("first", "second", "third"))

    body = (await client.get("/todo")).json()

    assert [one["item"] for one in body["items"]] == ["first", "second", "third"]
    assert set(body["items"][0]) == {"id", "item", "date_added"}
    assert body["next"] is None


async def test_page_by_page(client: httpx.AsyncClient, store: Store) -> None:
    await store.add(items(*map(str, range(7))))
    texts, after = [], None
    pages = 0

    while pages == 0 or after is not None:
        body = (
            await client.get("/todo", params={"limit": 3} | ({"after": after} if after else {}))
        ).json()
        texts += [one["item"] for one in body["items"]]
        after = body["next"]
        pages += 1

    assert texts == [str(number) for number in range(7)]
    assert pages == 3


async def test_no_next_page_when_the_last_is_full(client: httpx.AsyncClient, store: Store) -> None:
    await store.add(items("a", "b"))

    assert (await client.get("/todo?limit=2")).json()["next"] is None


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=٣", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("after=", "after"),
        ("after=7", "after"),
        ("after=%00", "after"),
    ],
)
async def test_wrong_parameters_are_named(
    query: str, parameter: str, client: httpx.AsyncClient
) -> None:
    problem = is_problem(await client.get(f"/todo?{query}"), 422)

    assert problem["errors"] == [{"detail": problem["detail"], "parameter": parameter}]


async def test_one_item(client: httpx.AsyncClient, store: Store) -> None:
    (one,) = items("Buy milk")
    await store.add([one])

    found = (await client.get(f"/todo/{one.id.upper()}")).json()

    assert (found["id"], found["item"], found["status"]) == (one.id, "Buy milk", "saved")


async def test_an_item_that_is_not_saved_yet(client: httpx.AsyncClient, store: Store) -> None:
    accepted = await client.post("/todo", json={"item": "Buy milk"})

    response = await client.get(accepted.headers["location"])

    assert response.json() == accepted.json()
    assert response.json()["status"] == "accepted"


@pytest.mark.parametrize(
    "wanted", [new_id(), "7", "%00", "x" * 3000], ids=["unknown", "number", "NUL", "long"]
)
async def test_an_item_that_is_not_there(wanted: str, client: httpx.AsyncClient) -> None:
    is_problem(await client.get(f"/todo/{wanted}"), 404)


async def test_a_database_that_is_down_and_comes_back(queue: MessageQueue, tmp_path: Path) -> None:
    folder = tmp_path / "missing"
    settings = Settings(data_dir=folder)
    store = open_store(settings.database)
    async with client_of(create_app(queue, store, settings)) as client:
        for address in ("/todo", f"/todo/{new_id()}"):
            response = await client.get(address)
            assert "database" in str(is_problem(response, 503)["detail"])
            assert int(response.headers["retry-after"]) > 0
        assert (await client.get("/ready")).json() == {
            "status": "unready",
            "queue": "ok",
            "database": "unreachable",
        }
        assert (await client.post("/todo", json={"item": "milk"})).status_code == 202

        folder.mkdir()
        await store.prepare()
        assert (await client.get("/todo")).status_code == 200
        assert (await client.get("/ready")).status_code == 200
    await store.close()
