"""POST /todo: what is accepted, and what is refused before anything is published."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from dovetail import MessageQueue, new_id

from .support import is_problem, published

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
        ('{"item": "milk", "done": true}', "#", "unknown field `done`"),
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
