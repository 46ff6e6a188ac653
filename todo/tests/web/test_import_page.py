"""Files in and out by the page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from dovetail import MessageQueue, Worker, new_id
from todo.events import NewItem
from todo.handlers.save_handler import save_handler
from todo.items import Item
from todo.settings import SaveHandlerSettings
from todo.store import Store
from todo.store.query import Query

from .support import items, text_of

JSON = {"Accept": "application/json"}


@pytest_asyncio.fixture
async def handler(queue: MessageQueue, store: Store) -> AsyncIterator[None]:
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        yield


def upload(content: str, form: str = "") -> dict[str, object]:
    file = ("list.txt", content.encode(), "text/plain")
    return {"data": {"form": form or new_id()}, "files": {"file": file}}


async def imported(client: httpx.AsyncClient, content: str, form: str = "") -> httpx.Response:
    """The page at the end of an import."""
    answer = await client.post("/import", **upload(content, form))  # type: ignore[arg-type]
    assert answer.status_code == 303, answer.text
    while "refresh" in (page := await client.get(answer.headers["location"])).headers:
        pass
    assert page.status_code == 200
    return page


async def there(store: Store) -> list[Item]:
    return (await store.page(Query(sort="-position"), limit=1000)).items


@pytest.mark.usefixtures("handler")
async def test_a_file_becomes_items_in_its_order(client: httpx.AsyncClient, store: Store) -> None:
    page = await imported(client, "- [ ] one #shop\n- [x] two\n")
    assert "2 of 2 items are saved." in text_of(page.text, "progress")
    first, second = await there(store)
    assert (first.item, first.tags, second.item, second.done) == ("one", ("shop",), "two", True)


@pytest.mark.usefixtures("handler")
async def test_the_same_form_sent_again_adds_nothing(
    client: httpx.AsyncClient, store: Store
) -> None:
    form = new_id()
    for _ in range(2):
        await imported(client, "- [ ] one\n", form)
    await imported(client, "- [ ] another\n", form)
    assert {item.item for item in await there(store)} == {"one", "another"}


@pytest.mark.usefixtures("handler")
async def test_what_was_exported_comes_back_after_it_was_removed(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    added = items("one", 'two, "three"', "=four")
    await store.add(added)
    before = await there(store)
    files = {name: (await client.get(f"/export.{name}")).text for name in ("json", "csv")}
    for content in files.values():
        for item in added:
            await client.post(f"/items/{item.id}/remove")
        async with asyncio.timeout(10):
            while await store.count():  # noqa: ASYNC110 - a database sends no signal
                await asyncio.sleep(0)
        page = await imported(client, content)
        assert "3 of 3 items are saved." in text_of(page.text, "progress")
        now = await there(store)
        assert [(one.id, one.item) for one in now] == [(one.id, one.item) for one in before]


@pytest.mark.usefixtures("handler")
async def test_what_is_there_stays_as_it_is(client: httpx.AsyncClient, store: Store) -> None:
    (item,) = items("as it is")
    await store.add([item])
    added = item.date_added.isoformat()
    content = [{"id": item.id, "item": "other", "date_added": added}, {"item": "new"}]
    await imported(client, json.dumps(content))
    assert {one.item for one in await there(store)} == {"as it is", "new"}


@pytest.mark.usefixtures("handler")
async def test_an_id_that_belongs_to_another_item_is_told(
    client: httpx.AsyncClient, store: Store
) -> None:
    (item,) = items("mine")
    await store.add([item])
    page = await imported(client, json.dumps([{"id": item.id, "item": "yours"}]))
    assert [one.item for one in await there(store)] == ["mine"]
    assert "1 of 1 item is saved." in text_of(page.text, "progress")


async def test_a_script_gets_json(client: httpx.AsyncClient, queue: MessageQueue) -> None:
    answer = await client.post("/import", headers=JSON, **upload("words"))  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("This is no file that can be read")


async def test_a_wrong_file_changes_nothing_and_says_why(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    content = json.dumps([{"item": "good"}, {"item": "<b>", "due": "2026-02-30"}])
    page = await client.post("/import", **upload(content))  # type: ignore[arg-type]
    assert page.status_code == 422
    said = text_of(page.text, "refused")
    assert said.startswith("Nothing was imported.")
    assert "Item 2: There is no such date as 2026-02-30." in said
    assert not await queue.waiting(NewItem, "nobody")


async def test_why_is_told_in_the_readers_language(client: httpx.AsyncClient) -> None:
    content = json.dumps([{"item": "x", "done": 3}])
    chinese = {"Accept-Language": "zh"}
    page = await client.post("/import", headers=chinese, **upload(content))  # type: ignore[arg-type]
    said = text_of(page.text, "refused")
    assert said == "什么都没有导入。 第 1 项: done 既不是 true 也不是 false。"


async def test_without_a_save_handler_nothing_is_accepted(client: httpx.AsyncClient) -> None:
    page = await client.post("/import", **upload("- [ ] one"))  # type: ignore[arg-type]
    assert page.status_code == 503
    assert "save-handler has never run" in text_of(page.text, "refused")


async def test_what_is_no_upload_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/import", data={"file": "x"})).status_code == 415
    broken = {"Content-Type": "multipart/form-data"}
    assert (await client.post("/import", content=b"--", headers=broken)).status_code == 400
    none = await client.post("/import", files={"other": b"x"})
    assert none.status_code == 422
    assert "choose a file" in none.text
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    answer = await client.post("/import", headers=elsewhere, **upload("x"))  # type: ignore[arg-type]
    assert answer.status_code == 403
    announced = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": "99999999"}
    assert (await client.post("/import", content=b"x", headers=announced)).status_code == 413


async def test_exports(client: httpx.AsyncClient, store: Store) -> None:
    empty = await client.get("/export.json")
    assert empty.json() == {"items": []}
    await store.add(items(*(f"item {number}" for number in range(1203))))
    answer = await client.get("/export.json")
    assert [one["item"] for one in answer.json()["items"]] == [
        f"item {number}" for number in range(1202, -1, -1)
    ]
    assert answer.headers["content-disposition"].startswith('attachment; filename="todo-')
    assert (await client.get("/export.csv")).text.count("\r\n") == 1204
    assert (await client.get("/export.md")).text.count("\n- [ ] item") == 1203
    assert (await client.get("/export.xml")).status_code == 404
