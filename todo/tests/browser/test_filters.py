"""Search while typing, the states, tags and orders, all in the address; and thousands of items."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import Page, expect

from .conftest import MARKS, Running, saving
from .support import add, keep, live, made, row_of

pytestmark = MARKS


async def test_search_while_typing(running: Running, page: Page) -> None:
    await keep(running.store, "Buy milk", "Buy bread", "Milk the cow", "Call mum")
    await page.goto(running.web)
    await live(page)
    search = page.get_by_role("searchbox", name="Search")
    await search.press_sequentially("milk")
    await expect(page.locator("#items .text")).to_have_text(["Milk the cow", "Buy milk"])
    await expect(page).to_have_url(f"{running.web}/?q=milk")
    await expect(page.locator("#summary")).to_contain_text("2 items found")
    await search.press_sequentially(" bu")
    await expect(page.locator("#items .text")).to_have_text(["Buy milk"])
    await search.press_sequentially("x")
    await expect(page.get_by_text("Nothing found")).to_be_visible()
    await page.go_back()
    await expect(page.locator("#items .text")).to_have_count(4)
    await expect(search).to_have_value("")
    await page.go_forward()
    await expect(page.get_by_text("Nothing found")).to_be_visible()

    await page.goto(f"{running.web}/?q=bread")
    await live(page)
    await expect(page.locator("#items .text")).to_have_text(["Buy bread"])
    await page.get_by_role("link", name="Show all items").click()
    await expect(page.locator("#items .text")).to_have_count(4)
    await expect(page).to_have_url(f"{running.web}/")


async def test_states_tags_and_orders(running: Running, page: Page) -> None:
    later = str((datetime.now(UTC) + timedelta(days=9)).date())
    items = [
        made("b", 0, tags=("home",)),
        made("c", 1, tags=("home", "garden")),
        made("a", 2, due=later),
        made("d", 3, done=True),
    ]
    await running.store.add(items)
    await page.goto(running.web)
    await live(page)
    shown = page.locator("#items .text")
    await expect(shown).to_have_text(["d", "a", "c", "b"])
    states = page.get_by_role("navigation", name="Which items")
    await states.get_by_role("link", name="Done").click()
    await expect(shown).to_have_text(["d"])
    await expect(page.get_by_role("heading", name="Done", level=1)).to_be_visible()
    await states.get_by_role("link", name="Active").click()
    await expect(page).to_have_url(f"{running.web}/?status=active")
    await expect(shown).to_have_text(["a", "c", "b"])
    await page.get_by_role("list", name="Tags").get_by_role("link", name="#home").click()
    await expect(shown).to_have_text(["c", "b"])
    await expect(page).to_have_url(f"{running.web}/?status=active&tag=home")
    await row_of(page, "c").get_by_role("link", name="#garden").click()
    await expect(shown).to_have_text(["c"])

    await page.goto(f"{running.web}/?sort=item")
    await live(page)
    await expect(shown).to_have_text(["a", "b", "c", "d"])
    await page.get_by_role("combobox", name="Sort by").select_option("due")
    await expect(shown.first).to_have_text("a")
    await expect(page).to_have_url(f"{running.web}/?sort=due")


async def test_what_no_longer_belongs_there_leaves(running: Running, page: Page) -> None:
    await keep(running.store, "one", "two")
    async with saving(running):
        await page.goto(f"{running.web}/?status=active")
        await live(page)
        await row_of(page, "two").get_by_role("checkbox").click()
        await expect(page.locator("#items .text")).to_have_text(["one"])
        await expect(row_of(page, "one").get_by_role("checkbox")).to_be_focused()
        await page.get_by_role("link", name="Done").click()
        await expect(page.locator("#items .text")).to_have_text(["two"])
        await page.get_by_label("What is to be done?").fill("three")
        await page.keyboard.press("Enter")
        await expect(
            page.get_by_text("Added “three”, which this view does not show.")
        ).to_be_visible()


async def test_more_items_come_while_scrolling(running: Running, page: Page) -> None:
    items = await keep(running.store, *(f"item {number}" for number in range(300)))
    await page.goto(running.web)
    await live(page)
    shown = page.locator("#items .item")
    count = await shown.count()
    assert count < 200
    new = await add(running.queue, "meanwhile")
    await expect(page.locator(f"#item-{new.id}")).to_be_visible()
    while count < 301:
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        await expect(shown).not_to_have_count(count)
        count = await shown.count()
    assert await page.locator("#items .text").all_text_contents() == [
        "meanwhile",
        *(item.item for item in reversed(items)),
    ]
    await expect(page.get_by_role("link", name="More items")).to_be_hidden()
