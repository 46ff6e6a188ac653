"""The list page: what is saved, what waits, and what cannot be read now."""

from __future__ import annotations

import re

import httpx

from dovetail import MessageQueue
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app

from .support import Row, client_of, items, publish, rows, text_of


async def test_nothing_to_do(client: httpx.AsyncClient) -> None:
    response = await client.get("/list")

    assert response.status_code == 200
    assert "Nothing to do yet" in text_of(response.text, "empty")
    assert text_of(response.text, "summary") == "0 saved"


async def test_newest_first_and_waiting_ones_marked(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    first, second, third, fourth = items("first", "second", "third", "fourth")
    await store.add([first, second])
    # The second was saved and is not acked yet: it must not stand there twice.
    await publish(queue, second, third, fourth)

    html = (await client.get("/list")).text

    assert rows(html) == [
        Row("fourth", waiting=True),
        Row("third", waiting=True),
        Row("second", waiting=False),
        Row("first", waiting=False),
    ]
    assert text_of(html, "summary") == "2 saved · 2 waiting to be saved"
    assert 'id="poll"' in html


async def test_text_is_only_ever_text(client: httpx.AsyncClient, store: Store) -> None:
    texts = ["<b>&amp;</b>", "</span><script>alert(1)</script>", '" onload="x', "{{ 7 * 7 }}"]
    await store.add(items(*texts))

    html = (await client.get("/list")).text

    assert [row.text for row in rows(html)] == texts[::-1]
    assert "<script>alert" not in html
    assert "<b>" not in html


async def test_page_by_page_back_and_forth(client: httpx.AsyncClient, store: Store) -> None:
    await store.add(items(*(str(number) for number in range(120))))
    seen: list[str] = []
    address = "/list"

    while True:
        html = (await client.get(address)).text
        assert text_of(html, "summary").startswith("120 saved")
        assert ("Newest items" in html) == (address != "/list")
        seen += [row.text for row in rows(html)]
        older = re.search(r'<a href="([^"]+)" rel="next">', html)
        if older is None:
            break
        address = older[1]

    assert seen == [str(number) for number in reversed(range(120))]


async def test_waiting_items_stand_on_the_first_page_only(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    saved = items(*(str(number) for number in range(51)))
    await store.add(saved)
    await publish(queue, *items("waiting"))

    assert rows((await client.get("/list")).text)[0] == Row("waiting", waiting=True)
    older = (await client.get(f"/list?before={saved[1].id}")).text
    assert rows(older) == [Row("0", waiting=False)]


async def test_an_address_that_leads_nowhere_shows_the_newest(
    client: httpx.AsyncClient, store: Store
) -> None:
    await store.add(items("one"))

    for before in ("", "7", "%00", "x" * 500):
        response = await client.get(f"/list?before={before}")
        assert rows(response.text) == [Row("one", waiting=False)]


async def test_many_waiting_before_any_handler_was_started(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    await publish(queue, *items(*(str(number) for number in range(130))))

    html = (await client.get("/list")).text

    assert text_of(html, "summary") == "0 saved · 100+ waiting to be saved"
    assert len(rows(html)) == 100
    assert rows(html)[-1] == Row("0", waiting=True)
    assert "100 that waited longest" in text_of(html, "more-waiting")


async def test_what_is_no_item_does_not_break_the_page(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    await queue.publish_raw("events.todo.newitem", b"not even JSON")
    await queue.publish_raw("events.todo.newitem", b'{"item": 7}')
    await publish(queue, *items("milk"))

    assert rows((await client.get("/list")).text) == [Row("milk", waiting=True)]


async def test_database_down_then_back(
    queue: MessageQueue, missing_store: Store, settings: Settings
) -> None:
    async with client_of(create_app(queue, missing_store, settings)) as client:
        assert (await client.post("/new", data={"item": "Buy milk"})).status_code == 303

        page = await client.get("/list")
        assert page.status_code == 200
        assert "cannot be read now" in text_of(page.text, "database-trouble")
        assert rows(page.text) == [Row("Buy milk", waiting=True)]
        assert text_of(page.text, "summary") == "1 waiting to be saved"
        home = (await client.get("/")).text
        assert (text_of(home, "saved"), text_of(home, "waiting")) == ("unknown", "1")

        await missing_store.prepare()
        page = await client.get("/list")
        assert "database-trouble" not in page.text
        assert text_of(page.text, "summary") == "0 saved · 1 waiting to be saved"


async def test_home_counts(client: httpx.AsyncClient, queue: MessageQueue, store: Store) -> None:
    await store.add(items(*(str(number) for number in range(1200))))
    await publish(queue, *items("a", "b"))

    html = (await client.get("/")).text

    assert text_of(html, "saved") == "1,200"
    assert text_of(html, "waiting") == "2"
