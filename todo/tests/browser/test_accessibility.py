"""What everyone must be able to see and reach, on every page, in every light and at every width."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, Literal

import msgspec
import pytest
from playwright.async_api import Browser, Page, Route, expect

from dovetail import new_id
from todo.changes import change_of
from todo.events import ItemEdited, ItemRemoved
from todo.items import Item
from todo.store import Store

from .conftest import MARKS, Running
from .support import add

pytestmark = MARKS

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TEXTS = [
    "<b>bold</b> <script>document.title = 'owned'</script> &amp;",
    "🦄" * 256,
    "x" * 256,
    "שלום, לקנות חלב 42!",
    "\u202eright-to-left override",
    "two\nlines",
    "e" + "\u0301" * 255,
]


@dataclass(frozen=True)
class Screen:
    """How somebody looks at it."""

    width: int
    scheme: Literal["light", "dark"]
    scripts: bool


SCREENS = [
    Screen(1280, "light", scripts=True),
    Screen(390, "dark", scripts=True),
    Screen(390, "light", scripts=False),
]


async def open_page(browser: Browser, screen: Screen) -> Page:
    narrow = screen.width < 500
    context = await browser.new_context(
        viewport={"width": screen.width, "height": 800},
        color_scheme=screen.scheme,
        has_touch=narrow,
        is_mobile=narrow,
        locale="en",
        reduced_motion="reduce",  # half-way from one colour to another none of them is meant
    )
    page = await context.new_page()
    if not screen.scripts:
        await page.route("**/*", without_scripts)
    return page


async def without_scripts(route: Route) -> None:
    """What a browser without scripts makes of it, in one with them, which axe needs."""
    if route.request.resource_type == "script" or route.request.url.endswith(".js"):
        return await route.abort()
    if route.request.resource_type != "document":
        return await route.continue_()
    response = await route.fetch()
    text = re.sub("</?noscript>", "", await response.text())
    return await route.fulfill(status=response.status, body=text, content_type="text/html")


async def violations(page: Page) -> list[str]:
    """What axe finds."""
    await page.evaluate(AXE)
    found: dict[str, Any] = await page.evaluate(
        "rules => axe.run({runOnly: rules, resultTypes: ['violations']})", RULES
    )
    return [f"{page.url}: {one['id']}: {one['nodes'][0]['html']}" for one in found["violations"]]


async def overflow(page: Page) -> int:
    """Pixels by which the page is wider than the window."""
    width: int = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


async def fill(store: Store) -> list[Item]:
    """One of each kind; the last was deleted."""
    now = datetime.now(UTC)
    fields: list[dict[str, Any]] = [
        {"due": f"{now - timedelta(days=3):%Y-%m-%d}", "tags": ("home", "家")},
        {"due": f"{now:%Y-%m-%d}"},
        {"due": f"{now + timedelta(days=3):%Y-%m-%d}", "notes": "some\nnotes"},
        {"done": True},
        {},
    ]
    found = [
        msgspec.structs.replace(Item(new_id(), f"Item {number}", now), **one)
        for number, one in enumerate(fields)
    ]
    await store.add(found)
    first, last = found[0], found[-1]
    edit = change_of(ItemEdited, first.id, item="Another text")
    await store.apply([edit, change_of(ItemRemoved, last.id)])
    return found


@pytest.mark.parametrize("screen", SCREENS, ids=str)
async def test_everyone_can_use_every_page(
    running: Running, browser: Browser, screen: Screen
) -> None:
    page = await open_page(browser, screen)
    found: list[str] = []
    await page.goto(running.web)
    found += await violations(page)
    *_, gone = items = await fill(running.store)
    await add(running.queue, "waiting")
    for path in (
        "/",
        "/?q=nothing+like+it",
        "/?status=done&tag=home",
        f"/items/{items[0].id}",
        f"/items/{gone.id}",
        "/new",
        "/nothing",
        "/diagnostics",
    ):
        await page.goto(running.web + path)
        found += await violations(page)
        assert await overflow(page) == 0, path
    await page.goto(f"{running.web}/new")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.locator("#item-error")).to_be_visible()
    found += await violations(page)
    await page.context.close()
    assert found == []


@pytest.mark.parametrize("width", [1280, 320])
async def test_any_text_is_shown_as_text(running: Running, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    added = [await add(running.queue, text) for text in TEXTS]
    await page.goto(running.web)

    shown = page.locator("#items .text")
    await expect(shown).to_have_count(len(TEXTS))
    assert sorted(await shown.all_text_contents()) == sorted(TEXTS)
    assert await page.locator("#items b, #items script").count() == 0
    assert await page.title() == "To do · To-do list"
    assert await overflow(page) == 0
    for text, item in zip(TEXTS, added, strict=True):
        row = page.locator(f"#item-{item.id} .text")
        direction = "rtl" if "ש" in text else "ltr"
        await expect(row).to_have_css("direction", direction)
        await expect(row).to_have_css("unicode-bidi", "isolate")


async def test_twice_as_large_nothing_is_lost(running: Running, page: Page) -> None:
    await fill(running.store)
    await page.set_viewport_size({"width": 640, "height": 400})  # 1280 at 200 %
    for path in ("/", "/new", "/diagnostics"):
        await page.goto(running.web + path)
        assert await overflow(page) == 0, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_keyboards_place_is_seen(
    running: Running, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    await fill(running.store)
    page = await open_page(browser, Screen(1280, scheme, scripts=False))
    await page.goto(f"{running.web}/diagnostics")
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await page.goto(running.web)
    tick = page.get_by_role("checkbox").first
    await tick.focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Shift+Tab")
    await expect(tick).to_have_css("outline-style", "solid")
    await page.context.close()


async def test_on_paper_there_is_nothing_but_the_list(running: Running, page: Page) -> None:
    await fill(running.store)
    await page.goto(running.web)
    await page.emulate_media(media="print")

    await expect(page.locator("#items .text").first).to_be_visible()
    for hidden in ("#add", ".finding", ".top", ".tools >> nth=0"):
        await expect(page.locator(hidden)).to_be_hidden()
