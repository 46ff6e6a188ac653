"""What the walk-through shows on the pages, in a real browser in front of the real commands."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from ..browser.conftest import MARKS, browser, page  # noqa: TID252 - tests have no absolute names
from ..system.application import Application  # noqa: TID252

__all__ = ["browser", "page"]

pytestmark = MARKS

#: Milliseconds for an event to come all the way to the page, on a busy machine.
SOON = 20_000
#: Rows of what is on its way.
UNSAVED = '#items .item:not([data-state="saved"])'
#: What the page says of many of them.
WAITING = re.compile(r"\d\d changes are accepted")
#: Items that are added to a handler that saves one in two seconds, and the seconds that adding may take.
ITEMS, FAST = 50, 1.0


@pytest_asyncio.fixture(loop_scope="session")
async def app(tmp_path: Path) -> AsyncIterator[Application]:
    async with Application(tmp_path) as application:
        yield application


async def _add(page: Page, app: Application, text: str) -> None:
    await page.goto(f"{app.web_url}/new")
    await page.get_by_label("What is to be done?").fill(text)
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.locator("#notice")).to_contain_text(f"Added “{text}”")


async def _open_list(page: Page, app: Application) -> None:
    """Open it, and wait until it is kept up to date; `_was_not_reloaded` tells about this very page."""
    await page.goto(app.web_url)
    await expect(page.get_by_text("Updates by itself")).to_be_visible()
    await page.evaluate("window.loadedOnce = true")


async def _was_not_reloaded(page: Page) -> bool:
    return bool(await page.evaluate("window.loadedOnce === true"))


def _saved(app: Application) -> int:
    """Items in the database, as the database says."""
    database = sqlite3.connect(f"file:{app.folder / 'data' / 'todo.db'}?mode=ro", uri=True)
    try:
        count: int = database.execute("SELECT count(*) FROM todos").fetchone()[0]
        return count
    finally:
        database.close()


@pytest.mark.slow  # starts the whole application in a browser
async def test_items_wait_without_a_handler_and_are_saved_once_there_is_one(
    app: Application, page: Page
) -> None:
    """Exercises 4 and 6."""
    up = await app.up("--only", "queue,web")
    await up.line("connected to the database")
    for text in ("Buy milk", "Call Ann"):
        await _add(page, app, text)
    await _open_list(page, app)
    await expect(page.locator("#items .text")).to_have_text(["Call Ann", "Buy milk"])
    await expect(page.locator(UNSAVED)).to_have_count(2)
    await expect(page.locator("#banner")).to_contain_text("2 changes are accepted", timeout=SOON)
    assert _saved(app) == 0

    await app.start("todo", "run", "save-handler")

    await expect(page.locator(UNSAVED)).to_have_count(0, timeout=SOON)
    await expect(page.locator("#items .text")).to_have_text(["Call Ann", "Buy milk"])
    assert await _was_not_reloaded(page)
    assert _saved(app) == 2


async def test_an_item_of_the_api_appears_on_the_open_page(app: Application, page: Page) -> None:
    """Exercise 9."""
    await app.up("--with", "audit-handler")
    await _open_list(page, app)

    assert (await app.add("Record promo video")).status_code == 202

    await expect(page.locator("#items .text")).to_have_text("Record promo video", timeout=SOON)
    await expect(page.locator(UNSAVED)).to_have_count(0, timeout=SOON)
    await app.processes[0].line(": Record promo video")
    assert await _was_not_reloaded(page)


@pytest.mark.slow  # starts the whole application in a browser
async def test_the_page_stays_fast_while_work_piles_up(app: Application, page: Page) -> None:
    """Exercise 10."""
    await app.start("todo", "up", SAVE_HANDLER__DELAY="2", SAVE_HANDLER__BATCH="1")
    await app.until(lambda: app.answers(f"{app.web_url}/health"))
    taken = []
    for number in range(ITEMS):
        began = time.monotonic()
        answer = await app.http.post(f"{app.web_url}/new", data={"item": f"Item {number}"})
        taken.append(time.monotonic() - began)
        assert answer.status_code == 303
    assert max(taken) < FAST, sorted(taken)[-5:]
    await _add(page, app, "One more")
    await _open_list(page, app)
    await expect(page.locator("#banner")).to_contain_text(WAITING, timeout=SOON)


async def test_saved_text_is_amended_on_the_open_page(app: Application, page: Page) -> None:
    """Exercise 14."""
    up = await app.up()
    await up.line("save-handler listens on events.todo.newitem")
    await _open_list(page, app)

    wrong = await app.start("todo", "run", "mutating-handler", QUEUE_URL="nats:/localhost:4222")
    assert await wrong.wait() == 2
    assert wrong.output.startswith("TODO_QUEUE_URL: ")
    assert len(wrong.lines) == 1

    mutating = await app.start("todo", "run", "mutating-handler", QUEUE_URL=app.queue_url)
    await mutating.line("mutating-handler listens on events.todo.itemsaved")
    await app.add("Rehearse -> record")

    await expect(page.locator("#items .text")).to_have_text("Rehearse → record", timeout=SOON)
    await expect(page.locator("#left")).to_have_text("1 item left")
    assert await _was_not_reloaded(page)
