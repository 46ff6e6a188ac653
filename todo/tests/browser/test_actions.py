"""What is done to items in their rows, each with its undo; everything is saved, and stays after a reload."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from .conftest import MARKS, Running, saving
from .support import keep, live, made, row_of

pytestmark = MARKS


@pytest_asyncio.fixture(loop_scope="session")
async def listed(running: Running, page: Page) -> AsyncIterator[Page]:
    """An open list of three saved items, which are saved again when they change."""
    await keep(running.store, "one", "two", "three")
    async with saving(running):
        await page.goto(running.web)
        await live(page)
        yield page


def texts(page: Page) -> Locator:
    return page.locator("#items .text")


async def undo(page: Page, said: str) -> None:
    """By the button of the notice that says this."""
    notice = page.locator("#notices .toast", has_text=said)
    await notice.get_by_role("button", name="Undo").click()


async def settled(page: Page) -> None:
    """Everything on the page is saved."""
    await expect(page.locator(".item:not([data-state=saved])")).to_have_count(0)


async def test_complete_and_reopen(listed: Page) -> None:
    box = row_of(listed, "two").get_by_role("checkbox", name="Done: two")
    await box.check()
    await expect(row_of(listed, "two")).to_have_class("item is-done")
    await expect(listed.locator("#left")).to_have_text("2 items left")
    await undo(listed, "Completed “two”")
    await expect(box).not_to_be_checked()
    await expect(listed.locator("#left")).to_have_text("3 items left")

    await box.check()
    await settled(listed)
    await listed.reload()
    await expect(box).to_be_checked()


async def test_edit_in_place(listed: Page) -> None:
    await row_of(listed, "two").locator(".text").click()
    field = listed.get_by_role("textbox", name="Text of the item")
    await expect(field).to_be_focused()
    await field.fill("two and a half")
    await listed.keyboard.press("Escape")
    await expect(texts(listed)).to_have_text(["three", "two", "one"])
    await expect(row_of(listed, "two").get_by_role("checkbox")).to_be_focused()

    await row_of(listed, "two").locator(".text").click()
    await field.fill("  ")
    await listed.keyboard.press("Enter")
    await expect(listed.get_by_role("alert")).to_contain_text(["Please enter what is to be done."])
    await field.fill("two and a half")
    await listed.keyboard.press("Enter")
    await expect(texts(listed)).to_have_text(["three", "two and a half", "one"])
    await settled(listed)
    await undo(listed, "Changed “two and a half”")
    await expect(texts(listed)).to_have_text(["three", "two", "one"])
    await settled(listed)
    await listed.reload()
    await expect(texts(listed)).to_have_text(["three", "two", "one"])


async def test_delete_and_restore(listed: Page) -> None:
    row = row_of(listed, "two")
    await row.hover()
    await row.get_by_role("button", name="Delete: two").click()
    await expect(texts(listed)).to_have_text(["three", "one"])
    # What had the focus was in that row: it is in the one that came into its place.
    await expect(row_of(listed, "one").get_by_role("checkbox")).to_be_focused()
    await undo(listed, "Deleted “two”")
    await expect(texts(listed)).to_have_text(["three", "two", "one"])
    await settled(listed)
    await listed.reload()
    await expect(texts(listed)).to_have_text(["three", "two", "one"])


async def test_clear_completed(listed: Page) -> None:
    for text in ("one", "three"):
        await row_of(listed, text).get_by_role("checkbox").check()
    await settled(listed)
    await listed.get_by_role("button", name="Clear 2 completed").click()
    await expect(texts(listed)).to_have_text(["two"])
    await expect(listed.get_by_role("button", name="Clear")).to_be_hidden()
    # The keyboard goes on where it was, though the buttons that it was on are gone.
    await expect(row_of(listed, "two").get_by_role("checkbox")).to_be_focused()
    await undo(listed, "Deleted 2 completed items")
    await expect(row_of(listed, "two").get_by_role("checkbox")).to_be_focused()
    await expect(texts(listed)).to_have_text(["three", "two", "one"])
    await settled(listed)
    await expect(row_of(listed, "one").get_by_role("checkbox")).to_be_checked()


async def test_due_date_tags_and_notes(listed: Page) -> None:
    yesterday = str((datetime.now().astimezone() - timedelta(days=1)).date())
    row = row_of(listed, "two")
    await row.hover()
    await row.get_by_role("link", name="Due date of: two").click()
    await expect(listed.get_by_label("Due date", exact=True)).to_be_focused()
    await listed.get_by_label("Due date", exact=True).fill(yesterday)
    await listed.get_by_role("textbox", name="Tags").fill("#home, garden")
    await listed.get_by_label("Notes").fill("behind the shed")
    await listed.get_by_role("button", name="Save").click()

    # Overdue: it stands on top, and is marked.
    await expect(listed.locator("#now-items .text")).to_have_text(["two"])
    await expect(row).to_have_class("item is-late")
    await expect(row.locator(".due")).to_have_text("Overdue: Yesterday")
    await expect(row.locator(".tags li")).to_have_text(["#home", "#garden"])
    await expect(row.locator(".notes-mark")).to_be_visible()
    await settled(listed)
    await listed.reload()
    await live(listed)
    await expect(listed.locator("#now-items .text")).to_have_text(["two"])
    await row.hover()
    await row.get_by_role("link", name="Due date of: two").click()
    await expect(listed.get_by_label("Notes")).to_have_value("behind the shed")
    await listed.get_by_label("Due date", exact=True).fill("")
    await listed.keyboard.press("Enter")
    await expect(texts(listed)).to_have_text(["three", "two", "one"])


@pytest.mark.parametrize("by", ["button", "key"])
async def test_a_panel_that_was_saved_is_taken_back_in_one_step(listed: Page, by: str) -> None:
    row = row_of(listed, "two")
    await row.hover()
    await row.get_by_role("link", name="Due date of: two").click()
    await listed.get_by_label("Due date", exact=True).fill("2099-01-01")
    await listed.get_by_role("textbox", name="Tags").fill("home")
    await listed.get_by_label("Notes").fill("behind the shed")
    await listed.get_by_role("button", name="Save").click()
    await expect(row.locator(".notes-mark")).to_be_visible()
    await expect(row.locator(".tags li")).to_have_text(["#home"])
    await expect(row.locator(".due")).to_be_visible()
    if by == "button":
        await undo(listed, "Changed “two”")
    else:
        await expect(listed.locator(".toast")).to_contain_text("Changed “two”")
        await settled(listed)
        await listed.keyboard.press("u")
    await expect(listed.locator(".toast")).to_contain_text("Undone")
    for what in (".notes-mark", ".tags li", ".due"):
        await expect(row.locator(what)).to_be_hidden()
    await settled(listed)
    await row.get_by_role("checkbox").focus()
    await listed.keyboard.press("u")
    await expect(listed.locator(".toast")).to_contain_text("There is nothing to undo")
    await listed.reload()
    await live(listed)
    for what in (".notes-mark", ".tags li", ".due"):
        await expect(row.locator(what)).to_be_hidden()


async def test_reorder_by_drag_by_buttons_and_by_keys(listed: Page) -> None:
    row = row_of(listed, "one")
    await row.hover()
    await row.locator(".handle").hover()
    await expect(listed.locator("#items[data-sortable]")).to_have_count(1)
    target = await row_of(listed, "three").bounding_box()
    assert target is not None
    await listed.mouse.down()
    await listed.mouse.move(target["x"] + 300, target["y"] + 30, steps=5)
    await listed.mouse.move(target["x"] + 300, target["y"] + 4, steps=5)
    await expect(texts(listed)).to_have_text(["one", "three", "two"])
    await listed.mouse.up()
    await settled(listed)
    await undo(listed, "Moved “one”")
    await expect(texts(listed)).to_have_text(["three", "two", "one"])

    await row.hover()
    await row.get_by_role("button", name="Move up: one").click()
    await expect(texts(listed)).to_have_text(["three", "one", "two"])
    await expect(row.get_by_role("checkbox")).to_be_focused()
    await listed.keyboard.press("Alt+ArrowUp")
    await expect(texts(listed)).to_have_text(["one", "three", "two"])
    await settled(listed)
    await listed.reload()
    await expect(texts(listed)).to_have_text(["one", "three", "two"])
    # What is added now is the newest still.
    await listed.keyboard.type("four")
    await listed.keyboard.press("Enter")
    await expect(texts(listed)).to_have_text(["four", "one", "three", "two"])


async def test_the_first_page_is_in_the_readers_time_zone(
    running: Running, browser: Browser
) -> None:
    item = made("Call Ann", due="2099-12-03T18:30:00+01:00")
    await running.store.add([item])
    context = await browser.new_context(timezone_id="Asia/Tokyo")
    page = await context.new_page()
    await page.goto(f"{running.web}/items/{item.id}")
    await expect(page.get_by_label("Time")).to_have_value("02:30")
    await expect(page.get_by_label("Due date")).to_have_value("2099-12-04")
    await context.close()


async def test_keys_that_move_items_move_none_while_one_writes(listed: Page) -> None:
    await row_of(listed, "two").locator(".text").click()
    field = listed.get_by_role("textbox", name="Text of the item")
    await field.fill("two and a half")
    await listed.keyboard.press("Alt+ArrowUp")
    await listed.keyboard.press("Alt+ArrowDown")
    await listed.keyboard.press("Enter")
    await expect(texts(listed)).to_have_text(["three", "two and a half", "one"])
    await row_of(listed, "two and a half").hover()
    await listed.get_by_role("link", name="Due date of: two and a half").click()
    await listed.get_by_label("Notes").press("Alt+ArrowUp")
    await listed.keyboard.press("Escape")
    await expect(texts(listed)).to_have_text(["three", "two and a half", "one"])


async def test_taking_the_day_away_takes_its_time_along(listed: Page) -> None:
    row = row_of(listed, "two")
    await row.hover()
    await row.get_by_role("link", name="Due date of: two").click()
    await listed.get_by_label("Due date", exact=True).fill("9998-12-03")
    await listed.get_by_label("Time").fill("18:30")
    await listed.keyboard.press("Enter")
    await expect(row.locator(".due")).to_have_text("3 Dec 9998, 18:30")
    await listed.keyboard.press("d")
    await listed.get_by_label("Due date", exact=True).fill("")
    await listed.keyboard.press("Enter")
    await expect(row.locator(".due")).to_be_hidden()
    await settled(listed)
    await expect(row.locator(".due")).to_be_hidden()


async def test_what_is_due_today_stands_on_top_whatever_zone_its_time_is_written_in(
    running: Running, browser: Browser
) -> None:
    here = datetime.now(ZoneInfo("Pacific/Honolulu")).replace(hour=23, minute=59, second=59)
    far = here.astimezone(timezone(timedelta(hours=14)))
    assert far.date() > here.date()
    await running.store.add([made("Call Ann", due=far.isoformat(timespec="seconds"))])
    context = await browser.new_context(timezone_id="Pacific/Honolulu")
    page = await context.new_page()
    await page.goto(running.web)
    await live(page)
    await expect(page.locator("#now-items .text")).to_have_text("Call Ann")
    await expect(page.locator("#now-items .due")).to_have_text("Today, 23:59")
    await page.reload()
    await live(page)
    await expect(page.locator("#now-items .text")).to_have_text("Call Ann")
    await context.close()
