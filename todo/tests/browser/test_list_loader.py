"""Numbers and rows are right in the end, whatever happens while the list is being read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from playwright.async_api import Page, Route, expect

from todo.store.query import Query

from .conftest import MARKS, Running, saving
from .support import keep, live

pytestmark = MARKS

#: What the page knows of an item becomes something else; then the list is read anew, as after a reset, and
#: once more at the same time, as when somebody searches.
INTERRUPTED_RESET = """async (id) => {
    const main = await import(document.querySelector("script[src$='/main.js']").src);
    const { $state: state, $list_loader: loading } = main;
    state.put({...state.shown(id), item: "given up", version: "ffffffff-ffff-7fff-bfff-ffffffffffff"});
    await Promise.all([loading.load(loading.asked(), true), loading.load(loading.asked())]);
}"""

FOLLOW_LINK = """(address) => {
    const link = Object.assign(document.createElement("a"), {href: address});
    document.body.append(link);
    link.click();
    link.remove();
}"""


class Held:
    """Answers that have been made and have not arrived."""

    def __init__(self) -> None:
        self.made = asyncio.Event()
        self.arrive = asyncio.Event()

    async def take(self, route: Route) -> None:
        answer = await route.fetch()
        self.made.set()
        await self.arrive.wait()
        await route.fulfill(response=answer)


@asynccontextmanager
async def holding(page: Page, path: str, method: str = "GET") -> AsyncIterator[Held]:
    """The first answer of this path from now on is held back; in the end it has arrived."""
    held = Held()

    async def take(route: Route) -> None:
        if route.request.method != method or held.made.is_set():
            return await route.fallback()
        return await held.take(route)

    await page.route(path, take)
    try:
        yield held
    finally:
        held.arrive.set()


async def _write(page: Page, *texts: str) -> None:
    for text in texts:
        await page.get_by_label("What is to be done?").fill(text)
        await page.keyboard.press("Enter")


async def _post(running: Running, path: str, **fields: object) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.request("POST", f"{running.api}{path}", json=fields)
    assert answer.status_code == 202, answer.text


async def _until_saved(running: Running, count: int) -> None:
    """An open page is told of it, but it is not known when."""
    async with asyncio.timeout(15):
        while len((await running.store.page(Query())).items) < count:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)


async def _counts(page: Page, left: str, saved: str) -> None:
    await expect(page.locator("#left")).to_have_text(left)
    await expect(page.locator("#saved")).to_have_text(saved)


@pytest.mark.parametrize("address", ["/", "/?status=done"])
async def test_added_before_the_first_reading_arrives(
    running: Running, page: Page, address: str
) -> None:
    await keep(running.store, "there already")
    async with saving(running):
        async with holding(page, "**/items*") as held:
            await page.goto(running.web + address)
            await held.made.wait()
            await _write(page, "Buy milk", "Buy bread")
            await _until_saved(running, 3)
        await live(page)
        await _counts(page, "3 items left", "3 saved")


@pytest.mark.parametrize("address", ["/?sort=item", "/?status=done"])
async def test_counted_before_the_page_knows_that_it_is_accepted(
    running: Running, page: Page, address: str
) -> None:
    await page.goto(running.web)
    await live(page)
    async with saving(running):
        async with holding(page, "**/items", "POST") as held:
            await _write(page, "Buy milk")
            await held.made.wait()
            async with page.expect_response("**/items?*"):
                await page.evaluate(FOLLOW_LINK, address)
        await _counts(page, "1 item left", "1 saved")


async def test_changed_while_the_numbers_are_read_again(running: Running, page: Page) -> None:
    await page.goto(running.web)
    await live(page)
    async with saving(running):
        async with holding(page, "**/items*") as held:
            # Whether one of somebody else's is new, only the server knows.
            await _post(running, "/todo", item="of somebody else")
            await held.made.wait()
            await _post(running, "/todo", item="of somebody else, too")
            await _write(page, "of my own")
            await _until_saved(running, 3)
        await _counts(page, "3 items left", "3 saved")


async def test_what_only_the_browser_has_is_counted_once(running: Running, page: Page) -> None:
    async def refuse(route: Route) -> None:
        await (route.abort() if route.request.method == "POST" else route.fallback())

    await page.route("**/items", refuse)
    await page.goto(running.web)
    await live(page)
    await _write(page, "Buy milk")
    await _counts(page, "1 item left", "0 saved · 1 waiting to be saved")
    await page.reload()
    await live(page)
    await _counts(page, "1 item left", "0 saved · 1 waiting to be saved")
    await page.unroute("**/items", refuse)
    async with saving(running):
        await _counts(page, "1 item left", "1 saved")


async def test_removed_and_added_elsewhere_while_another_list_is_read(
    running: Running, page: Page
) -> None:
    gone, _ = await keep(running.store, "goes", "stays")
    await page.goto(running.web)
    await live(page)
    async with saving(running):
        async with holding(page, "**/items?status=active") as held:
            await page.get_by_role("link", name="Active").click()
            await held.made.wait()
            async with httpx.AsyncClient() as client:
                await client.delete(f"{running.api}/todo/{gone.id}")
            await _post(running, "/todo", item="comes")
            await expect(page.locator("#items .text")).to_have_text(["comes", "stays"])
        await expect(page).to_have_url(f"{running.web}/?status=active")
        await expect(page.locator("[data-status=active]")).to_have_attribute("aria-current", "true")
        await expect(page.locator("#items .text")).to_have_text(["comes", "stays"])
        await _counts(page, "2 items left", "2 saved")


async def test_a_reset_counts_though_it_was_interrupted(running: Running, page: Page) -> None:
    (item,) = await keep(running.store, "as it is")
    await page.goto(running.web)
    await live(page)
    await page.evaluate(INTERRUPTED_RESET, item.id)
    await expect(page.locator("#items .text")).to_have_text("as it is")
