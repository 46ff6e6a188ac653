"""POST /todo: what is accepted, and what is refused before anything is published."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from dovetail import MessageQueue, Worker, new_id
from todo.api.app import create_app
from todo.handlers.save_handler import save_handler
from todo.settings import SaveHandlerSettings, Settings
from todo.store import Store, open_store

from .support import client_of, is_problem, published, until_saved

JSON = {"Content-Type": "application/json"}


async def test_accepted_once_the_queue_has_it(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    response = await client.post("/todo", json={"item": "  Record promo video\n"})

    assert response.status_code == 202
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["item"] == "Record promo video"
    assert body["status"] == "accepted"
    assert response.headers["location"] == f"/todo/{body['id']}"
    added = datetime.fromisoformat(body["date_added"])
    assert abs(datetime.now(UTC) - added) < timedelta(minutes=1)
    (item,) = await published(queue)
    assert (item.id, item.item, item.date_added) == (body["id"], body["item"], added)


async def test_with_all_its_fields(client: httpx.AsyncClient, queue: MessageQueue) -> None:
    wanted = {
        "item": "Record promo video",
        "done": True,
        "due": "2026-12-03",
        "tags": ["work", "WORK", "é"],
        "notes": "a\r\nb",
        "position": "i",
    }
    response = await client.post("/todo", json=wanted)

    assert response.status_code == 202
    kept = wanted | {"tags": ["work", "é"], "notes": "a\nb"}
    body = response.json()
    assert {name: body[name] for name in kept} == kept
    (item,) = await published(queue)
    assert {name: msgspec.to_builtins(getattr(item, name)) for name in kept} == kept | {
        "tags": ("work", "é")
    }


async def test_saved_with_all_its_fields(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        response = await client.post(
            "/todo",
            json={"item": "milk", "due": "2026-12-03T08:00:00Z", "tags": ["home"]},
            headers={"Prefer": "respond-async, wait=10"},
        )
    assert response.status_code == 201
    assert response.headers["preference-applied"] == "wait=10"
    body = response.json()
    assert response.headers["location"] == f"/todo/{body['id']}"
    assert (body["status"], body["tags"], body["done"]) == ("saved", ["home"], False)
    assert datetime.fromisoformat(body["date_saved"]) >= datetime.fromisoformat(body["date_added"])
    one = await client.get(f"/todo/{body['id']}")
    assert (one.json(), one.headers["etag"]) == (body, response.headers["etag"])


async def test_waiting_without_events(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    quiet = SaveHandlerSettings(publish_item_saved=False)
    async with Worker(queue, [save_handler(store, quiet)]):
        response = await client.post("/todo", json={"item": "milk"}, headers={"Prefer": "wait=10"})
    assert response.status_code == 201


@pytest.mark.parametrize("prefer", ["wait", "wait=x", "wait=-1", "wait=0", "return=minimal", ""])
async def test_wishes_that_cannot_be_had(prefer: str, client: httpx.AsyncClient) -> None:
    response = await client.post("/todo", json={"item": "milk"}, headers={"Prefer": prefer})
    assert response.status_code == 202
    assert "preference-applied" not in response.headers


async def test_whoever_waits_does_not_hold_up_the_end(
    app: Starlette, client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    waiting = asyncio.create_task(
        client.post("/todo", json={"item": "milk"}, headers={"Prefer": "wait=99999"})
    )
    async with asyncio.timeout(30):
        while not await published(queue):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        app.state.close()
        response = await waiting
    assert response.status_code == 202
    assert response.headers["preference-applied"] == "wait=30"


async def test_a_repetition_may_wait_too(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    headers = {"Idempotency-Key": new_id(), "Prefer": "wait=10"}
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        for _ in range(2):
            response = await client.post("/todo", json={"item": "milk"}, headers=headers)
            assert response.status_code == 201
    assert len(await published(queue)) == 1
    other = await client.post("/todo", json={"item": "milk", "done": True}, headers=headers)
    assert "other fields" in str(is_problem(other, 422)["detail"])


@pytest.mark.parametrize(
    "text",
    ["x" * 256, "🦄" * 256, " " + "y" * 256 + "\t", "<b>&amp;</b>", "קניות", "a\r\nb", '"\\'],
)
async def test_any_text_of_up_to_256_characters(
    text: str, client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    response = await client.post("/todo", json={"item": text})

    assert response.status_code == 202
    assert [item.item for item in await published(queue)] == [text.strip()]


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        ('{"item": ""}', "#/item", "enter what is to be done"),
        ('{"item": " \\t\\u00a0\\n"}', "#/item", "enter what is to be done"),
        (json.dumps({"item": "x" * 257}), "#/item", "257 characters"),
        (json.dumps({"item": "🦄" * 257}), "#/item", "257 characters"),
        ('{"item": 7}', "#/item", "must be text"),
        ('{"item": null}', "#/item", "must be text"),
        ('{"item": ["milk"]}', "#/item", "must be text"),
        ('{"item": {"item": "milk"}}', "#/item", "must be text"),
        ('{"item": "a\\u0000b"}', "#/item", "cannot be kept"),
        ("{}", "#/item", "missing"),
        ('{"Item": "milk"}', "#", "unknown field `Item`"),
        ('{"item": "milk", "done": 1}', "#/done", "true or false"),
        ('{"item": "milk", "done": null}', "#/done", "true or false"),
        ('{"item": "milk", "due": "soon"}', "#/due", "2026-12-03"),
        ('{"item": "milk", "due": 20261203}', "#/due", "date as text"),
        ('{"item": "milk", "tags": "home"}', "#/tags", "list of texts"),
        ('{"item": "milk", "tags": ["a b"]}', "#/tags", "one word"),
        ('{"item": "milk", "notes": null}', "#/notes", "must be text"),
        ('{"item": "milk", "position": "Z"}', "#/position", "digits"),
        ('{"item": "milk", "id": "x"}', "#/id", "cannot be set"),
        ('{"item": "milk", "colour": 1}', "#", "unknown field `colour`"),
        ("[]", "#", "must be an object"),
        ('"milk"', "#", "must be an object"),
        ("null", "#", "must be an object"),
    ],
)
async def test_what_is_no_item_is_refused(
    body: str, pointer: str, says: str, client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    response = await client.post("/todo", content=body, headers=JSON)

    problem = is_problem(response, 422)
    assert says in str(problem["detail"])
    assert problem["errors"] == [{"detail": problem["detail"], "pointer": pointer}]
    assert await published(queue) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"item=milk",
        b'{"item": "milk"',
        b'{"item": "milk"} {}',
        b'{"item": "\xff"}',
        b'{"item": "\\ud800"}',
        b'{"item": "a\nb"}',
        '{"item": "milk"}'.encode("utf-16"),
    ],
)
async def test_broken_json_is_refused(
    body: bytes, client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    response = await client.post("/todo", content=body, headers=JSON)

    assert "not valid JSON" in str(is_problem(response, 400)["detail"])
    assert await published(queue) == []


@pytest.mark.parametrize("nesting", [b"[" * 60_000, b'{"a":' * 12_000])
async def test_deep_nesting_is_refused(nesting: bytes, client: httpx.AsyncClient) -> None:
    response = await client.post("/todo", content=b'{"item":' + nesting, headers=JSON)

    is_problem(response, 422)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", "garbage"],
)
async def test_only_json_is_taken(
    content_type: str, client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    response = await client.post(
        "/todo", content=b'{"item": "milk"}', headers={"Content-Type": content_type}
    )

    assert "application/json" in str(is_problem(response, 415)["detail"])
    assert await published(queue) == []


async def test_a_missing_content_type_is_named(client: httpx.AsyncClient) -> None:
    response = await client.post("/todo", content=b'{"item": "milk"}')

    assert "missing" in str(is_problem(response, 415)["detail"])


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;q=1"]
)
async def test_json_by_any_spelling(content_type: str, client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/todo", content=b'{"item": "milk"}', headers={"Content-Type": content_type}
    )

    assert response.status_code == 202


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
async def test_other_methods_are_refused(method: str, client: httpx.AsyncClient) -> None:
    response = await client.request(method, "/todo")

    is_problem(response, 405)
    assert response.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", ["/todo/", "/todos", "/todo/1/2", "/nothing", "/todo//"])
async def test_unknown_addresses(path: str, client: httpx.AsyncClient) -> None:
    is_problem(await client.post(path, json={"item": "milk"}), 404)


async def test_a_repeated_key_adds_one_item(client: httpx.AsyncClient, queue: MessageQueue) -> None:
    key = new_id()

    for header in (key, key.upper(), f'"{key}"'):
        response = await client.post(
            "/todo", json={"item": "milk"}, headers={"Idempotency-Key": header}
        )
        assert response.status_code == 202
        assert response.json()["id"] == key
    assert [item.id for item in await published(queue)] == [key]


async def test_two_keys_are_none(client: httpx.AsyncClient, queue: MessageQueue) -> None:
    headers = [("Idempotency-Key", new_id()), ("Idempotency-Key", new_id())]
    is_problem(await client.post("/todo", json={"item": "x"}, headers=headers), 400)
    assert await published(queue) == []


async def add(client: httpx.AsyncClient, text: str, key: str) -> httpx.Response:
    return await client.post("/todo", json={"item": text}, headers={"Idempotency-Key": key})


def other_process(
    queue: MessageQueue, store: Store, settings: Settings
) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    """A client of an API that knows nothing of what the first was asked."""
    return client_of(create_app(queue, store, settings))


@pytest.mark.parametrize("where", ["here", "elsewhere"])
@pytest.mark.parametrize("saved", [False, True])
async def test_a_key_with_another_text_is_refused(
    client: httpx.AsyncClient,
    queue: MessageQueue,
    store: Store,
    settings: Settings,
    where: str,
    saved: bool,
) -> None:
    key = new_id()
    first = await add(client, " milk\n", key)
    if saved:
        async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
            await until_saved(store, key)
    async with other_process(queue, store, settings) as other:
        asked = client if where == "here" else other
        problem = is_problem(await add(asked, "bread", key), 422)
        assert "has another text" in str(problem["detail"])
        assert problem["id"] == key
        assert (await add(asked, "milk", key)).json() == first.json()
        for one in (client, other):
            shown = (await one.get(f"/todo/{key}")).json()
            assert (shown["id"], shown["item"]) == (key, "milk")
    assert [item.item for item in await published(queue)] == ["milk"]


async def test_two_at_once_with_one_key(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, settings: Settings
) -> None:
    key = new_id()
    async with other_process(queue, store, settings) as other:
        answers = await asyncio.gather(
            *(add(one, text, key) for text in ("milk", "bread", "milk") for one in (client, other))
        )
    (item,) = await published(queue)
    for answer in answers:
        if answer.status_code == 202:
            assert answer.json()["item"] == item.item
        else:
            is_problem(answer, 422)
    assert [answer.status_code for answer in answers].count(202) in (2, 4)


async def test_a_key_while_the_database_is_down(queue: MessageQueue, settings: Settings) -> None:
    """Adding goes on; what cannot be saved is no repetition to the queue, so it is not lost silently."""
    key, store = new_id(), open_store(settings.database)
    async with other_process(queue, store, settings) as first:
        assert (await add(first, "milk", key)).status_code == 202
        is_problem(await add(first, "bread", key), 422)
    async with other_process(queue, store, settings) as second:
        assert (await add(second, "bread", key)).status_code == 202
    await store.prepare()
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        await until_saved(store, key)
    (letter,) = await queue.dead_letters.list()
    found = await store.get(key)
    assert found is not None
    assert found.item == "milk"
    assert b'"bread"' in letter.body
    assert "another text" in letter.reason
    await store.close()


async def test_a_text_that_was_amended_is_the_same_item(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, settings: Settings
) -> None:
    key = new_id()
    accepted = await add(client, "a -> b", key)
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        await until_saved(store, key)
    await store.amend(key, lambda _: "a → b")
    assert (await add(client, "a -> b", key)).json() == accepted.json()
    async with other_process(queue, store, settings) as other:
        assert (await add(other, "a → b", key)).status_code == 202
        assert (await add(other, "a -> b", key)).json()["item"] == "a → b"
        is_problem(await add(other, "a", key), 422)


async def test_a_key_of_an_item_that_was_removed(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, settings: Settings
) -> None:
    key = new_id()
    await add(client, "milk", key)
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        await until_saved(store, key)
        await client.delete(f"/todo/{key}", headers={"Prefer": "wait=10"})
    async with other_process(queue, store, settings) as other:
        # The process that had added it knows as well as one that was started since.
        for one in (client, other):
            problem = is_problem(await add(one, "milk", key), 422)
            assert "was removed" in str(problem["detail"])
    assert len(await published(queue)) == 1


@pytest.mark.parametrize(
    "key",
    ["", "1", "not-a-uuid", new_id() + "0", "{" + new_id() + "}"],
    ids=["empty", "number", "word", "too long", "braces"],
)
async def test_a_key_must_be_a_uuid(
    key: str, client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    response = await client.post("/todo", json={"item": "x"}, headers={"Idempotency-Key": key})

    assert is_problem(response, 400)["errors"] == [
        {
            "detail": "The Idempotency-Key must be a UUID: it becomes the id of the item.",
            "parameter": "Idempotency-Key",
        }
    ]
    assert await published(queue) == []
