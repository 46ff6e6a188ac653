"""A queue in memory, a store that a test can take down, and an environment without settings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from dovetail import MessageQueue, connect, new_id
from todo.items import Item
from todo.store import StoreUnavailable


class FakeStore:
    """Items in a dict. Databases are tested in tests/store; here it is the handlers."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        #: Sizes of the batches that were added.
        self.batches: list[int] = []
        self.down = False
        self.refused = 0
        self.changed = asyncio.Condition()

    async def prepare(self) -> None: ...

    async def check(self) -> None:
        await self._use()

    async def close(self) -> None: ...

    async def add(self, items: Sequence[Item]) -> None:
        await self._use()
        for item in items:
            self.items.setdefault(item.id, item)
        self.batches.append(len(items))
        await self._tell()

    async def amend(self, id: str, change: Callable[[str], str]) -> Item | None:
        await self._use()
        item = self.items.get(id)
        if item is None or change(item.item) == item.item:
            return None
        self.items[id] = Item(id, change(item.item), item.date_added)
        await self._tell()
        return self.items[id]

    async def count(self) -> int:
        await self._use()
        return len(self.items)

    async def get(self, id: str) -> Item | None:
        await self._use()
        return self.items.get(id)

    async def page(self, *, after: str | None = None, limit: int = 100) -> list[Item]:
        raise NotImplementedError

    async def newest(self, limit: int, *, before: str | None = None) -> list[Item]:
        raise NotImplementedError

    async def missing(self, ids: Sequence[str]) -> set[str]:
        raise NotImplementedError

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds after a change."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(condition)

    async def _use(self) -> None:
        if self.down:
            self.refused += 1
            await self._tell()
            raise StoreUnavailable("it is down")

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest_asyncio.fixture
async def queue() -> AsyncIterator[MessageQueue]:
    async with connect(f"memory://{new_id()}") as queue:
        yield queue


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty environment, folder and folder of secrets."""
    for name in list(os.environ):
        if name.startswith("TODO_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TODO_SECRETS_DIR", str(tmp_path / "secrets"))
    return tmp_path
