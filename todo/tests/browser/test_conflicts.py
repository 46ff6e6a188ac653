"""What one writes in a row is kept, whatever somebody else does to its item meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from .conftest import MARKS, Running, saving
from .support import keep, live, row_of

pytestmark = MARKS


@pytest_asyncio.fixture(loop_scope="session")
async def others(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody else, on a list of three saved items that are saved again when they change."""
    await keep(running.store, "one", "two", "three")
    async with saving(running), httpx.AsyncClient(base_url=running.api) as client:
        yield client


async def id_of(running: Running, text: str) -> str:
    return next(item.id for item in (await running.store.newest(10)) if item.item == text)


async def write(page: Page, item: str, text: str) -> Locator:
    await row_of(page, item).locator(".text").click()
    field = page.get_by_role("textbox", name="Text of the item")
    await field.fill(text)
    return field


async def test_a_text_whose_item_is_deleted_can_still_be_saved(
    running: Running, page: Page, others: httpx.AsyncClient
) -> None:
    await page.goto(running.web)
    await live(page)
    field = await write(page, "two", "two and a half")
    await others.delete(f"/todo/{await id_of(running, 'two')}")
    told = page.locator(".editor .error")
    await expect(told).to_contain_text("Meanwhile somebody else has deleted it.")
    # Looking elsewhere neither saves nor loses it, and writing on does not hide what has happened.
    await page.get_by_role("heading", name="To do").click()
    await field.press("End")
    await page.keyboard.type("!")
    await expect(told).to_contain_text("Saving brings it back")
    await page.keyboard.press("Enter")
    texts = page.locator("#items .text")
    await expect(texts).to_have_text(["three", "two and a half!", "one"])
    await expect(row_of(page, "two and a half!").get_by_role("checkbox")).to_be_focused()
    await expect(page.locator(".item[data-state=saved]")).to_have_count(3)
    await page.reload()
    await expect(texts).to_have_text(["three", "two and a half!", "one"])


async def test_whoever_lets_it_go_goes_on_in_the_next_row(
    running: Running, page: Page, others: httpx.AsyncClient
) -> None:
    await page.goto(running.web)
    await live(page)
    await write(page, "two", "two and a half")
    await others.delete(f"/todo/{await id_of(running, 'two')}")
    await expect(page.locator(".editor .error")).to_contain_text("deleted")
    await page.keyboard.press("Escape")
    await expect(page.locator("#items .text")).to_have_text(["three", "one"])
    await expect(row_of(page, "one").get_by_role("checkbox")).to_be_focused()


async def test_a_text_whose_item_leaves_the_view_is_not_saved_unasked(
    running: Running, page: Page, others: httpx.AsyncClient
) -> None:
    await page.goto(f"{running.web}/?status=active")
    await live(page)
    field = await write(page, "two", "half a")
    two = await id_of(running, "two")
    await others.patch(f"/todo/{two}", json={"done": True}, headers={"Prefer": "wait=10"})
    row = page.locator(".item.is-done")
    await expect(row).to_have_count(1)
    await expect(field).to_be_focused()
    await expect(field).to_have_value("half a")
    assert (await others.get(f"/todo/{two}")).json()["item"] == "two"
    await page.keyboard.type(" thought")
    await page.keyboard.press("Enter")
    await expect(page.locator("#items .text")).to_have_text(["three", "one"])
    await expect(page.locator(".toast")).to_contain_text("Changed “half a thought”")


async def test_a_text_whose_item_moves_is_not_saved_unasked(
    running: Running, page: Page, others: httpx.AsyncClient
) -> None:
    await page.goto(running.web)
    await live(page)
    field = await write(page, "two", "half a")
    two = await id_of(running, "two")
    await others.patch(f"/todo/{two}", json={"due": "2026-01-01"}, headers={"Prefer": "wait=10"})
    await expect(page.locator(".item.is-late")).to_have_count(1)
    await expect(field).to_be_focused()
    assert (await others.get(f"/todo/{two}")).json()["item"] == "two"
    await page.keyboard.press("Escape")
    await expect(page.locator("#now-items .text")).to_have_text(["two"])
    await expect(page.locator("#items .text")).to_have_text(["three", "one"])


async def test_notes_whose_item_is_deleted_can_still_be_saved(
    running: Running, page: Page, others: httpx.AsyncClient
) -> None:
    await page.goto(running.web)
    await live(page)
    await row_of(page, "two").hover()
    await page.get_by_role("link", name="Due date of: two").click()
    await page.get_by_label("Notes").fill("behind the shed")
    two = await id_of(running, "two")
    await others.delete(f"/todo/{two}")
    await expect(page.locator(".details .error")).to_contain_text("deleted")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".item[data-state=saved]")).to_have_count(3)
    await expect(row_of(page, "two").locator(".notes-mark")).to_be_visible()
    assert (await others.get(f"/todo/{two}")).json()["notes"] == "behind the shed"
    # One step: it takes the notes back, and the item with them.
    await page.locator(".toast").get_by_role("button", name="Undo").click()
    await expect(page.locator("#items .text")).to_have_text(["three", "one"])
    await expect(page.locator(".toast")).to_contain_text("Undone")
    await expect(page.locator(".item[data-state=saved]")).to_have_count(2)
    async with asyncio.timeout(15):
        while await notes_of(others, two) != ["behind the shed", ""]:
            pass


async def notes_of(others: httpx.AsyncClient, id: str) -> list[str]:
    """What the notes of this item were saved as, oldest first."""
    history = (await others.get(f"/todo/{id}/history")).json()["changes"]
    return [one["value"] for one in history if one["field"] == "notes"]
