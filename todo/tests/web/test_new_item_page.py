"""The form: what it accepts, and what it says beside the field."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta

import httpx
import pytest

from dovetail import MessageQueue, new_id

from .support import field_of, published, text_of


def hidden_form(html: str) -> str:
    """The name by which a form is known again."""
    found = re.search(r'name="form" value="([^"]+)"', html)
    assert found is not None
    return found[1]


async def test_the_form_is_empty_and_ready(client: httpx.AsyncClient) -> None:
    response = await client.get("/new")

    assert response.status_code == 200
    assert '<form method="post" action="/new"' in response.text
    assert '<label for="item">' in response.text
    assert 'value=""' in response.text


async def test_an_item_is_published_and_the_list_says_so(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    response = await client.post("/new", data={"item": "  Buy milk ", "next": "/"})

    assert response.status_code == 303
    page = await client.get(response.headers["location"])
    assert page.url.path == "/"
    assert "Added “Buy milk”" in text_of(page.text, "notice")
    assert [item.item for item in await published(queue)] == ["Buy milk"]


async def test_the_next_item_can_follow_at_once(client: httpx.AsyncClient) -> None:
    response = await client.post("/new", data={"item": "Buy milk", "next": "/new"})

    page = await client.get(response.headers["location"])
    assert page.url.path == "/new"
    assert "Added “Buy milk”" in text_of(page.text, "notice")
    assert field_of(page.text, "item") == ""


@pytest.mark.parametrize("text", ["🦄" * 256, "</title><script>alert(1)</script>", "שלום", "a&b=c"])
async def test_any_text_of_up_to_256_characters(
    text: str, client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    assert (await client.post("/new", data={"item": text})).status_code == 303
    assert [item.item for item in await published(queue)] == [text]


@pytest.mark.parametrize(
    ("fields", "says", "kept"),
    [
        ({"item": ""}, "enter what is to be done", ""),
        ({}, "enter what is to be done", ""),
        ({"item": " \t\u3000"}, "enter what is to be done", " \t\u3000"),
        ({"item": "x" * 257}, "257 characters", "x" * 257),
        ({"item": 'a"b<i>\0'}, "cannot be kept", "a&#34;b&lt;i&gt;\0"),
    ],
)
async def test_the_error_stands_beside_the_field_and_the_text_is_kept(
    fields: dict[str, str], says: str, kept: str, client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    response = await client.post("/new", data=fields)

    assert response.status_code == 422
    assert says in text_of(response.text, "item-error")
    assert f'value="{kept}"' in response.text
    assert 'aria-invalid="true"' in response.text
    assert 'aria-describedby="item-error item-hint"' in response.text
    assert "<title>Error: New item" in response.text
    assert await published(queue) == []


async def test_the_same_form_twice_adds_one_item(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    fields = {"form": hidden_form((await client.get("/new")).text), "item": "Buy milk"}

    for _ in range(2):
        assert (await client.post("/new", data=fields)).status_code == 303
    assert len(await published(queue)) == 1
    await client.post("/new", data=fields | {"item": "Buy bread"})
    assert [item.item for item in await published(queue)] == ["Buy milk", "Buy bread"]


async def test_different_forms_may_hold_the_same_text(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    for _ in range(2):
        form = hidden_form((await client.get("/new")).text)
        await client.post("/new", data={"form": form, "item": "Buy milk"})
    await client.post("/new", data={"item": "Buy milk"})
    await client.post("/new", data={"item": "Buy milk"})

    assert len(await published(queue)) == 4


async def test_too_much_at_once(client: httpx.AsyncClient, queue: MessageQueue) -> None:
    response = await client.post("/new", data={"item": "x" * 300_000})

    assert response.status_code == 413
    assert "Nothing was accepted" in response.text
    assert await published(queue) == []


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b'{"item": "milk"}', "application/json", 415),
        (b"item=milk", "text/plain", 415),
        (b"item=milk", "", 415),
        (b"item=%FF%FE", "application/x-www-form-urlencoded", 400),
        (b"item=\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=%d" % i for i in range(50)), "application/x-www-form-urlencoded", 400),
    ],
)
async def test_what_no_form_sends(
    content: bytes,
    content_type: str,
    status: int,
    client: httpx.AsyncClient,
    queue: MessageQueue,
) -> None:
    response = await client.post("/new", content=content, headers={"Content-Type": content_type})

    assert response.status_code == status
    assert "Nothing was accepted" in response.text
    assert await published(queue) == []


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "http://todo.test"}, True),
        ({"Origin": "https://todo.test"}, True),
        ({"Origin": "http://evil.test"}, False),
        ({"Origin": "http://todo.test.evil.test"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://todo.test"}, False),
    ],
)
async def test_other_sites_cannot_send_the_form(
    headers: dict[str, str], accepted: bool, client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    response = await client.post("/new", data={"item": "Buy milk"}, headers=headers)

    assert response.status_code == (303 if accepted else 403)
    assert len(await published(queue)) == int(accepted)


async def test_all_fields_at_once(client: httpx.AsyncClient, queue: MessageQueue) -> None:
    fields = {"item": "Buy milk", "tags": "#shop home", "notes": "two\r\nlitres"}
    await client.post("/items", data=fields | {"due_date": "2026-12-03"})

    (item,) = await published(queue)
    assert (item.due, item.tags, item.notes) == ("2026-12-03", ("shop", "home"), "two\nlitres")


async def test_the_longest_notes_of_any_script(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    response = await client.post("/items", data={"item": "x", "notes": "🦄" * 10_000})

    assert response.status_code == 303
    (item,) = await published(queue)
    assert item.notes == "🦄" * 10_000


async def test_what_the_list_did_not_accept_stays_in_its_field(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    fields = {"item": "x" * 257, "form": "f", "next": "/?status=done"}
    response = await client.post("/items", data=fields)

    assert response.status_code == 422
    assert "257 characters" in text_of(response.text, "new-error")
    assert f'value="{"x" * 257}"' in response.text
    assert field_of(response.text, "form") == "f"
    assert 'data-status="done" aria-current="true"' in response.text
    assert await published(queue) == []


async def test_a_script_sends_an_item_twice_under_the_id_that_it_gave_it(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    given = new_id()
    headers = {"Accept": "application/json"}
    for _ in range(2):
        fields = {"item": "Buy milk", "id": given}
        response = await client.post("/items", data=fields, headers=headers)
        assert response.status_code == 202
        assert response.json()["item"]["id"] == given
        assert response.json()["undo"]["url"] == f"/items/{given}/remove"

    assert [item.id for item in await published(queue)] == [given]


@pytest.mark.parametrize(
    "given",
    ["7", "'", str(uuid.uuid4()), "x" * 40],
    ids=["number", "quote", "not of version 7", "too long"],
)
async def test_an_id_that_is_none(
    client: httpx.AsyncClient, queue: MessageQueue, given: str
) -> None:
    headers = {"Accept": "application/json"}
    response = await client.post("/items", data={"item": "a", "id": given}, headers=headers)

    assert response.status_code == 422
    assert response.json() == {"error": "The id must be a UUIDv7."}
    assert await published(queue) == []


@pytest.mark.parametrize("place", ["//evil.test", "https://evil.test", "/\\evil.test", "x"])
async def test_a_form_leads_to_no_other_server(client: httpx.AsyncClient, place: str) -> None:
    response = await client.post("/items", data={"item": "a", "next": place})

    assert response.headers["location"] == "/"


async def test_a_time_alone_is_one_of_the_day_that_is_meant(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    today = datetime.now().astimezone().date()
    for text in ("Buy milk", "Call Ann tomorrow"):
        fields = {"item": text, "due_date": "", "due_time": "18:30", "tags": "", "notes": ""}
        assert (await client.post("/new", data=fields)).status_code == 303
    wrong = await client.post("/new", data={"item": "x", "due_date": "", "due_time": "25:00"})
    assert wrong.status_code == 422
    milk, ann = await published(queue)
    assert (milk.due or "").startswith(f"{today}T18:30:00")
    assert (ann.item, (ann.due or "")[:19]) == ("Call Ann", f"{today + timedelta(1)}T18:30:00")
