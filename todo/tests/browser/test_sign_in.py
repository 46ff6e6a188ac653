"""Signing in and out, as a person does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, expect

from dovetail import connect, new_id
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app

from .conftest import MARKS, serving

pytestmark = MARKS

PASSWORD = "open sesame"


@pytest_asyncio.fixture(loop_scope="session")
async def web(store: Store, tmp_path: Path) -> AsyncIterator[str]:
    settings = Settings(data_dir=tmp_path, password=PASSWORD)
    async with (
        connect(f"memory://{new_id()}") as queue,
        serving(create_app(queue, store, settings)) as web,
    ):
        yield web


async def test_one_signs_in_works_and_signs_out_everywhere(web: str, page: Page) -> None:
    await page.goto(f"{web}/list")
    await expect(page).to_have_title("Sign in · To-do list")
    await expect(page.get_by_label("Password")).to_be_focused()
    await page.get_by_label("Password").fill("open barley")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("That is not the password.")).to_be_visible()
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="To do")).to_be_visible()
    assert page.url == f"{web}/list"
    await expect(page.get_by_text("Updates by itself")).to_be_visible()

    other = await page.context.new_page()
    await other.goto(f"{web}/new")
    await other.get_by_label("What is to be done?").fill("milk")
    await other.get_by_role("button", name="Add", exact=True).click()
    await expect(page.locator("#items .text")).to_have_text("milk")
    await other.get_by_role("button", name="Sign out").click()
    await expect(other.get_by_label("Password")).to_be_visible()
    await other.go_back()
    await expect(other.get_by_label("Password")).to_be_visible()
    # The first page follows, at the latest with the next sign of life.
    await expect(page.get_by_label("Password")).to_be_visible(timeout=25_000)
    assert page.url.endswith("/sign-in?next=%2Flist")
