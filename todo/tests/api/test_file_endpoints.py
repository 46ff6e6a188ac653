"""Files in and out by the API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from dovetail import MessageQueue, Worker, new_id
from todo.handlers.save_handler import save_handler
from todo.settings import SaveHandlerSettings
from todo.store import Store

CSV = {"Content-Type": "text/csv"}


@pytest_asyncio.fixture
async def handler(queue: MessageQueue, store: Store) -> AsyncIterator[None]:
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        yield


@pytest.mark.usefixtures("handler")
async def test_a_file_is_imported_once_under_its_key(client: httpx.AsyncClient) -> None:
    headers = CSV | {"Idempotency-Key": new_id()}
    for _ in range(2):
        answer = await client.post(
            "/import", content="item,tags\none,shop\ntwo,\n", headers=headers
        )
        assert answer.status_code == 202
        assert answer.json()["items"] == 2
        place = answer.headers["location"]
        while not (progress := (await client.get(place)).json())["finished"]:
            pass
        assert progress["saved"] == 2
    exported = (await client.get("/export.json")).json()["items"]
    assert [(one["item"], one["tags"]) for one in exported] == [("one", ["shop"]), ("two", [])]
    assert (await client.get("/export.csv")).headers["content-type"].startswith("text/csv")
    assert (await client.get("/export.md")).text.endswith("- [ ] one #shop\n- [ ] two\n")


async def test_what_is_wrong_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.post("/import", content="item,done\nx,maybe\n", headers=CSV)
    assert answer.status_code == 422
    assert (
        answer.json()["errors"][1]["detail"] == "Line 2: done is 'maybe', neither true nor false."
    )
    alone = await client.post("/import", content="item\nx\n", headers=CSV)
    assert alone.status_code == 503
    assert "save-handler has never run" in alone.json()["detail"]
    assert (await client.post("/import", content="x")).status_code == 415
    old = CSV | {"Idempotency-Key": "0b0c7f8e-4f1e-4f0e-8f6e-3c2b1a090807"}
    assert (await client.post("/import", content="item\nx\n", headers=old)).status_code == 400
    large = CSV | {"Content-Length": "99999999"}
    assert (await client.post("/import", content=b"x", headers=large)).status_code == 413
    assert (await client.get("/import/nothing")).status_code == 404
    assert (await client.get("/export.xml")).status_code == 404
    wrong = await client.request("GET", "/import")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


async def test_an_import_of_another_process_is_told_by_what_waits(
    client: httpx.AsyncClient,
) -> None:
    progress = (await client.get(f"/import/{new_id()}")).json()
    assert json.dumps(progress["items"]) == "null"
    assert progress["finished"]
