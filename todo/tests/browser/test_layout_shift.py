"""Nothing moves under the reader's eyes while a page loads and connects."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from playwright.async_api import Browser, Page, expect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dovetail import connect
from dovetail.testing.servers import NatsServer
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app
from todo.web.live import poll

from .conftest import MARKS, Running, serving
from .support import keep, live

pytestmark = MARKS

#: Sum of all layout shifts since the page was opened, as browsers measure them, and what moved.
SHIFTS = """new Promise(resolve => new PerformanceObserver(list => resolve(
    list.getEntries().map(({value, sources}) => [value, ...sources.map(({node}) => node?.outerHTML)])
)).observe({type: 'layout-shift', buffered: true}) || setTimeout(() => resolve([]), 500))"""
#: Keeps in `said` what the banner has said, one after the other.
SAID = """globalThis.said = [];
new MutationObserver(() => {
    const text = document.querySelector("#banner:has(~ *)")?.textContent.trim();
    if (text !== undefined && text !== said.at(-1)) said.push(text);
}).observe(document, {childList: true, subtree: true})"""
#: Keeps in `whole` whether all of the page was there when it was first shown.
WHOLE = """new PerformanceObserver(() => globalThis.whole ??= document.querySelector("footer") !== null)
.observe({type: 'paint', buffered: true})"""
#: Bytes of a page that arrive at a time, and the seconds between them.
PIECE, PAUSE = 1_024, 0.02


class InPieces:
    """The list over a slow connection, on which nothing is packed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_slowly(message: Message) -> None:
            body = message.get("body", b"")
            while len(body) > PIECE:
                await send({**message, "body": body[:PIECE], "more_body": True})
                body = body[PIECE:]
                await asyncio.sleep(PAUSE)
            await send({**message, "body": body} if body else message)

        if scope.get("path") != "/":
            await self._app(scope, receive, send)
            return
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": plain}, receive, send_slowly)


@pytest.mark.parametrize("width", [1280, 390])
async def test_nothing_moves(running: Running, browser: Browser, width: int) -> None:
    await keep(running.store, *(f"item {number}" for number in range(30)))
    context = await browser.new_context(viewport={"width": width, "height": 800})
    page = await context.new_page()

    await page.goto(running.web)
    await live(page)

    assert await page.evaluate(SHIFTS) == []
    await context.close()


@pytest.mark.parametrize("width", [1280, 390])
async def test_nothing_moves_on_a_slow_connection(
    running: Running, browser: Browser, width: int, tmp_path: Path
) -> None:
    await keep(running.store, *(f"item {number}" for number in range(30)))
    app = create_app(running.queue, running.store, Settings(data_dir=tmp_path))
    app.add_middleware(InPieces)
    context = await browser.new_context(viewport={"width": width, "height": 800})
    page = await context.new_page()
    await page.add_init_script(WHOLE)

    async with serving(app) as web:
        await page.goto(web)
        await live(page)

        assert await page.evaluate("whole")
        assert await page.evaluate(SHIFTS) == []
        await context.close()


async def test_trouble_moves_the_page_only_once_it_lasts(
    running: Running, page: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    queue_state = AsyncMock(return_value="ok")
    monkeypatch.setattr(poll, "queue_state", queue_state)
    app = create_app(running.queue, running.store, Settings(data_dir=tmp_path))
    banner, lost = page.locator("#banner"), page.get_by_text("Connection lost")
    await page.clock.install()

    async with serving(app) as web:
        await page.goto(web)
        await live(page)
        await page.clock.pause_at(await page.evaluate("Date.now() + 1000"))
        queue_state.return_value = "unreachable"
        app.state.live.look_again()
        await expect(lost).to_be_visible()
        await page.clock.run_for(1_400)
        await expect(banner).to_be_empty()
        queue_state.return_value = "ok"
        app.state.live.look_again()
        await live(page)
        await page.clock.run_for(1_400)
        await expect(banner).to_be_empty()

        queue_state.return_value = "unreachable"
        app.state.live.look_again()
        await expect(lost).to_be_visible()
        await page.clock.run_for(1_600)
        await expect(banner).to_contain_text("nothing is accepted")


async def test_trouble_that_the_page_came_with_stays_until_it_is_over(
    store: Store, page: Page, tmp_path: Path
) -> None:
    """The scripts do not take away what they say themselves in a moment."""
    await page.add_init_script(SAID)
    async with (
        NatsServer() as server,
        connect(server.url, timeout=0.5) as queue,
        serving(create_app(queue, store, Settings(data_dir=tmp_path))) as web,
    ):
        await server.stop()
        await page.goto(web)
        await expect(page.locator("#banner")).to_contain_text("nothing is accepted")
        said: list[str] = await page.evaluate("said")
        assert len(said) == 2
        assert all("The queue cannot be reached" in text for text in said)

        await server.start()
        await expect(page.locator("#banner")).to_be_empty()
