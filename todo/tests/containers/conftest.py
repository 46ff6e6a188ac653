"""Fixtures of the tests in containers."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import httpx
import pytest
import pytest_asyncio

from dovetail.testing.servers import ServerMissing

from .compose import Compose, Failed

NewCompose = Callable[..., Awaitable[Compose]]


@pytest.fixture(scope="session")
def engine() -> None:
    """A container engine; ServerMissing says how to get one."""
    found = shutil.which("docker") and shutil.which("docker-compose")
    if not found or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        raise ServerMissing("no container engine: run `make test-containers`, which starts one")


@pytest_asyncio.fixture
async def new_compose(engine: None) -> AsyncIterator[NewCompose]:
    """`compose = await new_compose("audit", TODO_LOG_FORMAT="json")`: shows its logs and is removed."""
    async with AsyncExitStack() as stack:

        async def make(*overlays: str, **settings: str) -> Compose:
            compose = await stack.enter_async_context(Compose(*overlays, **settings))
            stack.push_async_callback(_show, compose)
            return compose

        yield make


async def _show(compose: Compose) -> None:
    """Pytest shows this where the test failed."""
    print(await compose("logs", "--no-color", "--tail", "60"))  # noqa: T201


async def until(condition: Callable[[], Awaitable[bool]], within: float = 90) -> None:
    """Wait until it holds; TimeoutError where it does not. What is not up yet counts as not yet."""
    async with asyncio.timeout(within):
        while not await _holds(condition):  # noqa: ASYNC110 - it is another machine's
            await asyncio.sleep(0.2)  # between two looks


async def _holds(condition: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await condition()
    except (httpx.TransportError, Failed):
        return False


async def ready(url: str) -> bool:
    """Whether a component says that it can do all of its work."""
    async with httpx.AsyncClient() as http:
        return (await http.get(f"{url}/ready")).status_code == 200
