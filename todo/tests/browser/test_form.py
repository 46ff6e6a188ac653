"""Adding items in a real browser, with and without JavaScript."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from .conftest import MARKS, Running
from .support import add

pytestmark = MARKS

TEXTS = [
    "<b>bold</b> <script>document.title = 'owned'</script> &amp;",
    "🦄" * 256,
    "x" * 256,
    "שלום, לקנות חלב 42!",
    "\u202eright-to-left override",
    "two\nlines",
]


@pytest_asyncio.fixture(
    loop_scope="session", params=[True, False], ids=["JavaScript", "no JavaScript"]
)
async def any_page(request: pytest.FixtureRequest, browser: Browser) -> AsyncIterator[Page]:
    """A page in a browser with JavaScript on, then off."""
    context = await browser.new_context(java_script_enabled=request.param)
    yield await context.new_page()
    await context.close()


async def test_from_home_to_the_list(running: Running, any_page: Page) -> None:
    page = any_page
    await page.goto(running.web)
    await page.get_by_role("main").get_by_role("link", name="New item").click()
    await expect(page.get_by_label("What is to be done?")).to_be_focused()
    await page.keyboard.type("Buy milk")
    await page.keyboard.press("Enter")

    await expect(page).to_have_url(f"{running.web}/list?accepted")
    await expect(page.locator("#accepted")).to_contain_text("Accepted")
    await expect(page.locator("#items .text")).to_have_text("Buy milk")


async def test_one_after_another(running: Running, any_page: Page) -> None:
    page = any_page
    await page.goto(f"{running.web}/new")
    for text in ("Buy milk", "Buy bread"):
        await page.get_by_label("What is to be done?").fill(text)
        await page.get_by_role("button", name="Add and write another").click()
        await expect(page.locator("#accepted")).to_contain_text("Accepted")
        await expect(page.get_by_label("What is to be done?")).to_have_value("")

    await page.get_by_role("navigation").get_by_role("link", name="List").click()
    await expect(page.locator("#items .text")).to_have_text(["Buy bread", "Buy milk"])


async def test_a_blank_item_is_refused_beside_the_field(running: Running, any_page: Page) -> None:
    page = any_page
    await page.goto(f"{running.web}/new")
    field = page.get_by_label("What is to be done?")
    await field.fill("   ")
    await page.get_by_role("button", name="Add", exact=True).click()

    await expect(page.locator("#item-error")).to_have_text("Please enter what is to be done.")
    await expect(field).to_have_accessible_description(
        "Please enter what is to be done. Up to 256 characters."
    )
    await expect(field).to_be_focused()
    await expect(field).to_have_value("   ")


async def test_a_long_item_is_kept_to_be_shortened(running: Running, any_page: Page) -> None:
    page = any_page
    await page.goto(f"{running.web}/new")
    field = page.get_by_label("What is to be done?")
    await field.fill("x" * 257)
    await page.keyboard.press("Enter")
    await expect(page.locator("#item-error")).to_contain_text("257 characters")

    await expect(field).to_have_value("x" * 257)
    await page.keyboard.press("End")
    await page.keyboard.press("Backspace")
    await page.keyboard.press("Enter")
    await expect(page.locator("#items .text")).to_have_text("x" * 256)


async def test_a_double_click_adds_one_item(running: Running, any_page: Page) -> None:
    page = any_page
    await page.goto(f"{running.web}/new")
    await page.get_by_label("What is to be done?").fill("Buy milk")
    await page.get_by_role("button", name="Add", exact=True).dblclick()

    await expect(page.locator("#summary")).to_have_text("0 saved · 1 waiting to be saved")


@pytest.mark.parametrize("width", [1280, 390])
async def test_any_text_is_shown_as_text(running: Running, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    for text in TEXTS:
        await add(running.queue, text)
    await page.goto(f"{running.web}/list")

    shown = page.locator("#items .text")
    await expect(shown).to_have_count(len(TEXTS))
    assert sorted(await shown.all_text_contents()) == sorted(TEXTS)
    assert await page.locator("#items b, #items script").count() == 0
    assert await page.title() == "List · To-do list"
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(overflow) == 0


async def test_each_text_has_its_own_direction(running: Running, page: Page) -> None:
    hebrew, english = await add(running.queue, "שלום 42!"), await add(running.queue, "Hello 42!")
    await page.goto(f"{running.web}/list")

    for item, direction in ((hebrew, "rtl"), (english, "ltr")):
        text = page.locator(f"#item-{item.id} .text")
        await expect(text).to_have_css("direction", direction)
        await expect(text).to_have_css("unicode-bidi", "isolate")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_by_keyboard_alone(
    running: Running, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    context = await browser.new_context(color_scheme=scheme)
    page = await context.new_page()
    await page.goto(f"{running.web}/list")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    link = page.get_by_role("main").get_by_role("link", name="New item")
    await expect(link).to_be_focused()
    await expect(link).to_have_css("outline-style", "solid")
    await context.close()
