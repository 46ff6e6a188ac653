"""What can be done to an item by a form, without scripts: each verb publishes a change and can be undone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from typing import Any

import httpx
import msgspec
import pytest

from dovetail import MessageQueue, new_id
from todo.changes import change_of
from todo.events import ANY_CHANGE, CHANGES, Change, ItemEdited, ItemRemoved
from todo.items import Item
from todo.positions import position_of
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app

from .support import client_of, field_of, items, publish, rows, text_of


@pytest.fixture
async def item(store: Store) -> Item:
    (item,) = items("Buy milk")
    item = msgspec.structs.replace(
        item, due="2026-12-03", tags=("shop", "home"), notes="two\nlitres"
    )
    await store.add([item])
    return item


async def changes(queue: MessageQueue) -> list[Change]:
    """Every change that was published; nothing handles them."""
    received = await queue.waiting(ANY_CHANGE, "nobody", most=1000)
    return [msgspec.convert(one.data, CHANGES[one.subject]) for one in received]


async def save(queue: MessageQueue, store: Store) -> None:
    """What the save-handler does with them."""
    await store.apply(await changes(queue))


def undo_form(html: str) -> tuple[str, dict[str, str]]:
    """Where the undo of the notice goes, and its fields."""
    found = re.search(r'id="notice".*?action="([^"]+)">(.*?)</form>', html, re.DOTALL)
    assert found is not None
    fields = re.findall(r'name="(\w+)" value="([^"]*)"', found[2])
    return unescape(found[1]), {name: unescape(value) for name, value in fields}


async def act(
    client: httpx.AsyncClient, of: Item, verb: str, **fields: str
) -> tuple[str, httpx.Response]:
    """Send a form as a browser does; what the next page says, and that page."""
    response = await client.post(f"/items/{of.id}/{verb}", data={"next": "/", **fields})
    assert response.status_code == 303
    page = await client.get(response.headers["location"])
    assert page.status_code == 200
    return text_of(page.text, "notice"), page


@dataclass(frozen=True)
class Case:
    """A verb, what it says, and what it makes of the item; None for nothing."""

    verb: str
    fields: dict[str, str]
    says: str
    changed: dict[str, Any] | None


CASES = [
    Case("complete", {}, "Completed “Buy milk”", {"done": True}),
    Case("edit", {"item": " Buy <b>oats</b> "}, "“Buy <b>oats</b>”", {"item": "Buy <b>oats</b>"}),
    Case("due", {"due": "2026-12-24"}, "Due date of “Buy milk”", {"due": "2026-12-24"}),
    Case("due", {"due": ""}, "Due date of “Buy milk”", {"due": None}),
    Case("tags", {"tags": "#a, b B  c"}, "Tags of “Buy milk”", {"tags": ("a", "b", "c")}),
    Case("notes", {"notes": "a\r\nb"}, "Notes of “Buy milk”", {"notes": "a\nb"}),
    Case("remove", {}, "Deleted “Buy milk”", None),
    Case("save", {"item": "A", "tags": "x"}, "Changed “A”", {"item": "A", "tags": ("x",)}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.verb)
async def test_each_verb_and_its_undo(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, item: Item, case: Case
) -> None:
    verb, fields, says, changed = case.verb, case.fields, case.says, case.changed
    said, page = await act(client, item, verb, **fields)
    assert says in said

    await save(queue, store)
    now = await store.get(item.id)
    if changed is None:
        assert now is None
    else:
        assert now is not None
        assert {name: getattr(now, name) for name in changed} == changed
    url, back = undo_form(page.text)
    assert (await client.post(url, data=back)).status_code == 303
    await save(queue, store)
    undone = await store.get(item.id)
    assert undone is not None
    for name in ("item", "done", "due", "tags", "notes"):
        assert getattr(undone, name) == getattr(item, name)


async def test_a_notice_is_said_once(client: httpx.AsyncClient, item: Item) -> None:
    said, _ = await act(client, item, "complete")

    assert "Completed" in said
    assert 'id="notice"' not in (await client.get("/")).text


async def test_what_is_waiting_is_what_the_next_change_is_later_than(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, item: Item
) -> None:
    # Somebody whose clock is an hour ahead.
    ahead = change_of(ItemEdited, item.id, after="0f" + new_id()[2:], item="from the future")
    await queue.publish(ahead, id=ahead.change)

    await act(client, item, "edit", item="the later one")
    await save(queue, store)

    now = await store.get(item.id)
    assert now is not None
    assert now.item == "the later one"


async def test_one_who_had_not_seen_the_text_that_they_replaced_is_told(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, item: Item
) -> None:
    seen = change_of(ItemEdited, item.id, item="as we both saw it")
    theirs = change_of(ItemEdited, item.id, after=seen.change, item="theirs")
    await store.apply([seen, theirs])

    said, page = await act(client, item, "edit", item="ours", seen=seen.change)

    assert "Meanwhile somebody else had changed it to “theirs”" in said
    assert f"/items/{item.id}#history" in page.text or "Undo" in said
    (change,) = await changes(queue)
    assert change.seen == seen.change
    said, _ = await act(client, item, "edit", item="again", seen=change.change)
    assert "Meanwhile" not in said


@pytest.mark.parametrize(
    ("fields", "order"),
    [
        ({"direction": "up"}, "BACD"),
        ({"direction": "down"}, "ACBD"),
        ({"direction": "top"}, "BACD"),
        ({"direction": "bottom"}, "ACDB"),
        ({"after": "D"}, "ACDB"),
        ({"after": "C"}, "ACBD"),
        ({"before": "A"}, "BACD"),
        ({"before": "D"}, "ACBD"),
        ({"position": "z"}, "BACD"),
    ],
)
async def test_moving(
    client: httpx.AsyncClient,
    queue: MessageQueue,
    store: Store,
    fields: dict[str, str],
    order: str,
) -> None:
    by_text = {item.item: item for item in items("D", "C", "B", "A")}
    await store.add(list(by_text.values()))
    fields = {name: by_text[text].id if text in by_text else text for name, text in fields.items()}

    _, page = await act(client, by_text["B"], "move", **fields)

    assert "".join(row.text for row in rows(page.text)) == order
    await save(queue, store)
    url, back = undo_form(page.text)
    assert back["position"] == position_of(by_text["B"])
    await client.post(url, data=back)
    await save(queue, store)
    assert "".join(row.text for row in rows((await client.get("/")).text)) == "ABCD"


@pytest.mark.parametrize(("direction", "text"), [("up", "A"), ("top", "A"), ("down", "B")])
async def test_at_the_end_there_is_nowhere_to_go(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, direction: str, text: str
) -> None:
    by_text = {item.item: item for item in items("B", "A")}
    await store.add(list(by_text.values()))

    said, _ = await act(client, by_text[text], "move", direction=direction)

    assert said == "Nothing was changed."
    assert await changes(queue) == []


async def test_clearing_what_is_done_and_bringing_it_back(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    done = [msgspec.structs.replace(one, done=True) for one in items(*map(str, range(150)))]
    await store.add([*done, *items("left")])

    page = await client.get((await client.post("/items/clear-completed")).headers["location"])
    assert text_of(page.text, "notice").startswith("Deleted 150 completed items")
    await save(queue, store)
    assert await store.count() == 1

    url, back = undo_form(page.text)
    response = await client.post(url, data=back)
    await save(queue, store)
    assert await store.count() == 151
    page = await client.get(response.headers["location"])
    assert "Restored 150 items" in text_of(page.text, "notice")
    await client.post("/items/clear-completed")
    await save(queue, store)
    page = await client.get((await client.post("/items/clear-completed")).headers["location"])
    assert text_of(page.text, "notice") == "There is no completed item."


async def test_an_item_that_waits_can_be_changed(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    (item,) = items("Buy milk")
    await publish(queue, item)

    said, page = await act(client, item, "complete")

    assert "Completed “Buy milk”" in said
    assert 'role="checkbox" aria-checked="true"' in page.text


@pytest.mark.parametrize(
    ("verb", "fields", "says"),
    [
        ("edit", {"item": " "}, "Please enter what is to be done."),
        ("edit", {"item": "x" * 257}, "257 characters"),
        ("due", {"due": "soon"}, "The due date must be like"),
        ("save", {"due_date": "2026-02-30"}, "no such date"),
        ("save", {"due_date": "2026-02-03", "due_time": "25:00"}, "no such date"),
        ("tags", {"tags": " ".join(f"t{number}" for number in range(21))}, "20 are the most"),
        ("notes", {"notes": "x" * 10_001}, "10001 characters"),
        ("notes", {"notes": "\0"}, "cannot be kept"),
        ("move", {"direction": "sideways"}, "up, down, top or bottom"),
        ("move", {"after": "nobody"}, "is not there"),
        ("move", {"position": "0"}, "position"),
    ],
)
async def test_what_cannot_be_kept_changes_nothing_and_is_explained(
    client: httpx.AsyncClient,
    queue: MessageQueue,
    item: Item,
    verb: str,
    fields: dict[str, str],
    says: str,
) -> None:
    page = await client.post(f"/items/{item.id}/{verb}", data=fields)
    answer = await client.post(
        f"/items/{item.id}/{verb}", data=fields, headers={"Accept": "application/json"}
    )

    assert page.status_code == answer.status_code == 422
    assert says in unescape(page.text)
    assert says in answer.json()["error"]
    if verb in ("edit", "notes", "tags"):  # what was written is still there
        assert fields[verb if verb != "edit" else "item"] in unescape(page.text)
    assert await changes(queue) == []


@pytest.mark.parametrize(
    "path", ["/items/nobody/complete", "/items/{id}/explode", f"/items/{'x' * 65}/complete"]
)
async def test_what_is_not_there(client: httpx.AsyncClient, item: Item, path: str) -> None:
    response = await client.post(path.format(id=item.id))

    assert response.status_code == 404


async def test_one_that_was_deleted_can_only_be_restored(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, item: Item
) -> None:
    await store.apply([change_of(ItemRemoved, item.id)])

    assert (await client.post(f"/items/{item.id}/complete")).status_code == 404
    said, _ = await act(client, item, "restore")
    assert "Restored “Buy milk”" in said


async def test_scripts_get_json(client: httpx.AsyncClient, queue: MessageQueue, item: Item) -> None:
    headers = {"Accept": "application/json"}
    response = await client.post(f"/items/{item.id}/complete", headers=headers)

    assert response.status_code == 202
    answer = response.json()
    (change,) = await changes(queue)
    assert answer["change"] == change.change
    assert answer["item"]["done"] is True
    assert answer["item"]["waiting"] == [change.change]
    assert answer["undo"] == {"url": f"/items/{item.id}/reopen", "fields": {}}
    cross = await client.post(
        f"/items/{item.id}/complete", headers={**headers, "Sec-Fetch-Site": "cross-site"}
    )
    assert cross.status_code == 403
    assert "Another site" in cross.json()["error"]


async def test_the_database_is_down(
    queue: MessageQueue, missing_store: Store, settings: Settings
) -> None:
    (item,) = items("Buy milk")
    async with client_of(create_app(queue, missing_store, settings)) as client:
        response = await client.post(f"/items/{item.id}/complete")
        assert response.status_code == 303
        page = await client.get(response.headers["location"])
        assert "Completed “the item”" in text_of(page.text, "notice")
        moved = await client.post(f"/items/{item.id}/move", data={"after": "x"})
        assert moved.status_code == 503
        cleared = await client.post("/items/clear-completed")
        assert cleared.status_code == 503
    assert len(await changes(queue)) == 1


async def test_a_day_that_is_taken_away_takes_its_time_along(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    (item,) = items("Buy milk")
    await publish(queue, item)
    await act(client, item, "due", due_date="", due_time="18:30")
    page = await client.get(f"/items/{item.id}")
    today = datetime.now().astimezone().date().isoformat()
    assert (field_of(page.text, "due_date"), field_of(page.text, "due_time")) == (today, "18:30")
    await act(client, item, "due", due_date="", due_time="18:30")
    page = await client.get(f"/items/{item.id}")
    assert (field_of(page.text, "due_date"), field_of(page.text, "due_time")) == ("", "")
