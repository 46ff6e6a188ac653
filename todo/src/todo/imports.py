"""Imports: sends the items of a file to the queue, and tells how many of them are saved."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from dovetail import MessageQueue, QueueError, new_id
from todo.changes import derived_change_id
from todo.events import ANY_CHANGE, ImportPart, NewItem
from todo.items import Item
from todo.store import Store
from todo.waiting_changes import GROUP, PATIENCE

#: Of one command. A queue takes messages of a megabyte.
_MOST_ITEMS, _MOST_BYTES = 200, 256 * 1024
#: Items of which it is asked in the end whether they were removed meanwhile.
_MOST_ASKED = 1000
#: Imports that are remembered here.
_MOST_KNOWN = 50
_SUBJECTS = (ImportPart.__subject__, NewItem.__subject__, ANY_CHANGE)


@dataclass
class _Import:
    """An import that this process has accepted."""

    total: int
    #: Those of its items that were not saved when it was last asked for.
    missing: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Progress:
    """How far an import is."""

    finished: bool
    #: How many items it has, and how many of them are saved; None where another process accepted it.
    total: int | None = None
    saved: int | None = None
    #: How much waits to be saved in all, of whatever comes from: None where the queue does not tell.
    waiting: int | None = None

    @property
    def lost(self) -> int:
        """How many became dead letters."""
        return (self.total or 0) - (self.saved or 0) if self.finished else 0


class Imports:
    """The imports that this process has accepted. What waits in the queue tells of the others."""

    def __init__(self, queue: MessageQueue, store: Store) -> None:
        self._queue, self._store = queue, store
        self._known: dict[str, _Import] = {}

    async def begin(self, id: str, items: Sequence[Item]) -> None:
        """Return once the queue has all of them. Doing it again under the same id, a UUIDv7, adds nothing.

        Raises QueueError; then some of them may be on their way.
        """
        stamp = new_id()
        for number, part in enumerate(_parts(items)):
            await self._queue.send(ImportPart(part, stamp), id=derived_change_id(id, str(number)))
        self._known[id] = _Import(len(items), {item.id for item in items})
        while len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]

    async def progress(self, id: str) -> Progress:
        """How far it is. Raises StoreUnavailable."""
        # First what waits: what was saved between the two is seen then.
        waiting = await self._waiting()
        known = self._known.get(id)
        if known is None:
            return Progress(finished=waiting == 0, waiting=waiting)
        missing = await self._store.missing([*known.missing])
        if waiting == 0 and 0 < len(missing) <= _MOST_ASKED:
            missing -= {item.id for item in await self._store.removed([*missing])}
        known.missing = missing
        finished = not missing or waiting == 0
        return Progress(finished, known.total, known.total - len(missing), waiting)

    async def _waiting(self) -> int | None:
        try:
            async with asyncio.timeout(PATIENCE):
                rows = (await self._queue.status()).groups
        except (QueueError, TimeoutError):
            return None
        return sum(
            row.waiting + row.in_hand
            for row in rows
            if row.group == GROUP and row.subject in _SUBJECTS
        )


def _parts(items: Sequence[Item]) -> Iterator[tuple[Item, ...]]:
    part: list[Item] = []
    size = 0
    for item in items:
        length = len(msgspec.json.encode(item))
        if part and (len(part) == _MOST_ITEMS or size + length > _MOST_BYTES):
            yield tuple(part)
            part, size = [], 0
        part.append(item)
        size += length
    if part:
        yield tuple(part)
