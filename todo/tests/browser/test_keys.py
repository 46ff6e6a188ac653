"""Keys: a whole pass by keyboard alone, never in a field, and not where they are switched off."""

from __future__ import annotations

from playwright.async_api import Page, expect

from .conftest import MARKS, Running, saving
from .support import keep, live, row_of

pytestmark = MARKS


async def test_by_keyboard_alone(running: Running, page: Page) -> None:
    await keep(running.store, "one", "two", "three")
    press, texts = page.keyboard.press, page.locator("#items .text")
    async with saving(running):
        await page.goto(running.web)
        await live(page)
        # In the field they are letters.
        await page.keyboard.type("xjk?")
        await expect(page.get_by_label("What is to be done?")).to_have_value("xjk?")
        await press("Enter")
        await expect(texts).to_have_text(["xjk?", "three", "two", "one"])
        await press("Escape")
        await press("j")
        await press("j")
        await expect(row_of(page, "three").get_by_role("checkbox")).to_be_focused()
        await press("k")
        await press("Delete")
        await expect(texts).to_have_text(["three", "two", "one"])
        await press("j")
        await press("x")
        await expect(row_of(page, "two").get_by_role("checkbox")).to_be_checked()
        await press("u")
        await expect(row_of(page, "two").get_by_role("checkbox")).not_to_be_checked()
        await press("e")
        await page.keyboard.type(" more")
        await press("Enter")
        await expect(texts).to_have_text(["three", "two more", "one"])
        await press("d")
        await expect(page.get_by_label("Due date", exact=True)).to_be_focused()
        await press("Escape")
        await expect(row_of(page, "two more").get_by_role("checkbox")).to_be_focused()
        await press("Alt+ArrowDown")
        await expect(texts).to_have_text(["three", "one", "two more"])
        await press("/")
        await expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
        await page.keyboard.type("one")
        await expect(texts).to_have_text(["one"])
        await press("Escape")
        await expect(texts).to_have_text(["three", "one", "two more"])
        await press("Escape")
        await press("n")
        await expect(page.get_by_label("What is to be done?")).to_be_focused()


async def test_they_can_be_switched_off(running: Running, page: Page) -> None:
    await keep(running.store, "one")
    await page.goto(running.web)
    await live(page)
    box = row_of(page, "one").get_by_role("checkbox")
    await box.focus()
    await page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(dialog).to_be_visible()
    await dialog.get_by_role("checkbox", name="Keyboard shortcuts are on").uncheck()
    await dialog.get_by_role("button", name="Close").click()
    await expect(box).to_be_focused()

    await page.keyboard.press("?")
    await page.keyboard.press("x")
    await page.reload()
    await live(page)
    await box.focus()
    await page.keyboard.press("x")
    await expect(dialog).to_be_hidden()
    await expect(box).not_to_be_checked()
    await page.get_by_role("button", name="Keyboard shortcuts").click()
    await expect(dialog).to_be_visible()
