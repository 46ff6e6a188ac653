"""The application as its users run it: its own folder, ports and processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from dovetail.embedded.ports import free_port

from .commands import Command, start

Todo = Callable[..., Awaitable[Command]]


@pytest.fixture
def settings() -> dict[str, str]:
    """Settings for every command of the test, without TODO_: ports that are free, and patience."""
    names = ("WEB_PORT", "API_PORT", "QUEUE_PORT", "QUEUE_MONITOR_PORT")
    # A disk that is slow for a moment is not to refuse an item.
    return {name: str(free_port()) for name in names} | {"QUEUE_TIMEOUT": "8"}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, on each of the two."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/todo.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest_asyncio.fixture
async def todo_command(tmp_path: Path, settings: dict[str, str]) -> AsyncIterator[Todo]:
    """`await todo_command("up", WEB_PORT="x")`: runs in the test's folder, and ends with the test."""
    async with AsyncExitStack() as stack:

        async def run(*arguments: str, **more: str) -> Command:
            command = await start(*arguments, folder=tmp_path, settings={**settings, **more})
            stack.push_async_callback(command.discard)
            return command

        yield run
