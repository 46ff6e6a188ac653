"""Features that are added to what runs, each in a process of its own: search, calendar, webhooks."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import msgspec
import pytest
from icalendar import Calendar

from dovetail import MessageQueue, NoAnswer, connect, new_id
from dovetail.embedded import running
from todo.changes import change_of
from todo.events import ItemDue, NewItem, SearchItems
from todo.items import Item, items_of

from ..webhooks.receiver import plainly, receiving  # noqa: TID252 - tests have no absolute names
from .commands import PATIENCE_SECONDS, Command
from .conftest import Todo
from .support import RUNS

WRONG = 2
SECRET = "abcdefghijklmnopqrstuvwxyz"


def _queue(folder: Path) -> MessageQueue:
    """That of the `todo up` that runs in the folder."""
    url = running(folder / "data")
    assert url is not None
    return connect(url)


async def _until(ask: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await ask():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.02)


async def _added(up: Command, queue: MessageQueue, *texts: str) -> list[Item]:
    """Saved by the save-handler that runs there."""
    items = items_of(texts, new_id())
    await queue.publish_many([NewItem(item) for item in items], ids=[item.id for item in items])
    for item in items:
        await up.said(item.id, times=2)  # received, saved
    return items


async def test_the_search_handler_comes_and_goes(
    todo_command: Todo, tmp_path: Path, database_url: str
) -> None:
    up = await todo_command("up", "--only", "queue,save-handler", DATABASE_URL=database_url)
    await up.said(RUNS)
    async with _queue(tmp_path) as queue:

        async def finds(count: int) -> bool:
            return len((await queue.request(SearchItems("mil", 10), timeout=5)).ids or ()) == count

        await _added(up, queue, "buy milk", "Brot kaufen", "drink milk")
        handler = await todo_command("run", "search-handler", DATABASE_URL=database_url)
        await handler.said("presence listens")
        await _until(lambda: finds(2))
        await _added(up, queue, "spill milk")
        await _until(lambda: finds(3))
        handler.process.send_signal(signal.SIGKILL)
        await handler.ended()
        with pytest.raises(NoAnswer):
            await queue.request(SearchItems("mil", 10), timeout=0.5)
        await _added(up, queue, "milk for tea")
        again = await todo_command("run", "search-handler", DATABASE_URL=database_url)
        await again.said("presence listens")
        await _until(lambda: finds(4))
        assert await again.stop() == 0
    for command in (up, handler, again):
        assert "Traceback" not in command.text


async def test_the_calendar_comes_and_goes(
    todo_command: Todo, settings: dict[str, str], tmp_path: Path
) -> None:
    up = await todo_command("up", "--only", "queue,web,save-handler", CALENDAR__SECRET=SECRET)
    await up.said(RUNS)
    place = f"http://127.0.0.1:{settings['WEB_PORT']}/calendar/{SECRET}/todo.ics"
    async with _queue(tmp_path) as queue, httpx.AsyncClient(timeout=10) as client:
        (item,) = await _added(up, queue, "buy milk")
        change = change_of(ItemDue, item.id, due="2026-12-03")
        await queue.publish(change, id=change.change)
        away = await client.get(place)
        assert away.status_code == 503
        handler = await todo_command("run", "calendar-handler")
        await handler.said("presence listens")

        async def shows_it() -> bool:
            found = await client.get(place)
            return found.status_code == 200 and len(Calendar.from_ical(found.text).events) == 1

        await _until(shows_it)
        assert await handler.stop() == 0
        assert (await client.get(place)).status_code == 503
    assert SECRET not in up.text + handler.text
    assert "Traceback" not in up.text + handler.text


@pytest.mark.slow  # the message of the killed handler comes again when its lease of 15 s ends
async def test_the_webhook_handler_comes_and_goes_and_loses_nothing(
    todo_command: Todo, tmp_path: Path
) -> None:
    up = await todo_command("up", "--only", "queue,save-handler")
    await up.said(RUNS)
    async with _queue(tmp_path) as queue, receiving() as receiver:
        target = {"url": receiver.url, "subjects": ["events.todo.newitem"]}
        settings = {
            "WEBHOOK_HANDLER__TARGETS": msgspec.json.encode([target]).decode(),
            "WEBHOOK_HANDLER__PRIVATE_ADDRESSES": "true",
        }
        handler = await todo_command("run", "webhook-handler", **settings)
        await handler.said("presence listens")
        receiver.answer = lambda number: plainly(204) if number < 3 else None
        items = await _added(up, queue, *(f"item {number}" for number in range(20)))
        await receiver.number(4)
        handler.process.send_signal(signal.SIGKILL)
        await handler.ended()
        receiver.answer = lambda _: plainly(204)
        items += await _added(up, queue, "while it was away")
        again = await todo_command("run", "webhook-handler", **settings)

        async def has_all() -> bool:
            got = {msgspec.json.decode(one.body)["id"] for one in receiver.got}
            return got == {item.id for item in items}

        await _until(has_all)
        assert await again.stop() == 0
    for command in (up, handler, again):
        assert "Traceback" not in command.text
        assert "hidden" not in command.text


async def test_a_webhook_that_is_set_wrongly_ends_it_with_one_line(todo_command: Todo) -> None:
    for targets, said in (
        ("", "nothing is set"),
        ("[{}]", "missing required field `url`"),
        ('[{"url": "https://example.org/hidden", "secret": "whsec_hidden"}]', "24 to 64 bytes"),
        ('[{"url": "https://10.0.0.1/hidden"}]', "is a private address"),
        ('[{"url": "http://example.org/hidden"}]', "has no encryption"),
    ):
        command = await todo_command("run", "webhook-handler", WEBHOOK_HANDLER__TARGETS=targets)
        assert await command.ended() == WRONG
        (line,) = command.lines
        assert line.startswith("TODO_WEBHOOK_HANDLER__TARGETS: ")
        assert said in line
        assert "hidden" not in line
