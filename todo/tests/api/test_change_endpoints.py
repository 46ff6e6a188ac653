"""PATCH and DELETE /todo/{id}: what is accepted, and what is refused before anything is published."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import httpx
import msgspec
import pytest
import pytest_asyncio

from dovetail import MessageQueue, QueueUnavailable, Worker, new_id
from todo.api.app import create_app
from todo.changes import change_of
from todo.events import (
    Change,
    ItemCompleted,
    ItemEdited,
    ItemRemoved,
    ItemRestored,
)
from todo.handlers.save_handler import save_handler
from todo.items import Item
from todo.settings import SaveHandlerSettings, Settings
from todo.store import Store

from .support import PATCH, changes, client_of, is_problem, items, patch

WAIT = {"Prefer": "wait=10"}


@pytest_asyncio.fixture
async def saving(queue: MessageQueue, store: Store) -> AsyncIterator[None]:
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        yield


async def test_accepted_once_the_queue_has_it(
    client: httpx.AsyncClient, queue: MessageQueue, item: Item
) -> None:
    response = await patch(client, item.id, {"done": True})

    assert response.status_code == 202
    assert response.headers["location"] == f"/todo/{item.id}"
    body = response.json()
    assert (body["id"], body["item"], body["done"]) == (item.id, "Buy milk", True)
    assert body["status"] == "accepted"
    (change,) = await changes(queue)
    assert isinstance(change, ItemCompleted)
    assert (change.id, change.seen) == (item.id, "")
    # whoever asks for it meanwhile sees it
    assert (await client.get(f"/todo/{item.id}")).json() == body


async def test_every_field(client: httpx.AsyncClient, queue: MessageQueue, item: Item) -> None:
    wanted = {
        "item": "Buy oat milk",
        "done": True,
        "due": "2026-12-03T18:30:00+01:00",
        "tags": ["home", "购物"],
        "notes": "two\nlitres",
        "position": "i",
    }
    body = (await patch(client, item.id.upper(), wanted)).json()

    assert {name: body[name] for name in wanted} == wanted
    kinds = {type(change).__name__ for change in await changes(queue)}
    assert kinds == {
        "ItemEdited", "ItemCompleted", "ItemDue", "ItemTagged", "ItemNoted", "ItemMoved",
    }  # fmt: skip


async def test_null_empties(client: httpx.AsyncClient, store: Store) -> None:
    (one,) = items("milk")
    one = msgspec.structs.replace(one, due="2026-12-03", tags=("home",), notes="n", position="i")
    await store.add([one])

    empty = {"due": None, "tags": None, "notes": None, "position": None}
    body = (await patch(client, one.id, empty)).json()

    assert (body["due"], body["tags"], body["notes"]) == (None, [], "")
    assert body["position"].startswith(one.id.replace("-", ""))


async def test_nothing_to_change(
    client: httpx.AsyncClient, queue: MessageQueue, item: Item
) -> None:
    response = await patch(client, item.id, {})

    assert response.status_code == 200
    assert response.json() == (await client.get(f"/todo/{item.id}")).json()
    assert await changes(queue) == []


@pytest.mark.usefixtures("saving")
async def test_whoever_waits_gets_what_is_saved(
    client: httpx.AsyncClient, store: Store, item: Item
) -> None:
    response = await patch(client, item.id, {"done": True, "tags": ["home"]}, WAIT)

    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=10"
    assert response.json()["status"] == "saved"
    saved = await store.get(item.id)
    assert saved is not None
    assert (saved.done, saved.tags) == (True, ("home",))
    assert (await client.get(f"/todo/{item.id}")).headers["etag"] == response.headers["etag"]


async def test_whoever_waits_in_vain_is_told_that_it_is_accepted(
    client: httpx.AsyncClient, item: Item
) -> None:
    response = await patch(client, item.id, {"done": True}, {"Prefer": "wait=1"})

    assert response.status_code == 202
    assert response.headers["preference-applied"] == "wait=1"
    assert (
        await client.delete(f"/todo/{item.id}", headers={"Prefer": "wait=0"})
    ).status_code == 202


async def test_an_item_that_is_not_saved_yet_can_be_changed(client: httpx.AsyncClient) -> None:
    accepted = (await client.post("/todo", json={"item": "milk"})).json()

    assert (await patch(client, accepted["id"], {"item": "bread"})).status_code == 202
    assert (await patch(client, accepted["id"], {"done": True})).json()["item"] == "bread"


async def test_removed(client: httpx.AsyncClient, queue: MessageQueue, item: Item) -> None:
    response = await client.delete(f"/todo/{item.id}")

    assert response.status_code == 202
    assert response.json()["item"] == "Buy milk"
    (change,) = await changes(queue)
    assert isinstance(change, ItemRemoved)
    for again in (client.get, client.delete):
        is_problem(await again(f"/todo/{item.id}"), 404)
    is_problem(await patch(client, item.id, {"done": True}), 404)


@pytest.mark.usefixtures("saving")
async def test_removed_and_saved(client: httpx.AsyncClient, store: Store, item: Item) -> None:
    response = await client.delete(f"/todo/{item.id}", headers=WAIT)

    assert response.status_code == 204
    assert response.content == b""
    assert await store.get(item.id) is None
    history = (await client.get(f"/todo/{item.id}/history")).json()["changes"]
    assert [one["field"] for one in history] == ["added", "removed"]


async def test_what_waits_to_be_restored_is_there(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, item: Item
) -> None:
    removed = change_of(ItemRemoved, item.id)
    await store.apply([removed])
    await queue.publish(change_of(ItemEdited, item.id, after=removed.change, item="bread"))
    is_problem(await client.get(f"/todo/{item.id}"), 404)
    await queue.publish(change_of(ItemRestored, item.id, after=removed.change))

    body = (await client.get(f"/todo/{item.id}")).json()
    assert (body["item"], body["status"]) == ("bread", "accepted")


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        ({"item": ""}, "#/item", "enter what is to be done"),
        ({"item": "x" * 257}, "#/item", "257 characters"),
        ({"item": None}, "#/item", "must be text"),
        ({"item": "milk", "done": "yes"}, "#/done", "true or false"),
        ({"done": 1}, "#/done", "true or false"),
        ({"done": None}, "#/done", "true or false"),
        ({"due": "tomorrow"}, "#/due", "2026-12-03"),
        ({"due": "2026-02-30"}, "#/due", "no such date"),
        ({"due": "2026-12-03T18:30:00"}, "#/due", "2026-12-03"),
        ({"due": ""}, "#/due", "null"),
        ({"due": 7}, "#/due", "date as text"),
        ({"tags": "home"}, "#/tags", "list of texts"),
        ({"tags": ["home", 7]}, "#/tags", "list of texts"),
        ({"tags": ["two words"]}, "#/tags", "one word"),
        ({"tags": ["#home"]}, "#/tags", "leave it out"),
        ({"tags": [""]}, "#/tags", "can be seen"),
        ({"tags": ["x" * 51]}, "#/tags", "51 characters"),
        ({"tags": [str(number) for number in range(21)]}, "#/tags", "21 tags"),
        ({"notes": ["n"]}, "#/notes", "must be text"),
        ({"notes": "n" * 10_001}, "#/notes", "10001 characters"),
        ({"notes": "a\0b"}, "#/notes", "cannot be kept"),
        ({"position": "UP"}, "#/position", "digits"),
        ({"position": 1}, "#/position", "must be text"),
        ({"id": "x"}, "#/id", "cannot be set"),
        ({"status": "saved"}, "#/status", "cannot be set"),
        ({"date_saved": None}, "#/date_saved", "cannot be set"),
        ({"done": True, "colour": "red"}, "#", "unknown field `colour`"),
        ([], "#", "must be an object"),
        (None, "#", "must be an object"),
        ("milk", "#", "must be an object"),
        ([{"op": "replace", "path": "/done", "value": True}], "#", "must be an object"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_what_is_wrong_changes_nothing(
    body: object,
    pointer: str,
    says: str,
    client: httpx.AsyncClient,
    queue: MessageQueue,
    item: Item,
) -> None:
    problem = is_problem(await patch(client, item.id, body), 422)

    assert says in str(problem["detail"])
    assert problem["errors"] == [{"detail": problem["detail"], "pointer": pointer}]
    assert await changes(queue) == []


@pytest.mark.parametrize("body", [b"", b"{", b"done=true", b'{"done": tru}', b'{"item": "\xff"}'])
async def test_broken_json_is_refused(
    body: bytes, client: httpx.AsyncClient, queue: MessageQueue, item: Item
) -> None:
    response = await client.patch(f"/todo/{item.id}", content=body, headers=PATCH)

    assert "not valid JSON" in str(is_problem(response, 400)["detail"])
    assert await changes(queue) == []


async def test_kinds_of_body(client: httpx.AsyncClient, queue: MessageQueue, item: Item) -> None:
    address = f"/todo/{item.id}"
    for kind in ("application/json-patch+json", "text/plain", ""):
        response = await client.patch(address, content=b"{}", headers={"Content-Type": kind})
        is_problem(response, 415)
        assert response.headers["accept-patch"] == "application/merge-patch+json, application/json"
    assert (await client.patch(address, json={"done": True})).status_code == 202
    too_long = json.dumps({"notes": "x" * 200_000})
    is_problem(await client.patch(address, content=too_long, headers=PATCH), 413)


async def test_the_longest_notes_however_they_are_written(
    client: httpx.AsyncClient, item: Item
) -> None:
    notes, tags = "🦄" * 10_000, ["🦄" * 49 + str(number % 10) for number in range(10)]
    response = await patch(client, item.id, {"notes": notes, "tags": tags})

    assert response.status_code == 202, response.text
    assert response.json()["notes"] == notes


@pytest.mark.parametrize("id", [new_id(), "7", "%00", "x" * 3000], ids=["new", "7", "NUL", "long"])
async def test_an_item_that_is_not_there(
    id: str, client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    is_problem(await patch(client, id, {"done": True}), 404)
    is_problem(await client.delete(f"/todo/{id}"), 404)
    is_problem(await client.get(f"/todo/{id}/history"), 404)
    assert await changes(queue) == []


@pytest.mark.parametrize("method", ["PUT", "POST", "OPTIONS", "BREW"])
async def test_other_methods_are_refused(
    method: str, client: httpx.AsyncClient, item: Item
) -> None:
    response = await client.request(method, f"/todo/{item.id}", json={"item": "x"})
    is_problem(response, 405)
    assert response.headers["allow"] == "GET, HEAD, PATCH, DELETE"
    response = await client.request(method, f"/todo/{item.id}/history")
    is_problem(response, 405)
    assert response.headers["allow"] == "GET, HEAD"


async def test_a_repeated_key_is_one_change(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, settings: Settings, item: Item
) -> None:
    """Whichever process is asked, before it is saved and afterwards, and whatever others have done since."""
    key = {"Idempotency-Key": new_id()}
    wanted = {"done": True, "tags": ["home"]}
    async with client_of(create_app(queue, store, settings)) as other:
        for one in (client, other, client):
            assert (await patch(one, item.id, wanted, key)).status_code == 202
        assert len(await changes(queue)) == 2
        is_problem(await patch(other, item.id, {"done": False, "tags": ["home"]}, key), 422)
        is_problem(await patch(other, item.id, {"done": True}, key), 422)
        async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
            await patch(client, item.id, {"done": False}, WAIT)
        for one in (client, other):
            response = await patch(one, item.id, wanted, key)
            assert response.status_code == 200
            assert response.json()["done"] is False
            problem = is_problem(await patch(one, item.id, {"item": "bread"}, key), 422)
            assert problem["id"] == item.id
            assert "another change" in str(problem["detail"])
    assert len(await changes(queue)) == 3


async def test_what_was_accepted_in_part_is_completed(
    client: httpx.AsyncClient,
    queue: MessageQueue,
    item: Item,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = {"Idempotency-Key": new_id()}
    wanted = {"done": True, "notes": "x"}
    publish = queue.publish_many

    async def fail_in_the_middle(messages: Sequence[Change], *, ids: Sequence[str]) -> None:
        await publish(messages[:1], ids=ids[:1])
        raise QueueUnavailable("gone")

    with monkeypatch.context() as failing:
        failing.setattr(queue, "publish_many", fail_in_the_middle)
        is_problem(await patch(client, item.id, wanted, key), 503)
    before = await changes(queue)
    assert len(before) == 1

    is_problem(await patch(client, item.id, {"done": True}, key), 422)
    is_problem(await patch(client, item.id, {"notes": "x"}, key), 422)
    is_problem(await patch(client, item.id, {**wanted, "tags": ["home"]}, key), 422)
    assert (await patch(client, item.id, wanted, key)).status_code == 202
    assert len(await changes(queue)) == 2
    assert (await changes(queue))[0] == before[0]


@pytest.mark.parametrize(
    "other",
    [
        {"done": True, "notes": "x"},
        {"notes": "x"},
        {"done": False},
        {"done": True, "position": None},
    ],
    ids=["more", "others", "another value", "null"],
)
async def test_a_key_stands_for_one_request(
    other: object,
    client: httpx.AsyncClient,
    queue: MessageQueue,
    store: Store,
    settings: Settings,
    item: Item,
) -> None:
    key = {"Idempotency-Key": new_id()}
    wanted = {"done": True}
    async with client_of(create_app(queue, store, settings)) as elsewhere:
        assert (await patch(client, item.id, wanted, key)).status_code == 202
        for one in (client, elsewhere):
            problem = is_problem(await patch(one, item.id, other, key), 422)
            assert "Nothing was accepted" in str(problem["detail"])
            assert (await patch(one, item.id, wanted, key)).status_code == 202
        async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
            assert (await patch(client, item.id, wanted, WAIT | key)).status_code == 200
        for one in (client, elsewhere):
            is_problem(await patch(one, item.id, other, key), 422)
            assert (await patch(one, item.id, wanted, key)).json()["notes"] == ""
    assert len(await changes(queue)) == 1


@pytest.mark.parametrize("key", ["", "1", "{" + new_id() + "}"], ids=["empty", "1", "braces"])
async def test_a_key_must_be_a_uuid(
    key: str, client: httpx.AsyncClient, queue: MessageQueue, item: Item
) -> None:
    response = await patch(client, item.id, {"done": True}, {"Idempotency-Key": key})

    assert "must be a UUID" in str(is_problem(response, 400)["detail"])
    assert await changes(queue) == []


async def test_a_later_change_counts_though_the_clock_went_back(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, item: Item
) -> None:
    ahead = "0" + "fffffff" + "-ffff-7" + "ff0-8000-000000000000"
    await store.apply([ItemCompleted(id=item.id, change=ahead)])
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        body = (await patch(client, item.id, {"done": False}, WAIT)).json()

    assert body["done"] is False


async def test_many_at_once(client: httpx.AsyncClient, item: Item, saving: None) -> None:
    answers = await asyncio.gather(
        *(patch(client, item.id, {"notes": str(number)}, WAIT) for number in range(20))
    )

    assert {answer.status_code for answer in answers} == {200}
    history = (await client.get(f"/todo/{item.id}/history")).json()["changes"]
    assert len(history) == 21
    assert [one["current"] for one in history[1:]].count(True) == 1
