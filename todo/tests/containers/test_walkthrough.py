"""The walk-through and the lab in containers, done as the pages say."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ..walkthrough.page import read  # noqa: TID252 - tests have no absolute names
from ..walkthrough.reader import Reader  # noqa: TID252
from .compose import DEPLOY, VERSION, Compose

DOCS = DEPLOY.parent / "docs"
#: Seconds for a container to come up, on a busy machine.
PATIENCE = 90.0


@pytest_asyncio.fixture
async def compose() -> AsyncIterator[Compose]:
    async with Compose() as compose:
        yield compose


@pytest.mark.timeout(900)  # fifty commands, most of which start a container
async def test_everything_happens_as_the_pages_say(compose: Compose) -> None:
    server = f"redis-{uuid.uuid4().hex[:8]}"
    names = {
        "dovetail-todo/tools": f"dovetail-todo/tools:{VERSION}",
        "dovetail-todo/lab-save-handler": f"dovetail-todo/lab-save-handler:{VERSION}",
        "ch21": f"ch21-{compose.project}",
        "app-net": compose.network,
        "--name redis": f"--name {server} --network-alias redis",
        "--force redis": f"--force {server}",
    }
    async with Reader(DEPLOY, names, compose.settings, PATIENCE) as reader:
        for page in ("walkthrough-containers.md", "lab.md"):
            for step in read(DOCS / page):
                await reader.do(step)
        assert reader.busy == [], "the page leaves something running"
