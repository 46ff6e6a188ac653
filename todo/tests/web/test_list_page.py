"""The list: what is saved, what waits, what was asked for, and what cannot be read now."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from urllib.parse import quote

import httpx
import msgspec
import pytest

from dovetail import MessageQueue
from todo.changes import change_of
from todo.events import (
    Change,
    ItemCompleted,
    ItemMoved,
    ItemRemoved,
    ItemReopened,
    ItemRestored,
    ItemTagged,
)
from todo.items import Item
from todo.positions import between, position_of
from todo.settings import Settings
from todo.store import Store
from todo.web import list_contents
from todo.web.app import create_app

from .support import Row, client_of, items, publish, rows, text_of


def today() -> date:
    """The reader's, who is here."""
    return date.today()  # noqa: DTZ011


async def publish_changes(queue: MessageQueue, *changes: Change) -> None:
    """Accept changes without saving them."""
    for change in changes:
        await queue.publish(change, id=change.change)


async def texts(client: httpx.AsyncClient, address: str = "/") -> list[str]:
    """What a page shows, from the top."""
    return [row.text for row in rows((await client.get(address)).text)]


def with_fields(item: Item, **fields: object) -> Item:
    return msgspec.structs.replace(item, **fields)


@pytest.mark.parametrize("address", ["/", "/list"])
async def test_nothing_to_do(client: httpx.AsyncClient, address: str) -> None:
    response = await client.get(address)

    assert response.status_code == 200
    assert "Nothing to do yet" in text_of(response.text, "empty")
    assert text_of(response.text, "left") == "0 items left"


async def test_newest_first_and_waiting_ones_marked(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    first, second, third, fourth = items("first", "second", "third", "fourth")
    await store.add([first, second])
    # The second was saved and is not acked yet: it must not stand there twice.
    await publish(queue, second, third, fourth)

    html = (await client.get("/")).text

    assert rows(html) == [
        Row("fourth", waiting=True),
        Row("third", waiting=True),
        Row("second", waiting=False),
        Row("first", waiting=False),
    ]
    assert text_of(html, "left") == "4 items left"
    assert "Accepted, waiting to be saved" in html


async def test_text_is_only_ever_text(client: httpx.AsyncClient, store: Store) -> None:
    wild = ["<b>&amp;</b>", "</a><script>alert(1)</script>", '" onload="x', "{{ 7 * 7 }}"]
    await store.add([with_fields(item, notes=item.item, tags=("<i>",)) for item in items(*wild)])

    html = (await client.get("/")).text

    assert [row.text for row in rows(html)] == wild[::-1]
    assert "<script>alert" not in html
    assert "<b>" not in html
    assert "<i>" not in html


async def test_page_by_page(client: httpx.AsyncClient, store: Store, queue: MessageQueue) -> None:
    *saved, waiting = items(*(str(number) for number in range(120)), "waiting")
    await store.add(saved)
    await publish(queue, waiting)
    seen: list[str] = []
    address = "/"

    while True:
        html = (await client.get(address)).text
        assert ("Back to the top" in html) == (address != "/")
        seen += [row.text for row in rows(html)]
        following = re.search(r'id="more" rel="next" href="([^"]+)">', html)
        if following is None:
            break
        address = unescape(following[1])

    assert seen == ["waiting", *(str(number) for number in reversed(range(120)))]


@pytest.mark.parametrize("query", ["after=7", "after=%00", f"after={'x' * 600}", "sort=x&status=y"])
async def test_an_address_that_leads_nowhere_shows_the_top(
    client: httpx.AsyncClient, store: Store, query: str
) -> None:
    await store.add(items("one"))

    assert await texts(client, f"/?{query}") == ["one"]


async def test_what_is_due_stands_on_top_and_is_marked(
    client: httpx.AsyncClient, store: Store
) -> None:
    late, now_due, later, done, plain = items("late", "today", "later", "done", "plain")
    day = today()
    yesterday = str(day - timedelta(days=1))
    await store.add(
        [
            with_fields(late, due=yesterday),
            with_fields(now_due, due=str(day)),
            with_fields(later, due=str(day + timedelta(days=1))),
            with_fields(done, due=yesterday, done=True),
            plain,
        ]
    )

    html = (await client.get("/")).text

    now, rest = html.split('id="rest"')
    assert [row.text for row in rows(now)] == ["late", "today"]
    assert [row.text for row in rows(rest)] == ["plain", "done", "later"]
    assert re.search('class="due late"[^>]*>Overdue: Yesterday<', now)
    assert re.search('class="due late"[^>]*>Yesterday<', rest), "what is done is not overdue"
    assert re.search('class="due today"[^>]*>Today<', html)
    assert re.search('class="due"[^>]*>Tomorrow<', html)
    assert await texts(client, "/?status=done") == ["done"]


async def test_filters_and_orders_are_in_the_address(
    client: httpx.AsyncClient, store: Store
) -> None:
    milk, bread, read = items("Buy milk", "buy bread", "Read")
    await store.add(
        [
            with_fields(milk, tags=("Shop", "家"), due="2099-01-02"),
            with_fields(bread, tags=("shop",), due="2099-01-01", done=True),
            with_fields(read, notes="about MILK & honey"),
        ]
    )

    assert await texts(client, "/?status=active") == ["Read", "Buy milk"]
    assert await texts(client, "/?status=done") == ["buy bread"]
    assert await texts(client, "/?tag=SHOP") == ["buy bread", "Buy milk"]
    assert await texts(client, f"/?tag={quote('家')}") == ["Buy milk"]
    assert await texts(client, "/?q=milk") == ["Read", "Buy milk"]
    assert await texts(client, "/?q=milk+buy&status=active") == ["Buy milk"]
    assert await texts(client, "/?sort=due") == ["buy bread", "Buy milk", "Read"]
    assert await texts(client, "/?sort=-added") == ["Read", "buy bread", "Buy milk"]
    html = (await client.get("/?status=active&tag=shop&q=a%22b")).text
    assert "Nothing found" in text_of(html, "empty")
    for link in ('href="/?status=done&amp;q=a%22b&amp;tag=shop"', 'href="/?status=active"'):
        assert link in html


async def test_one_reads_ones_own_changes_before_they_are_saved(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    first, second, third, gone = items("first", "second", "third", "gone")
    await store.add([first, with_fields(second, done=True), third, gone])
    await store.apply([removal := change_of(ItemRemoved, gone.id)])
    top = between(position_of(gone), None)
    await publish_changes(
        queue,
        change_of(ItemCompleted, first.id),
        change_of(ItemReopened, second.id),
        change_of(ItemRemoved, third.id),
        change_of(ItemMoved, first.id, position=top),
        change_of(ItemRestored, gone.id, after=removal.change),
    )

    html = (await client.get("/")).text
    assert rows(html) == [
        Row("first", waiting=True),
        Row("gone", waiting=True),
        Row("second", waiting=True),
    ]
    assert text_of(html, "left") == "2 items left"
    assert "5 changes are accepted and safe" in text_of(html, "waiting")
    assert await texts(client, "/?status=done") == ["first"]
    assert await texts(client, "/?status=active") == ["gone", "second"]


async def test_what_was_moved_beyond_the_page_is_on_the_next(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_contents, "PAGE_SIZE", 2)
    one, two, three = items("one", "two", "three")
    await store.add([one, two, three])
    await publish_changes(
        queue, change_of(ItemMoved, one.id, position=between(position_of(three), None))
    )

    assert await texts(client) == ["one", "three", "two"]


async def test_what_is_due_and_changes_stays_on_top_of_the_first_page(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_contents, "PAGE_SIZE", 2)
    due, *others = items("due", "a", "b", "c")
    await store.add([with_fields(due, due=str(today())), *others])
    await publish_changes(queue, change_of(ItemTagged, due.id, tags=("x",)))

    html = (await client.get("/")).text
    assert [row.text for row in rows(html)] == ["due", "c", "b"]
    following = re.search(r'id="more" rel="next" href="([^"]+)">', html)
    assert following is not None
    assert await texts(client, unescape(following[1])) == ["a"]


async def test_many_waiting_before_any_handler_was_started(
    client: httpx.AsyncClient, queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_contents, "MOST_WAITING", 100)
    await publish(queue, *items(*(str(number) for number in range(130))))

    html = (await client.get("/")).text

    assert len(rows(html)) == 100
    assert rows(html)[-1] == Row("0", waiting=True)
    assert "At least 100 changes" in text_of(html, "waiting")


async def test_what_is_no_event_does_not_break_the_page(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    await queue.publish_raw("events.todo.newitem", b"not even JSON")
    await queue.publish_raw("events.todo.newitem", b'{"item": 7}')
    await queue.publish_raw("events.todo.item.edited", b'{"id": 7}')
    await publish(queue, *items("milk"))

    assert rows((await client.get("/")).text) == [Row("milk", waiting=True)]


async def test_database_down_then_back(
    queue: MessageQueue, missing_store: Store, settings: Settings
) -> None:
    async with client_of(create_app(queue, missing_store, settings)) as client:
        assert (await client.post("/new", data={"item": "Buy milk"})).status_code == 303

        page = await client.get("/")
        assert page.status_code == 200
        assert "cannot be read now" in text_of(page.text, "trouble")
        assert rows(page.text) == [Row("Buy milk", waiting=True)]

        await missing_store.prepare()
        page = await client.get("/")
        assert 'id="trouble"' not in page.text
        assert text_of(page.text, "left") == "1 item left"


@pytest.mark.parametrize(("accepted", "packed"), [("gzip, br", True), ("identity", False)])
async def test_a_long_list_is_sent_packed_to_whoever_can_read_that(
    client: httpx.AsyncClient, store: Store, accepted: str, packed: bool
) -> None:
    await store.add(items(*(f"Item {number}" for number in range(50))))

    response = await client.get("/", headers={"Accept-Encoding": accepted})

    assert (response.headers.get("content-encoding") == "gzip") == packed
    assert len(rows(response.text)) == 50
    if packed:
        assert int(response.headers["content-length"]) < len(response.content) / 5
