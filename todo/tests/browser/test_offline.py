"""The server goes away: what is added waits in the browser, and is sent once it is back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.async_api import Page, Response, Route, expect

from dovetail import connect, new_id
from todo.events import NewItem
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app

from .conftest import MARKS, Running, serving
from .support import keep, live, row_of

pytestmark = MARKS

OFFLINE = "Offline: kept in this browser, and sent when the server is back"


async def test_what_is_added_offline_survives_a_reload_and_is_sent_once(
    store: Store, page: Page, tmp_path: Path
) -> None:
    await keep(store, "one")
    settings, texts = Settings(data_dir=tmp_path), page.locator("#items .text")
    async with connect(f"memory://{new_id()}") as queue:
        async with serving(create_app(queue, store, settings)) as web:
            await page.goto(web)
            await live(page)
            # The browser has put away what it needs to show the page again.
            await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        port = int(web.rsplit(":", 1)[1])

        await page.get_by_label("What is to be done?").fill("two")
        await page.keyboard.press("Enter")
        await expect(row_of(page, "two").locator(".mark")).to_contain_text(OFFLINE)
        await expect(page.locator("#banner")).to_contain_text("Offline: ")
        await expect(page.get_by_text("Updates by itself")).to_be_hidden()
        box = row_of(page, "one").get_by_role("checkbox")
        await box.click()
        await expect(page.locator(".toast")).to_contain_text("nothing was changed")
        await expect(box).not_to_be_checked()
        await row_of(page, "one").hover()  # what dragging needs cannot be fetched now

        await page.reload()
        await expect(texts).to_have_text(["two"])
        await expect(row_of(page, "two").locator(".mark")).to_contain_text(OFFLINE)
        await expect(page.locator("#banner")).to_contain_text("Offline: ")
        await page.get_by_label("What is to be done?").fill("three")
        await page.keyboard.press("Enter")
        await expect(texts).to_have_text(["three", "two"])

        async with serving(create_app(queue, store, settings), port):
            await live(page)
            await expect(texts).to_have_text(["three", "two", "one"])
            await expect(page.locator("[data-state=offline]")).to_have_count(0)
            await expect(page.locator("#banner")).not_to_contain_text("Offline")
            received = await queue.waiting(NewItem, "save-handler", most=10)
            assert [one.data["item"]["item"] for one in received] == ["two", "three"]


async def test_what_waits_is_sent_before_what_is_written_later(
    running: Running, page: Page
) -> None:
    def answers(text: str) -> Callable[[Response], bool]:
        return lambda answer: f"item={text}" in (answer.request.post_data or "")

    async def cut_off(route: Route) -> None:
        await (route.abort() if route.request.method == "POST" else route.continue_())

    field = page.get_by_label("What is to be done?")
    await page.goto(running.web)
    await live(page)
    await page.route("**/items", cut_off)
    await field.fill("one")
    await page.keyboard.press("Enter")
    await expect(row_of(page, "one").locator(".mark")).to_contain_text(OFFLINE)
    await page.unroute("**/items")
    # Sooner than what waits would be tried again.
    async with page.expect_response(answers("one")), page.expect_response(answers("two")):
        await field.fill("two")
        await page.keyboard.press("Enter")
    received = await running.queue.waiting(NewItem, "save-handler", most=10)
    assert [one.data["item"]["item"] for one in received] == ["one", "two"]


async def test_the_page_stops_saying_that_it_updates_when_the_browser_is_offline(
    running: Running, page: Page
) -> None:
    await page.goto(running.web)
    await live(page)
    await page.context.set_offline(True)
    # Long before a connection that is silent counts as lost.
    await expect(page.get_by_text("Connection lost")).to_be_visible(timeout=2000)
    await page.context.set_offline(False)
    await live(page)
    await expect(page.locator("#banner p")).to_have_count(0)
