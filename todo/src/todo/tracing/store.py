"""A span for each write to the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from opentelemetry.trace import SpanKind, Tracer

from todo.events import Change, ChangeSaved
from todo.items import Item
from todo.store import Store
from todo.store.query import Added


def traced(store: Store, tracer: Tracer, system: str) -> Store:
    """The store, whose writing is followed. `system` is "postgresql" or "sqlite"."""
    return cast("Store", _TracedStore(store, tracer, system))


class _TracedStore:
    """Passes everything on."""

    def __init__(self, store: Store, tracer: Tracer, system: str) -> None:
        self._store = store
        self._tracer = tracer
        self._system = system

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def add(self, items: Sequence[Item]) -> Added:
        with self._span("INSERT", len(items)):
            return await self._store.add(items)

    async def apply(self, changes: Sequence[Change]) -> Sequence[ChangeSaved]:
        with self._span("UPDATE", len(changes)):
            return await self._store.apply(changes)

    async def amend(self, id: str, change: Callable[[str], str]) -> Item | None:
        with self._span("UPDATE"):
            return await self._store.amend(id, change)

    @contextmanager
    def _span(self, operation: str, rows: int = 1) -> Iterator[None]:
        attributes: dict[str, str | int] = {
            "db.system.name": self._system,
            "db.operation.name": operation,
            "db.collection.name": "todos",
        }
        if rows > 1:  # as the conventions have it
            attributes["db.operation.batch.size"] = rows
        with self._tracer.start_as_current_span(
            f"{operation} todos", kind=SpanKind.CLIENT, attributes=attributes
        ):
            yield
