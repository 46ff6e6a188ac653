"""The list on a phone: everything by touch at 390 px, nothing too small, nothing beside the screen."""

from __future__ import annotations

from playwright.async_api import Browser, expect

from .conftest import MARKS, Running, saving
from .support import keep, live, row_of

pytestmark = MARKS

#: What is wider than the screen, and buttons whose smaller side is less than 24 px (WCAG 2.5.8); a checkbox
#: is larger than it is drawn.
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL = """() => [...document.querySelectorAll("button, input:not(.done), select, .tools a, .more")]
    .filter(one => one.checkVisibility({visibilityProperty: true, opacityProperty: true}))
    .filter(one => { const box = one.getBoundingClientRect(); return Math.min(box.width, box.height) < 24; })
    .map(one => one.outerHTML)"""


async def test_by_touch(running: Running, browser: Browser) -> None:
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = await context.new_page()
    await keep(running.store, "one", "two", "three")
    texts = page.locator("#items .text")
    async with saving(running):
        await page.goto(running.web)
        await live(page)
        await page.get_by_label("What is to be done?").tap()
        await page.keyboard.type("four")
        await page.get_by_role("button", name="Add", exact=True).tap()
        await expect(texts).to_have_text(["four", "three", "two", "one"])
        box = await row_of(page, "three").get_by_role("checkbox").bounding_box()
        assert box is not None
        await page.touchscreen.tap(box["x"] + box["width"] + 8, box["y"] - 8)
        await expect(row_of(page, "three").get_by_role("checkbox")).to_be_checked()

        row = row_of(page, "two")
        await expect(row.get_by_role("button", name="Delete: two")).to_be_hidden()
        more = row.get_by_role("link", name="More for: two")
        await more.tap()
        await expect(more).to_have_attribute("aria-expanded", "true")
        await row.get_by_role("button", name="Move up: two").tap()
        await expect(texts).to_have_text(["four", "two", "three", "one"])
        assert await page.evaluate(OVERFLOW) == 0
        assert await page.evaluate(SMALL) == []
        await row.get_by_role("button", name="Delete: two").tap()
        await expect(texts).to_have_text(["four", "three", "one"])
        await page.locator("#notices").get_by_role("button", name="Undo").tap()
        await expect(texts).to_have_text(["four", "two", "three", "one"])
        await row_of(page, "one").locator(".text").tap()
        await page.get_by_role("textbox", name="Text of the item").fill("one more")
        # Whoever goes on elsewhere wants what they have written.
        await page.get_by_label("What is to be done?").tap()
        await expect(texts).to_have_text(["four", "two", "three", "one more"])
        assert await page.evaluate(OVERFLOW) == 0
    await context.close()
