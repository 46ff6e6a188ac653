"""A queue in memory, a store that a test can take down, and an environment without settings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dovetail import MessageQueue, connect, new_id
from todo.events import Change, ChangeSaved
from todo.items import Item
from todo.merge import merged
from todo.store import StoreUnavailable
from todo.store.query import Added


class FakeStore:
    """Items in a dict. Databases are tested in tests/store; here it is the handlers."""

    def __init__(self) -> None:
        self.rows: dict[str, Item] = {}
        self.added: dict[str, Item] = {}
        self.changes: dict[str, dict[str, Change]] = {}
        #: Sizes of the batches that were added.
        self.batches: list[int] = []
        self.down = False
        self.refused = 0
        self.changed = asyncio.Condition()

    async def prepare(self) -> None: ...

    async def check(self) -> None:
        await self._use()

    async def close(self) -> None: ...

    async def add(self, items: Sequence[Item]) -> Added:
        await self._use()
        for item in items:
            self.added.setdefault(item.id, item)
            self._project(item.id)
        self.batches.append(len(items))
        await self._tell()
        lost = [
            item
            for item in items
            if item.item != self.added[item.id].item
            and item.date_added != self.added[item.id].date_added
        ]
        return Added([self.rows.get(item.id) for item in items], lost)

    async def apply(self, changes: Sequence[Change]) -> Sequence[ChangeSaved]:
        await self._use()
        for change in changes:
            self.changes.setdefault(change.id, {})[change.change] = change
            self._project(change.id)
        await self._tell()
        return [
            ChangeSaved(
                one,
                tuple(change.change for change in changes if change.id == one),
                self.rows.get(one),
                early=one not in self.added,
            )
            for one in dict.fromkeys(change.id for change in changes)
        ]

    async def count(self) -> int:
        await self._use()
        return len(self.rows)

    async def get(self, id: str) -> Item | None:
        await self._use()
        return self.rows.get(id)

    async def __none(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    amend = items = page = newest = missing = counts = tags = history = __none
    saved_changes = removed = kept_and_removed = changed_since = removed_since = put_back = (
        saved_at
    ) = __none

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds after a change."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(condition)

    def _project(self, id: str) -> None:
        item = merged(self.added.get(id), self.changes.get(id, {}).values())
        self.rows.pop(id, None)
        if item is not None:
            self.rows[id] = item

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
