"""The list in a browser without scripts: everything works by forms and links."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from todo import waiting_changes

from .conftest import MARKS, Running, saving

pytestmark = MARKS


@pytest.fixture(autouse=True)
def _patient_page(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the queue tells late a page without scripts never shows, and the machine may be busy."""
    monkeypatch.setattr(waiting_changes, "PATIENCE", 20.0)


@pytest_asyncio.fixture(loop_scope="session")
async def plain_page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(java_script_enabled=False, locale="en")
    yield await context.new_page()
    await context.close()


async def add(page: Page, *texts: str) -> None:
    for text in texts:
        await page.get_by_label("What is to be done?").fill(text)
        await page.keyboard.press("Enter")
        await expect(page.locator("#notice")).to_contain_text(f"Added “{text}”")


def row(page: Page, text: str) -> Locator:
    return page.locator(".item", has=page.get_by_role("link", name=text, exact=True))


async def shows(page: Page, *texts: str) -> None:
    await expect(page.locator(".item .text")).to_have_text(list(texts))


async def test_a_day_with_the_list(running: Running, plain_page: Page) -> None:
    page = plain_page
    async with saving(running):
        await page.goto(running.web)
        await expect(page.locator("#empty")).to_contain_text("Nothing to do yet")
        await add(page, "Buy milk", "Call Ann", "Read")
        await shows(page, "Read", "Call Ann", "Buy milk")

        await row(page, "Call Ann").get_by_role("checkbox").click()
        await expect(page.locator("#notice")).to_contain_text("Completed “Call Ann”")
        await expect(row(page, "Call Ann").get_by_role("checkbox")).to_be_checked()
        await page.get_by_role("button", name="Undo").click()
        await expect(row(page, "Call Ann").get_by_role("checkbox")).not_to_be_checked()

        await row(page, "Buy milk").hover()
        await page.get_by_role("button", name="Move up: Buy milk").click()
        await shows(page, "Read", "Buy milk", "Call Ann")

        await row(page, "Read").hover()
        await page.get_by_role("button", name="Delete: Read").click()
        await shows(page, "Buy milk", "Call Ann")
        await page.get_by_role("button", name="Undo").click()
        await shows(page, "Read", "Buy milk", "Call Ann")

        await page.get_by_role("link", name="Buy milk", exact=True).click()
        await page.get_by_label("Text", exact=True).fill("Buy oats")
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        await page.get_by_label("Due date").fill(f"{tomorrow:%Y-%m-%d}")
        await page.get_by_label("Tags").fill("shop home")
        await page.get_by_label("Notes").fill("two\nlitres")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.locator("#notice")).to_contain_text("Changed “Buy oats”")
        await expect(page.locator("#history")).to_contain_text("Buy milk")
        await page.get_by_role("link", name="Back to the list").click()
        await expect(row(page, "Buy oats").locator(".tag")).to_have_text(["#shop", "#home"])
        await expect(row(page, "Buy oats").locator(".due")).to_be_visible()

        await page.get_by_role("searchbox").fill("litres")
        await page.keyboard.press("Enter")
        await shows(page, "Buy oats")
        await page.get_by_role("link", name="Show all items").click()
        await row(page, "Read").get_by_role("checkbox").click()
        await expect(page.locator("#notice")).to_contain_text("Completed “Read”")
        await page.get_by_role("link", name="Done").click()
        await shows(page, "Read")
        await page.get_by_role("button", name="Clear 1 completed").click()
        await expect(page.locator("#notice")).to_contain_text("Deleted 1 completed item")
        await page.get_by_role("button", name="Undo").click()
        await shows(page, "Read")


async def test_a_text_that_was_given_before_can_be_used_again(
    running: Running, plain_page: Page
) -> None:
    page = plain_page
    async with saving(running):
        await page.goto(running.web)
        await add(page, "First")
        await page.get_by_role("link", name="First", exact=True).click()
        await page.get_by_label("Text", exact=True).fill("Second")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.locator("h1")).to_have_text("Second")
        async with asyncio.timeout(30):
            while await page.locator("#history .label").all_text_contents() != ["Now"]:
                await page.reload()  # it may still wait to be saved

        await page.get_by_role("button", name="Use this again: First").click()

        await expect(page.locator("h1")).to_have_text("First")


async def test_what_waits_is_there_and_says_so(running: Running, plain_page: Page) -> None:
    page = plain_page
    await page.goto(running.web)
    await add(page, "Buy milk")
    await expect(row(page, "Buy milk").locator(".mark")).to_have_text(
        "Accepted, waiting to be saved"
    )
    await row(page, "Buy milk").get_by_role("checkbox").click()

    await expect(page.locator("#waiting")).to_contain_text("2 changes are accepted and safe")
    await expect(row(page, "Buy milk").get_by_role("checkbox")).to_be_checked()


async def test_what_is_refused_stays_in_its_field(running: Running, plain_page: Page) -> None:
    page = plain_page
    await page.goto(running.web)
    field = page.get_by_label("What is to be done?")
    await field.fill("x" * 257)
    await page.keyboard.press("Enter")

    await expect(page.locator("#new-error")).to_contain_text("257 characters")
    await expect(field).to_have_value("x" * 257)
    await expect(field).to_be_focused()
    await page.keyboard.press("End")
    await page.keyboard.press("Backspace")
    await page.keyboard.press("Enter")
    await shows(page, "x" * 256)


async def test_a_double_click_adds_one_item(running: Running, plain_page: Page) -> None:
    page = plain_page
    await page.goto(running.web)
    await page.get_by_label("What is to be done?").fill("Buy milk")
    await page.get_by_role("button", name="Add", exact=True).dblclick()

    await expect(page.locator("#waiting")).to_contain_text("1 change is accepted")
    await shows(page, "Buy milk")


async def test_the_form_of_a_page_of_its_own(running: Running, plain_page: Page) -> None:
    page = plain_page
    await page.goto(f"{running.web}/new")
    for text in ("Buy milk", "Buy bread"):
        await page.get_by_label("What is to be done?").fill(text)
        await page.get_by_role("button", name="Add and write another").click()
        await expect(page.locator("#notice")).to_contain_text(f"Added “{text}”")
        await expect(page.get_by_label("What is to be done?")).to_have_value("")
    await page.get_by_label("What is to be done?").fill("Read")
    await page.keyboard.press("Enter")
    await shows(page, "Read", "Buy bread", "Buy milk")
