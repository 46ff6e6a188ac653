"""An open list is kept up to date, in a real browser."""

from __future__ import annotations

import httpx
from playwright.async_api import Browser, Page, expect

from dovetail import Group, Worker
from todo.events import ItemAmended, ItemSaved
from todo.items import Item

from .conftest import MARKS, Running, saving
from .support import live

pytestmark = MARKS


async def _add(running: Running, text: str) -> str:
    async with httpx.AsyncClient() as client:
        response = await client.post(f"{running.api}/todo", json={"item": text})
    assert response.status_code == 202, response.text
    added: str = response.json()["id"]
    return added


async def test_an_item_of_the_api_appears_and_is_saved(running: Running, page: Page) -> None:
    await page.goto(f"{running.web}/list")
    await live(page)
    await page.evaluate("window.loadedOnce = true")

    added = await _add(running, "Record promo video")
    row = page.locator(f"#item-{added}")
    await expect(row.locator(".text")).to_have_text("Record promo video")
    await expect(row).to_have_attribute("data-state", "accepted")

    async with saving(running):
        await expect(row).to_have_attribute("data-state", "saved")
        await expect(row.locator(".mark")).to_be_empty()
        await expect(row).to_have_count(1)
    assert await page.evaluate("window.loadedOnce")


async def test_amended_text_replaces_the_old(running: Running, page: Page) -> None:
    amending = Group("mutating-handler")

    @amending.on(ItemSaved)
    async def amend(event: ItemSaved) -> ItemAmended | None:
        item: Item | None = await running.store.amend(event.item.id, str.upper)
        return ItemAmended(item) if item else None

    await page.goto(f"{running.web}/list")
    await live(page)
    added = await _add(running, "buy milk")
    text = page.locator(f"#item-{added} .text")
    await expect(text).to_have_text("buy milk")

    async with saving(running), Worker(running.queue, [amending]):
        await expect(text).to_have_text("BUY MILK")


async def test_newest_on_top_and_rows_stay_the_same(running: Running, page: Page) -> None:
    await page.goto(f"{running.web}/list")
    await live(page)
    first = await _add(running, "first")
    await expect(page.locator(f"#item-{first}")).to_be_visible()
    await page.evaluate(f"document.getElementById('item-{first}').mark = 'kept'")

    second = await _add(running, "second")

    await expect(page.locator("#items .text")).to_have_text(["second", "first"])
    assert await page.evaluate(f"document.getElementById('item-{first}').mark") == "kept"
    assert await page.locator(f"#item-{second}").count() == 1


async def test_it_counts_by_itself(running: Running, page: Page) -> None:
    await page.goto(running.web)
    await live(page)
    await expect(page.locator("#left")).to_have_text("0 items left")
    async with saving(running):
        await _add(running, "one")
        await expect(page.locator("#left")).to_have_text("1 item left")


async def test_two_pages_at_once(running: Running, page: Page, browser: Browser) -> None:
    other = await (await browser.new_context()).new_page()
    for one in (page, other):
        await one.goto(f"{running.web}/list")

    await _add(running, "for both")

    for one in (page, other):
        await expect(one.locator("#items .text")).to_have_text("for both")
    await other.context.close()
