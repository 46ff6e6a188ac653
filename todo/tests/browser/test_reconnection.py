"""The web component goes away while a page is open, and comes back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import Page, expect

from dovetail import connect, new_id
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app

from .conftest import MARKS, serving
from .support import add

pytestmark = MARKS


async def test_a_page_connects_again_and_catches_up(
    store: Store, page: Page, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    async with connect(f"memory://{new_id()}") as queue:
        async with AsyncExitStack() as first:
            address = await first.enter_async_context(serving(create_app(queue, store, settings)))
            await page.goto(f"{address}/list")
            await expect(page.get_by_text("Updates by itself")).to_be_visible()
        await expect(page.get_by_text("Connection lost")).to_be_visible()
        await add(queue, "added meanwhile")

        port = int(address.rpartition(":")[2])
        async with asyncio.timeout(30), serving(create_app(queue, store, settings), port):
            await expect(page.locator("#items .text")).to_have_text(
                "added meanwhile", timeout=20_000
            )
            await expect(page.get_by_text("Updates by itself")).to_be_visible()
