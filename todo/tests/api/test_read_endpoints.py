"""GET /todo and GET /todo/{id}."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import httpx
import pytest
import pytest_asyncio
from msgspec.structs import replace

from dovetail import MessageQueue, Worker, new_id
from todo.api.app import create_app
from todo.api.list_query import SORTS
from todo.handlers.search_handler import Filling, search_handler
from todo.settings import Settings
from todo.store import Store, open_store
from todo.store.search_index import SearchableStore

from .support import client_of, is_problem, items


async def test_an_empty_list(client: httpx.AsyncClient) -> None:
    assert (await client.get("/todo")).json() == {"items": [], "next": None, "search": None}


async def test_newest_last(client: httpx.AsyncClient, store: Store) -> None:
    await store.add(items("first", "second", "third"))

    body = (await client.get("/todo")).json()

    assert [one["item"] for one in body["items"]] == ["first", "second", "third"]
    first = body["items"][0]
    assert " ".join(first) == ("id item done due tags notes position date_added date_saved status")
    assert (first["done"], first["due"], first["tags"], first["notes"]) == (False, None, [], "")
    assert (first["date_saved"] is not None, first["status"]) == (True, "saved")
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
        ("status=undone", "status"),
        ("status=", "status"),
        ("sort=colour", "sort"),
        ("tag=", "tag"),
        ("tag=two%20words", "tag"),
        ("q=" + "x" * 257, "q"),
        ("q=%00", "q"),
        ("limit=1&limit=2", "limit"),
        ("colour=red", "colour"),
    ],
)
async def test_wrong_parameters_are_named(
    query: str, parameter: str, client: httpx.AsyncClient
) -> None:
    problem = is_problem(await client.get(f"/todo?{query}"), 422)

    assert problem["errors"] == [{"detail": problem["detail"], "parameter": parameter}]


TEXTS = {"milk": "2026-12-03", "Bread": None, "cheese": "2026-11-30T10:00:00+01:00", "ÄPFEL": None}


@pytest_asyncio.fixture
async def shopping(store: Store) -> None:
    """Four items: the first is done, the last two are tagged."""
    found = [replace(one, due=TEXTS[one.item]) for one in items(*TEXTS)]
    found[0] = replace(found[0], done=True, notes="two litres")
    found[2:] = [replace(one, tags=("Home",)) for one in found[2:]]
    await store.add(found)


@pytest.mark.usefixtures("shopping")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "milk Bread cheese ÄPFEL"),
        ("status=all", "milk Bread cheese ÄPFEL"),
        ("status=active", "Bread cheese ÄPFEL"),
        ("status=done", "milk"),
        ("tag=home", "cheese ÄPFEL"),
        ("tag=hom", ""),
        ("q=MILK", "milk"),
        ("q=litres+two", "milk"),
        ("q=%25", ""),
        ("q=äpf", "ÄPFEL"),
        ("q=", "milk Bread cheese ÄPFEL"),
        ("sort=-added", "ÄPFEL cheese Bread milk"),
        ("sort=due&status=active&limit=1", "cheese"),
        ("sort=-position", "ÄPFEL cheese Bread milk"),
        ("status=active&tag=HOME&q=CHE&sort=-added", "cheese"),
    ],
)
async def test_some_of_them(query: str, expected: str, client: httpx.AsyncClient) -> None:
    response = await client.get(f"/todo?{query}")

    assert response.status_code == 200
    body = response.json()
    assert " ".join(one["item"] for one in body["items"]) == expected
    assert body["search"] == (None if "q=" not in query or query == "q=" else "plain")


@pytest.mark.usefixtures("shopping")
async def test_with_the_search_handler(
    client: httpx.AsyncClient, queue: MessageQueue, settings: Settings
) -> None:
    index = cast("SearchableStore", open_store(settings.database, searchable=True))
    await index.prepare()
    filling = Filling(index)
    await filling.once()
    found = []
    async with Worker(queue, [search_handler(index, filling)]):
        query: dict[str, str | None] = {"q": "hom", "limit": "1", "status": "active"}
        while query.get("after", "") is not None:
            body = (await client.get("/todo", params=query)).json()
            found += [one["item"] for one in body["items"]]
            query["after"] = body["next"]
            assert body["search"] == "full"
        is_problem(await client.get("/todo", params={"q": "hom", "after": "hit:x"}), 422)
    await index.close()
    assert sorted(found) == ["cheese", "ÄPFEL"]


@pytest.mark.usefixtures("shopping")
@pytest.mark.parametrize("sort", SORTS)
async def test_page_by_page_in_any_order(sort: str, client: httpx.AsyncClient) -> None:
    whole = (await client.get("/todo", params={"sort": sort})).json()["items"]
    found, query = [], {"sort": sort, "limit": "1"}
    while query.get("after", "") is not None:
        body = (await client.get("/todo", params=query)).json()
        found += body["items"]
        query["after"] = body["next"]
    assert found == whole
    assert len(found) == len(TEXTS)


@pytest.mark.usefixtures("shopping")
async def test_a_cursor_of_another_order_is_refused(client: httpx.AsyncClient) -> None:
    after = (await client.get("/todo?sort=due&limit=1")).json()["next"]
    problem = is_problem(await client.get("/todo", params={"sort": "item", "after": after}), 422)
    assert problem["errors"] == [{"detail": problem["detail"], "parameter": "after"}]


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
