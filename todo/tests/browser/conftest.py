"""The whole application in one process, and Chromium in front of it.

Chromium is started once, so everything here shares one event loop.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect
from starlette.applications import Starlette

from dovetail import MessageQueue, Worker, connect
from dovetail.testing.servers import NatsServer, ServerMissing
from todo.api.app import create_app as create_api
from todo.handlers.save_handler import save_handler
from todo.settings import SaveHandlerSettings, Settings
from todo.store import Store, open_store
from todo.web.app import create_app as create_web

#: What every test module here begins with.
MARKS = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# Milliseconds that something has to show; a machine that runs other tests beside these may need them.
expect.set_options(timeout=15_000)

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Running:
    """The application's parts and addresses."""

    web: str
    api: str
    queue: MessageQueue
    store: Store


@asynccontextmanager
async def serving(app: Starlette, port: int = 0) -> AsyncIterator[str]:
    """A real server; its address."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        config = uvicorn.Config(app, log_config=None, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            getattr(app.state, "close", lambda: None)()
            server.should_exit = True
            await task
            if hasattr(app.state, "closed"):
                await app.state.closed()


@asynccontextmanager
async def saving(running: Running) -> AsyncIterator[None]:
    """While this lasts, items and their changes are saved."""
    group = save_handler(running.store, SaveHandlerSettings())
    async with Worker(running.queue, [group]):
        yield


@pytest_asyncio.fixture(loop_scope="session")
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(Settings(data_dir=tmp_path).database, connections=2)
    await store.prepare()
    yield store
    await store.close()


@pytest_asyncio.fixture(loop_scope="session")
async def running(store: Store, tmp_path: Path) -> AsyncIterator[Running]:
    """Web and API on a real NATS server of their own; no handler runs."""
    settings = Settings(data_dir=tmp_path)
    async with (
        NatsServer() as server,
        connect(server.url, timeout=1.5) as queue,
        serving(create_web(queue, store, settings)) as web,
        serving(create_api(queue, store, settings)) as api,
    ):
        yield Running(web, api, queue, store)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise ServerMissing("Chromium is missing: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page on which nothing may go wrong: no script error, nothing that the policy forbids."""
    context = await browser.new_context()
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    yield page
    await context.close()
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []
