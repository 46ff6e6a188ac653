"""Open pages in Chromium, and what they show."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, async_playwright, expect

from dovetail.testing.servers import ServerMissing

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
#: Id, text, whether it is done, tags and mark of each row, from the top.
ROWS = """() => [...document.querySelectorAll("#now-items .item, #items .item")].map((row) => [
    row.dataset.id,
    row.querySelector(".text").textContent,
    row.querySelector("input.done").checked,
    [...row.querySelectorAll(".tag")].map((tag) => tag.textContent.slice(1)),
    row.querySelector(".mark").textContent,
])"""


@asynccontextmanager
async def open_pages(address: str, number: int) -> AsyncIterator[list[Page]]:
    """The list, open in so many browsers."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise ServerMissing("Chromium is missing: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        pages = [await (await browser.new_context()).new_page() for _ in range(number)]
        for page in pages:
            await page.goto(address)
            await expect(page.get_by_text("Updates by itself")).to_be_visible()
        yield pages
        await browser.close()


async def rows_of(page: Page) -> list[list[object]]:
    """What the page shows, to its end."""
    while await page.locator("#more").is_visible():
        await page.mouse.wheel(0, 100_000)
        await page.wait_for_timeout(50)  # milliseconds
    rows: list[list[object]] = await page.evaluate(ROWS)
    return rows
