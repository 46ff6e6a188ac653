"""What the page says of items on their way: nothing is said to be saved, or to be live, that is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from dovetail import Group, Reject, Worker, connect
from dovetail.testing.servers import NatsServer
from todo.events import ItemEdited, NewItem
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app

from .conftest import MARKS, Running, saving, serving
from .support import keep, live, row_of

pytestmark = MARKS

WAITING = "Accepted, waiting to be saved"


async def test_a_row_says_when_it_waits_and_the_banner_when_it_lasts(
    running: Running, page: Page
) -> None:
    await page.goto(running.web)
    await live(page)
    for text in ("one", "two"):
        await page.keyboard.type(text)
        await page.keyboard.press("Enter")
    row = row_of(page, "one")
    await expect(row).to_have_attribute("data-state", "accepted")
    await expect(row.locator(".mark")).to_be_empty()
    await expect(row.locator(".mark")).to_have_text(WAITING)
    banner = page.locator("#banner")
    await expect(banner).to_have_text(
        "2 changes are accepted and safe, and wait to be saved.", timeout=15_000
    )
    # After a reload one reads what one wrote, and that it waits.
    await page.reload()
    await live(page)
    await expect(page.locator("#items .text")).to_have_text(["two", "one"])
    await expect(row.locator(".mark")).to_have_text(WAITING)

    async with saving(running):
        await expect(row).to_have_attribute("data-state", "saved")
        await expect(row.locator(".mark")).to_be_empty()
        await expect(banner).to_be_empty()


async def test_a_change_that_became_a_dead_letter(running: Running, page: Page) -> None:
    await keep(running.store, "one")
    refusing = Group("save-handler")

    @refusing.on(ItemEdited)
    async def refuse(event: ItemEdited) -> None:
        raise Reject("the table is full")

    await page.goto(running.web)
    await live(page)
    async with Worker(running.queue, [refusing]):
        await row_of(page, "one").locator(".text").click()
        await page.keyboard.type(" more")
        await page.keyboard.press("Enter")
        failed = page.locator(".item[data-state=failed]")
        await expect(failed.locator(".mark")).to_contain_text("Not saved: ")
        await expect(failed.locator(".mark")).to_contain_text("the table is full")
    async with saving(running):
        await failed.get_by_role("button", name="Try again").click()
        await expect(failed).to_have_count(0)
        await expect(page.locator("#items .text")).to_have_text(["one more"])


async def test_an_item_that_became_a_dead_letter_can_be_copied_and_discarded(
    running: Running, page: Page
) -> None:
    refusing = Group("save-handler")

    @refusing.on(NewItem)
    async def refuse(event: NewItem) -> None:
        raise Reject("the table is full")

    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto(running.web)
    await live(page)
    async with Worker(running.queue, [refusing]):
        await page.keyboard.type("one")
        await page.keyboard.press("Enter")
        failed = page.locator(".item[data-state=failed]")
        await expect(failed.locator(".mark")).to_contain_text("the table is full")
        await failed.get_by_role("button", name="Copy").click()
        await expect(page.get_by_text("Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == "one"
        await failed.get_by_role("button", name="Discard").click()
        await expect(page.locator("#items .item")).to_have_count(0)


@pytest.mark.slow  # the page waits for the time limit of a queue that is away
async def test_without_a_queue_nothing_is_accepted_and_the_text_stays(
    store: Store, page: Page, tmp_path: Path
) -> None:
    await keep(store, "one")
    settings = Settings(data_dir=tmp_path)
    async with (
        NatsServer() as server,
        connect(server.url, timeout=0.5) as queue,
        serving(create_app(queue, store, settings)) as web,
    ):
        await page.goto(web)
        await live(page)
        await server.stop()
        field = page.get_by_label("What is to be done?")
        await field.fill("Buy milk")
        await page.keyboard.press("Enter")
        await expect(page.locator("#new-error")).to_contain_text("nothing was accepted")
        await expect(field).to_have_value("Buy milk")
        box = row_of(page, "one").get_by_role("checkbox")
        await box.click()
        await expect(page.locator(".toast")).to_contain_text("nothing was changed")
        await expect(box).not_to_be_checked()
        await expect(page.locator("#banner")).to_contain_text("nothing is accepted")
        await expect(page.get_by_text("Updates by itself")).to_have_count(0)
        await server.start()
        await live(page)
        await page.get_by_role("button", name="Add", exact=True).click()
        await expect(page.locator("#items .text")).to_have_text(["Buy milk", "one"])


async def test_who_is_overtaken_is_shown_what_became_of_theirs(
    running: Running, page: Page, browser: Browser
) -> None:
    await keep(running.store, "one")
    context = await browser.new_context()
    other = await context.new_page()
    async with saving(running):
        for one in (page, other):
            await one.goto(running.web)
            await live(one)
            await row_of(one, "one").locator(".text").click()
            await one.get_by_role("textbox", name="Text of the item").fill("first")
        await page.keyboard.press("Enter")
        note = other.get_by_role("alert").filter(has_text="Meanwhile")
        await expect(note).to_have_text("Meanwhile somebody else has changed it to “first”.")
        field = other.get_by_role("textbox", name="Text of the item")
        await field.fill("second")
        await other.keyboard.press("Enter")

        for one in (page, other):
            await expect(one.locator("#items .text")).to_have_text(["second"])
        await expect(other.locator(".toast")).to_contain_text("had changed it to “first”")
        mark = page.locator(".item .mark")
        await expect(mark).to_contain_text("Somebody else's later text has replaced yours: “first”")
        await page.get_by_role("button", name="Use mine").click()
        for one in (page, other):
            await expect(one.locator("#items .text")).to_have_text(["first"])
    await context.close()


async def test_nobody_is_overtaken_by_themselves(running: Running, page: Page) -> None:
    await keep(running.store, "one")
    await page.goto(running.web)
    await live(page)
    field = page.get_by_role("textbox", name="Text of the item")
    text = page.locator("#items .text")
    for words in ("first", "second"):
        await text.click()
        await field.fill(words)
        async with page.expect_response("**/edit"):
            await page.keyboard.press("Enter")
        await expect(text).to_have_text(words)
    await expect(page.locator(".toast")).to_contain_text("Changed “second”")
    async with saving(running):
        await expect(page.locator(".item")).to_have_attribute("data-state", "saved")
        await expect(page.locator(".item .mark")).to_be_empty()
        await page.locator(".toast").get_by_role("button", name="Undo").click()
        await expect(text).to_have_text("first")
        await expect(page.locator(".toast")).to_contain_text("Undone")
        await expect(page.locator(".item")).to_have_attribute("data-state", "saved")
        await expect(page.locator(".item .mark")).to_be_empty()
