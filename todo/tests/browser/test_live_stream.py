"""One live stream for all tabs of a browser that are looked at, whatever they and the server do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route

from dovetail import connect, new_id
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app
from todo.web.assets import Assets

from .conftest import MARKS, Running, serving
from .support import add

pytestmark = MARKS

#: A tab that only follows: what it is told is kept in `told`, and how the stream is in `states`.
FOLLOW = """async ([address, shared]) => {
  if (!shared) delete globalThis.SharedWorker;
  const live = await import(address);
  globalThis.told = [];
  globalThis.states = [];
  globalThis.until = (found) => new Promise((resolve) => {
    const look = () => found() ? resolve() : setTimeout(look, 20);
    look();
  });
  globalThis.hide = (hidden) => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
  };
  live.onDelta((delta) => told.push(delta));
  live.onState((state) => states.push(state));
  live.start("");
}"""
LIVE = Assets().address("live.js")
LINES = {"shared": True, "tabs": False}


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context()
    yield context
    await context.close()


async def follow(context: BrowserContext, address: str, *, shared: bool = True) -> Page:
    """A tab that was told to read the list, and follows from there."""
    page = await context.new_page()
    await page.goto(f"{address}/health")  # the smallest page that there is
    await page.evaluate(FOLLOW, [LIVE, shared])
    await until(page, "told.some(({kind}) => kind === 'reset')")
    return page


async def until(page: Page, what: str) -> None:
    """Wait for it: the policy for scripts forbids Playwright's own way."""
    async with asyncio.timeout(30):
        await page.evaluate(f"until(() => {what})")


async def told(page: Page, text: str) -> None:
    """Wait until it was told of this item."""
    await until(page, f"told.some((delta) => delta.item?.item === '{text}')")


async def items_told(page: Page) -> list[str]:
    found: list[str] = await page.evaluate(
        "told.filter(({kind}) => kind === 'item').map(({item}) => item.item)"
    )
    return found


async def streams(address: str) -> int:
    """How many the server has."""
    async with httpx.AsyncClient() as client:
        lines = (await client.get(f"{address}/metrics")).text.splitlines()
    (line,) = (line for line in lines if line.startswith("todo_live_pages "))
    return round(float(line.partition(" ")[2]))


async def until_streams(address: str, count: int) -> None:
    async with asyncio.timeout(15):
        while await streams(address) != count:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("shared", LINES.values(), ids=LINES)
async def test_all_tabs_share_one_stream(
    running: Running, context: BrowserContext, shared: bool
) -> None:
    tabs = [await follow(context, running.web, shared=shared) for _ in range(3)]
    assert await streams(running.web) == 1
    await add(running.queue, "milk")
    for tab in tabs:
        await told(tab, "milk")

    await tabs[0].close()  # it may be the one that has the stream
    await add(running.queue, "bread")
    for tab in tabs[1:]:
        await told(tab, "bread")
        assert await items_told(tab) == ["milk", "bread"]
    assert await streams(running.web) == 1


@pytest.mark.parametrize("shared", LINES.values(), ids=LINES)
async def test_nobody_streams_for_tabs_that_are_not_looked_at(
    running: Running, context: BrowserContext, shared: bool
) -> None:
    tabs = [await follow(context, running.web, shared=shared) for _ in range(2)]
    await tabs[0].evaluate("hide(true)")
    await add(running.queue, "milk")
    await told(tabs[1], "milk")
    await tabs[1].evaluate("hide(true)")
    await until_streams(running.web, 0)

    await add(running.queue, "bread")
    await tabs[0].evaluate("hide(false)")
    await told(tabs[0], "bread")
    await tabs[1].evaluate("hide(false)")
    await told(tabs[1], "bread")
    for tab in tabs:
        assert await items_told(tab) == ["milk", "bread"]
        assert await tab.evaluate("told.filter(({kind}) => kind === 'reset').length") == 1
    assert await streams(running.web) == 1


async def test_thirty_tabs_all_answer(running: Running, context: BrowserContext) -> None:
    tabs = await asyncio.gather(*[follow(context, running.web) for _ in range(30)])
    assert await streams(running.web) == 1
    await add(running.queue, "milk")
    await asyncio.gather(*[told(tab, "milk") for tab in tabs])
    answers = [tab.evaluate("fetch('/health').then(({status}) => status)") for tab in tabs]
    assert await asyncio.gather(*answers) == [200] * 30


async def test_it_says_while_the_server_is_away_and_misses_nothing(
    store: Store, context: BrowserContext, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    async with connect(f"memory://{new_id()}") as queue:
        async with AsyncExitStack() as first:
            address = await first.enter_async_context(serving(create_app(queue, store, settings)))
            tab = await follow(context, address)
            assert await _state(tab) == "on"
        await until(tab, "states.at(-1) === 'off'")
        await add(queue, "added meanwhile")
        port = int(address.rpartition(":")[2])
        async with asyncio.timeout(30), serving(create_app(queue, store, settings), port):
            await until(tab, "states.at(-1) === 'on'")
            await until(tab, "told.filter(({kind}) => kind === 'reset').length === 2")


@pytest.mark.parametrize("shared", LINES.values(), ids=LINES)
async def test_it_is_not_live_while_the_browser_is_offline(
    running: Running, context: BrowserContext, shared: bool
) -> None:
    tabs = [await follow(context, running.web, shared=shared) for _ in range(2)]
    for tab in tabs:
        await until(tab, "states.at(-1) === 'on'")
    # Each tab tells what its state is in the very moment in which the browser says so.
    for tab in tabs:
        await tab.evaluate(
            "addEventListener('offline', () => { globalThis.atOnce = states.at(-1); })"
        )
    await context.set_offline(True)
    for tab in tabs:
        await until(tab, "globalThis.atOnce")
        assert await tab.evaluate("atOnce") != "on"
        await tab.evaluate("globalThis.offline = states.length")
    await tabs[0].evaluate("hide(true)")
    await tabs[0].evaluate("hide(false)")
    await context.set_offline(False)
    for tab in tabs:
        await until(tab, "states.at(-1) === 'on'")
        assert await tab.evaluate("states[offline - 1]") != "on"
    await add(running.queue, "milk")
    for tab in tabs:
        await told(tab, "milk")
    assert await streams(running.web) == 1


async def test_it_is_live_again_only_once_the_server_has_answered(
    running: Running, context: BrowserContext
) -> None:
    tab = await follow(context, running.web, shared=False)
    await until(tab, "states.at(-1) === 'on'")
    asked, answering = asyncio.Event(), asyncio.Event()

    async def hang(route: Route) -> None:
        asked.set()
        await answering.wait()
        await route.continue_()

    await context.set_offline(True)
    await until(tab, "states.at(-1) !== 'on'")
    await context.route("**/live?*", hang)
    await context.set_offline(False)
    async with asyncio.timeout(15):
        await asked.wait()
    assert await tab.evaluate("states.at(-1)") == "off"
    answering.set()
    await until(tab, "states.at(-1) === 'on'")


async def test_it_says_that_one_is_signed_out(
    store: Store, context: BrowserContext, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, password="a secret for tests")
    async with (
        connect(f"memory://{new_id()}") as queue,
        serving(create_app(queue, store, settings)) as address,
    ):
        page = await context.new_page()
        await page.goto(f"{address}/new")
        await page.locator("input[type=password]").fill("a secret for tests")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{address}/new")
        tab = await follow(context, address)
        await page.request.post(f"{address}/sign-out")
        await add(queue, "a reason to write")
        await until(tab, "states.at(-1) === 'signed-out'")


async def _state(tab: Page) -> Any:
    return await tab.evaluate("states.at(-1)")
