"""The list can be used before its scripts are there: what was written meanwhile counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, Route, expect

from .conftest import MARKS, Running
from .support import live

pytestmark = MARKS


@asynccontextmanager
async def scripts_held(page: Page) -> AsyncIterator[None]:
    """While this lasts, the scripts of the list do not come in."""
    let_in = asyncio.Event()

    async def hold(route: Route) -> None:
        await let_in.wait()
        await route.continue_()

    await page.route("**/main.js", hold)
    try:
        yield
    finally:
        let_in.set()


async def test_an_item_that_was_begun_before_the_scripts_came(running: Running, page: Page) -> None:
    field = page.get_by_label("What is to be done?")
    async with scripts_held(page):
        await page.goto(running.web, wait_until="commit")
        await expect(field).to_be_focused()
        await page.keyboard.type("Call mum tomorrow")
    await expect(page.locator("#chips button")).to_have_text(["Tomorrow"])
    await page.keyboard.press("Enter")
    await expect(page.locator("#items .text")).to_have_text("Call mum")


async def test_an_item_that_was_added_before_the_scripts_came(running: Running, page: Page) -> None:
    field = page.get_by_label("What is to be done?")
    async with scripts_held(page):
        await page.goto(running.web, wait_until="commit")
        await expect(field).to_be_focused()
        await page.keyboard.type("Call mum")
        await page.keyboard.press("Enter")
        await expect(page.locator("#items .text")).to_have_text("Call mum")
    await live(page)
    await expect(field).to_have_value("")
