"""Nothing moves under the reader's eyes while a page loads and connects."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from .conftest import MARKS, Running
from .support import keep

pytestmark = MARKS

#: Sum of all layout shifts since the page was opened, as browsers measure them.
SHIFTS = """new Promise(resolve => new PerformanceObserver(list => resolve(
    list.getEntries().reduce((sum, entry) => sum + entry.value, 0)
)).observe({type: 'layout-shift', buffered: true}) || setTimeout(() => resolve(0), 500))"""


@pytest.mark.parametrize("width", [1280, 390])
async def test_nothing_moves(running: Running, browser: Browser, width: int) -> None:
    await keep(running.store, *(f"item {number}" for number in range(30)))
    context = await browser.new_context(viewport={"width": width, "height": 800})
    page = await context.new_page()

    await page.goto(running.web)
    await expect(page.get_by_text("Updates by itself")).to_be_visible()

    assert await page.evaluate(SHIFTS) == 0
    await context.close()
