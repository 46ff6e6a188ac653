"""The page of one item: everything that it holds, and what became of it."""

from __future__ import annotations

import re
from html import unescape

import httpx
import msgspec
import pytest

from dovetail import MessageQueue
from todo.changes import change_of
from todo.events import (
    ItemCompleted,
    ItemDue,
    ItemEdited,
    ItemNoted,
    ItemRemoved,
    ItemRestored,
    ItemTagged,
)
from todo.items import Item
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app

from .support import client_of, field_of, items, publish, text_of


def one(**fields: object) -> Item:
    (item,) = items("Buy milk")
    return msgspec.structs.replace(item, **fields)


def form_fields(html: str) -> dict[str, str]:
    """What the form of the page sends when nothing is touched."""
    form = re.search(r'<form method="post" action="[^"]+/save" class.*?</form>', html, re.DOTALL)
    assert form is not None
    fields = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', form[0]))
    notes = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", form[0], re.DOTALL)
    assert notes is not None
    return {name: unescape(value) for name, value in {**fields, "notes": notes[1]}.items()}


async def test_every_field_is_there(client: httpx.AsyncClient, store: Store) -> None:
    item = one(due="2026-12-03T18:30:00+00:00", tags=("a", "<b>"), notes="\nfirst\n<i>second")
    await store.add([item])

    html = (await client.get(f"/items/{item.id}")).text

    fields = form_fields(html)
    assert fields["item"] == "Buy milk"
    assert fields["tags"] == "a <b>"
    assert fields["notes"] == "\nfirst\n<i>second"
    assert fields["due_date"] == "2026-12-03"
    assert re.fullmatch(r"\d\d:30", fields["due_time"])
    assert "<i>" not in html
    assert "Added" in text_of(html, "history")


async def test_only_what_was_touched_is_changed(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    item = one(due="2026-12-03T18:30:00.5+05:00", tags=("a",), notes="a\nb\n")
    await store.add([item])
    fields = form_fields((await client.get(f"/items/{item.id}")).text)

    untouched = fields | {"notes": fields["notes"].replace("\n", "\r\n")}
    response = await client.post(f"/items/{item.id}/save", data=untouched)
    page = await client.get(response.headers["location"])
    assert text_of(page.text, "notice") == "Nothing was changed."
    assert await queue.waiting("events.todo.item.*", "nobody") == []

    await client.post(f"/items/{item.id}/save", data=fields | {"item": "Buy oats"})
    (received,) = await queue.waiting("events.todo.item.*", "nobody")
    assert received.subject == ItemEdited.__subject__


async def test_its_history(client: httpx.AsyncClient, store: Store) -> None:
    item = one()
    await store.add([item])
    first = change_of(ItemEdited, item.id, item="Buy oats")
    unseen = change_of(ItemEdited, item.id, after=first.change, seen="", item="Buy rye")
    later = [
        change_of(ItemCompleted, item.id),
        change_of(ItemDue, item.id, due="2026-12-24"),
        change_of(ItemTagged, item.id, tags=("x", "y")),
        change_of(ItemNoted, item.id, notes="some notes"),
        change_of(ItemRemoved, item.id, after=unseen.change),
    ]
    back = change_of(ItemRestored, item.id, after=later[-1].change)
    await store.apply([first, unseen, *later, back])

    said = text_of((await client.get(f"/items/{item.id}")).text, "history")

    for words in (
        "Buy milk",
        "Buy oats",
        "Buy rye",
        "Completed",
        "24 Dec",
        "#x #y",
        "some notes",
        "Deleted",
        "Restored",
        "Use this again",
        "Now",
        "Replaced by a later change",
    ):
        assert words in said


async def test_what_waits_is_in_it(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    item = one()
    await store.add([item])
    edit = change_of(ItemEdited, item.id, item="Buy oats")
    await queue.publish(edit, id=edit.change)

    html = (await client.get(f"/items/{item.id}")).text

    assert field_of(html, "item") == "Buy oats"
    assert "Accepted, waiting to be saved" in text_of(html, "history")


async def test_one_that_waits_to_be_added(client: httpx.AsyncClient, queue: MessageQueue) -> None:
    item = one()
    await publish(queue, item)

    response = await client.get(f"/items/{item.id}")

    assert response.status_code == 200
    assert "Accepted, waiting to be saved" in response.text


async def test_one_that_was_deleted_offers_to_be_restored(
    client: httpx.AsyncClient, store: Store
) -> None:
    item = one()
    await store.add([item])
    await store.apply([change_of(ItemRemoved, item.id)])

    html = (await client.get(f"/items/{item.id}")).text

    assert "It can be restored" in html
    assert f'formaction="/items/{item.id}/restore"' in html
    assert 'action="/items/{item.id}/save"' not in html


@pytest.mark.parametrize("item_id", ["nobody", "x" * 65, "%00"])
async def test_one_that_never_was(client: httpx.AsyncClient, item_id: str) -> None:
    assert (await client.get(f"/items/{item_id}")).status_code == 404


@pytest.mark.parametrize("item_id", ["a/b?c#d", "'\"<b>&", "complete", "é 家"])
async def test_any_id_leads_to_its_item(
    client: httpx.AsyncClient, store: Store, item_id: str
) -> None:
    await store.add([one(id=item_id)])
    html = (await client.get("/")).text
    address = re.search(r'class="text"[^>]* href="([^"]+)"', html)
    assert address is not None

    page = await client.get(unescape(address[1]))

    assert page.status_code == 200
    assert field_of(page.text, "item") == "Buy milk"
    response = await client.post(f"{unescape(address[1])}/complete")
    assert response.status_code == 303


async def test_the_database_is_down(
    queue: MessageQueue, missing_store: Store, settings: Settings
) -> None:
    async with client_of(create_app(queue, missing_store, settings)) as client:
        response = await client.get("/items/nobody")

    assert response.status_code == 503
    assert "retry-after" in response.headers


@pytest.mark.parametrize("verb", ["save", "edit", "notes"])
async def test_what_is_written_of_a_removed_item_is_kept_and_brings_it_back(
    verb: str, client: httpx.AsyncClient, store: Store
) -> None:
    item = one(notes="two litres")
    await store.add([item])
    sent = form_fields((await client.get(f"/items/{item.id}")).text)
    await store.apply([change_of(ItemRemoved, item.id)])
    sent |= {"item": "Buy <oat> milk", "notes": "three\nlitres"}

    again = await client.post(f"/items/{item.id}/{verb}", data=sent)

    assert again.status_code == 404
    assert "meanwhile this item was deleted" in text_of(again.text, "error")
    shown = form_fields(again.text)
    assert (shown["item"], shown["notes"]) == (sent["item"], sent["notes"])
    assert "Restore and save" in again.text
    assert 'formaction="' not in again.text
    broken = await client.post(f"/items/{item.id}/save", data=shown | {"item": " "})
    assert broken.status_code == 422
    assert form_fields(broken.text)["notes"] == sent["notes"]
    accepted = await client.post(f"/items/{item.id}/save", data=form_fields(again.text))
    assert accepted.status_code == 303
    page = (await client.get(accepted.headers["location"])).text
    assert "Restored" in page
    now = form_fields(page)
    assert (now["item"], now["notes"]) == (sent["item"], sent["notes"])
    assert "removed" not in now


async def test_a_removed_item_that_was_saved_can_be_taken_back_at_once(
    client: httpx.AsyncClient, store: Store
) -> None:
    item = one(tags=("home",), notes="two litres")
    await store.add([item])
    await store.apply([change_of(ItemRemoved, item.id)])
    asks = {"Accept": "application/json"}
    place = f"/items/{item.id}/save"
    fields = {"tags": "shop", "notes": "three", "removed": "no"}

    told = (await client.post(place, data=fields, headers=asks)).json()

    assert set(told["changes"]) == {"removed", "tags", "notes"}
    undo = told["undo"]
    assert undo["fields"] == {"tags": "home", "notes": "two litres", "removed": "yes"}
    assert (await client.get(f"/items/{item.id}")).text.count("three") > 0
    await client.post(undo["url"], data=undo["fields"], headers=asks)
    assert "This item was deleted" in (await client.get(f"/items/{item.id}")).text
    gone = await client.post(place, data={"notes": "x"}, headers=asks)
    assert gone.status_code == 404
