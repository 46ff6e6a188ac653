"""`python -m benchmarks.page`: what a person feels of the list, in Chromium, with 10,000 items in it.

The application runs as it does otherwise: a NATS server, the save-handler and the page, each in a process.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from playwright.async_api import Browser, Page, Response, async_playwright

from benchmarks.live.program import answering, component, settings_of
from dovetail import new_id
from dovetail.embedded.ports import free_port
from dovetail.testing.servers import NatsServer
from todo.items import Item
from todo.settings import Settings
from todo.store import Store, open_store

ITEMS = 10_000
ROUNDS = 20
#: Visits of a browser that has nothing of the page yet; one may take twice as long as another.
FIRST_VISITS = 21
#: Seconds of scrolling at most.
SCROLLING = 60
#: A cheap phone, beside this machine.
SLOWER = 4
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

#: Notes every task of the page that takes longer than 50 ms, what moved while the page was loaded, how long a
#: letter takes to be painted, and when a row is there after a key press.
WATCH = """
    window.longest = window.moved = window.slowest = 0;
    const watch = (type, each) => new PerformanceObserver((list) => list.getEntries().forEach(each))
        .observe({type, buffered: true, durationThreshold: 16});
    watch("longtask", ({duration}) => { window.longest = Math.max(window.longest, duration); });
    watch("layout-shift", ({value}) => { window.moved += value; });
    watch("event", ({duration}) => { window.slowest = Math.max(window.slowest, duration); });
    addEventListener("DOMContentLoaded", () => {
        let pressed = 0;
        window.rows = [];
        addEventListener("keydown", event => {
            if (event.key === "Enter") pressed = event.timeStamp;
        }, true);
        new MutationObserver(() => {
            if (!pressed) return;
            const from = pressed;
            pressed = 0;
            // The frame after the one in which the row is painted.
            requestAnimationFrame(() => requestAnimationFrame(() => {
                window.rows.push(performance.now() - from);
            }));
        }).observe(document.getElementById("items"), {childList: true});
    });
"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
#: Asked of the page itself: a locator looks through all rows, and that would be measured, too.
MORE = "!document.getElementById('more').hidden"
COUNT = "document.getElementById('items').childElementCount"

Figures = AsyncIterator[tuple[str, str]]


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """The page on a list of many items, which are saved as they come; its address."""
    store = open_store(Settings(data_dir=folder).database)
    await store.prepare()
    await _fill(store)
    await store.close()
    port = free_port()
    async with NatsServer() as server:
        settings = settings_of(server.url, port, folder)
        async with (
            component("save-handler", folder, settings),
            component("web", folder, settings),
        ):
            await answering(port)
            yield f"http://127.0.0.1:{port}"


async def _fill(store: Store) -> None:
    words = ("buy", "call", "write", "mend", "read", "plan", "clean", "book")
    now = datetime.now(UTC)
    items = [Item(new_id(), f"{words[number % 8]} number {number}", now) for number in range(ITEMS)]
    for start in range(0, ITEMS, 500):
        await store.add(items[start : start + 500])


async def measure(browser: Browser, web: str) -> Figures:
    """Each figure with its name, as soon as it is known."""
    async for figure in _first_visits(browser, web):
        yield figure
    page = await _new_page(browser)
    await _open(page, web)
    paints = []
    for _ in range(ROUNDS):
        await page.reload()
        await page.get_by_text("Updates by itself").wait_for()
        paints.append(await page.evaluate(PAINTED))
    yield "first contentful paint, loaded again", _median(paints)
    yield "from Enter to the row painted", _median(await _add(page, "added"))
    processor = await page.context.new_cdp_session(page)
    await processor.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    yield f"the same, processor {SLOWER} times slower", _median(await _add(page, "slowly"))
    await processor.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    await page.evaluate("window.longest = window.slowest = 0")
    await page.get_by_role("searchbox").press_sequentially("mend number 99", delay=80)
    await page.get_by_text("items found").wait_for()
    await page.wait_for_timeout(500)
    yield "longest task while searching", f"{await page.evaluate('window.longest'):.0f} ms"
    yield "slowest letter of the search", f"{await page.evaluate('window.slowest'):.0f} ms"
    await _open(page, web)
    await page.evaluate("window.longest = 0")
    took, rows = await _scroll(page)
    longest = f"{await page.evaluate('window.longest'):.0f} ms (to {rows} items in {took:.0f} s)"
    yield "longest task while scrolling", longest


async def _first_visits(browser: Browser, web: str) -> Figures:
    paints, moved = [], []
    for number in range(FIRST_VISITS):
        page = await _new_page(browser)
        answers = _answers_of(page)
        await _open(page, web)
        paints.append(await page.evaluate(PAINTED))
        moved.append(await page.evaluate("window.moved"))
        if number == 0:
            yield "page weight, compressed", f"{await _weight(answers) / 1000:.1f} kB"
        await page.context.close()
    yield "first contentful paint, empty cache", _median(paints)
    yield "layout shift while loading", f"{max(moved):.4f}"


async def _new_page(browser: Browser) -> Page:
    """A page of a browser that has an empty cache."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    await page.add_init_script(WATCH)
    return page


async def _open(page: Page, web: str) -> None:
    await page.goto(web)
    await page.get_by_text("Updates by itself").wait_for()


async def _add(page: Page, text: str) -> list[float]:
    """Milliseconds that each of several new items took."""
    await page.evaluate("window.rows = []")
    for number in range(ROUNDS):
        await page.keyboard.type(f"{text} {number}")
        await page.keyboard.press("Enter")
        while await page.evaluate("window.rows.length") <= number:
            await page.wait_for_timeout(20)
        await page.wait_for_timeout(100)
    found: list[float] = await page.evaluate("window.rows")
    return found


def _answers_of(page: Page) -> list[Response]:
    """Everything that it loads from now on."""
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    return answers


async def _weight(answers: list[Response]) -> int:
    """Bytes of everything that was loaded, as a server sends it that compresses all of it."""
    total = 0
    for answer in answers:
        if "text/event-stream" not in answer.headers.get("content-type", ""):
            total += len(gzip.compress(await answer.body()))
    return total


async def _scroll(page: Page) -> tuple[float, int]:
    """Towards the end of the list, as fast as it comes; how many seconds that took, for how many items."""
    began = time.monotonic()
    while await page.evaluate(MORE) and time.monotonic() < began + SCROLLING:
        await page.mouse.wheel(0, 4000)
        await page.wait_for_timeout(20)
    return time.monotonic() - began, await page.evaluate(COUNT)


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} ms (median of {len(values)}, worst {max(values):.0f})"


async def main() -> int:
    """Measure, and print it."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        print("Chromium is missing: apt-get install chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder)) as web, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
            async for name, figure in measure(browser, web):
                print(f"{name:40} {figure}", flush=True)
            await browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
