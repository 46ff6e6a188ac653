"""ETag, If-Match and If-None-Match: changes that are meant for what somebody has seen."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import pytest

from dovetail import MessageQueue, Worker
from todo.api.preconditions import check_preconditions
from todo.api.problems import Refused
from todo.current_item import CurrentItem
from todo.handlers.save_handler import save_handler
from todo.items import Item
from todo.settings import SaveHandlerSettings
from todo.store import Store
from todo.waiting_changes import ShownItem

from .support import changes, is_problem, items, patch, until_saved


async def tag_of(client: httpx.AsyncClient, id: str) -> str:
    tag: str = (await client.get(f"/todo/{id}")).headers["etag"]
    return tag


async def test_only_what_was_seen_is_changed(
    client: httpx.AsyncClient, queue: MessageQueue, item: Item
) -> None:
    seen = await tag_of(client, item.id)
    first = await patch(client, item.id, {"done": True}, {"If-Match": seen})
    assert first.status_code == 202

    response = await patch(client, item.id, {"notes": "x"}, {"If-Match": seen})
    assert "has changed" in str(is_problem(response, 412)["detail"])
    assert response.headers["etag"] == first.headers["etag"]
    is_problem(await client.delete(f"/todo/{item.id}", headers={"If-Match": seen}), 412)
    assert len(await changes(queue)) == 1

    now = {"If-Match": f'"other", {first.headers["etag"]}'}
    assert (await client.delete(f"/todo/{item.id}", headers=now)).status_code == 202


async def test_a_tag_is_good_after_saving_too(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    """Saving changes nothing; but who asks whether there is something new is told of it."""
    address = (await client.post("/todo", json={"item": "milk"})).headers["location"]
    accepted = (await client.get(address)).headers["etag"]
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        await until_saved(store, address.rpartition("/")[2])
    response = await client.get(address, headers={"If-None-Match": accepted})
    assert (response.status_code, response.json()["status"]) == (200, "saved")
    wanted = {"If-Match": accepted}
    assert (await client.patch(address, json={"done": True}, headers=wanted)).status_code == 202
    is_problem(await client.patch(address, json={"done": True}, headers=wanted), 412)


async def test_nothing_new(client: httpx.AsyncClient, item: Item) -> None:
    address = f"/todo/{item.id}"
    tag = await tag_of(client, item.id)

    for known in (tag, f"W/{tag}", "*", f'"x", {tag}'):
        response = await client.get(address, headers={"If-None-Match": known})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag
    await patch(client, item.id, {"done": True})
    assert (await client.get(address, headers={"If-None-Match": tag})).status_code == 200


async def test_any(client: httpx.AsyncClient, item: Item) -> None:
    assert (await patch(client, item.id, {"done": True}, {"If-Match": "*"})).status_code == 202
    for wrong in ('"a", *', "W/*", "* "):
        response = await patch(client, item.id, {}, {"If-Match": wrong})
        assert response.status_code == (200 if wrong == "* " else 400)


async def test_weak_tags_never_match(client: httpx.AsyncClient, item: Item) -> None:
    tag = await tag_of(client, item.id)
    is_problem(await patch(client, item.id, {"done": True}, {"If-Match": f"W/{tag}"}), 412)
    is_problem(await patch(client, item.id, {"done": True}, {"If-Match": '""'}), 412)
    is_problem(await patch(client, item.id, {"done": True}, {"If-None-Match": "*"}), 412)


@pytest.mark.parametrize("tags", ["", "abc", '"abc', "'abc'", '"a" "b"', "W/", '"a\tb"', 'w/"a"'])
@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
async def test_what_is_no_tag_is_refused(
    header: str, tags: str, client: httpx.AsyncClient, queue: MessageQueue, item: Item
) -> None:
    for response in (
        await patch(client, item.id, {"done": True}, {header: tags}),
        await client.delete(f"/todo/{item.id}", headers={header: tags}),
    ):
        assert is_problem(response, 400)["errors"] == [
            {"detail": response.json()["detail"], "parameter": header}
        ]
    assert await changes(queue) == []


async def test_it_does_not_matter_for_what_is_not_there(client: httpx.AsyncClient) -> None:
    (unknown,) = items("x")
    is_problem(await patch(client, unknown.id, {"done": True}, {"If-Match": '"x"'}), 404)


@pytest.mark.parametrize(
    "text", ["," * 30_000, '"a"' + "," * 30_000 + "x", " " * 30_000 + "x", '"a" ' * 9000]
)
def test_no_header_takes_long(text: str) -> None:
    found = CurrentItem("x", ShownItem(Item("x", "x", datetime.now(UTC))))
    started = time.process_time()
    with suppress(Refused):
        check_preconditions([(b"if-match", text.encode())], found)
    assert time.process_time() - started < 0.5
