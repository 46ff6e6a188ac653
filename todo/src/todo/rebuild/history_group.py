"""The group that reads the history of events from its beginning into the database."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import msgspec

from dovetail import Group, Received
from todo.changes import edit_of
from todo.events import ANY_CHANGE, CHANGES, Change, ChangeSaved, ItemAmended, ItemSaved, NewItem
from todo.items import InvalidItem, Item
from todo.store import Store, StoreUnavailable
from todo.validation import validated_change, validated_item

log = logging.getLogger("todo.rebuild")

#: It is there while a rebuild runs, and after one that was killed until the next one.
GROUP = "rebuild"
#: Messages in one transaction.
_BATCH = 1000

Result = TypeVar("Result")


@dataclass
class Read:
    """What was read so far. A message that comes again is counted again."""

    items: int = 0
    changes: int = 0
    #: Messages that are no event of ours, or that no release would have saved.
    refused: int = 0
    #: When the oldest of them was published.
    since: datetime | None = None
    #: Ids of items that were put back, as numbers: whoever adds another under one of them has lost it.
    known: set[int] = field(default_factory=set)

    def of(self, events: list[Received], read: Callable[[Received], Result]) -> list[Result]:
        """These events, but for those that the save-handler must have given up."""
        found: list[Result] = []
        for event in events:
            try:
                found.append(read(event))
            except (KeyError, msgspec.ValidationError, InvalidItem) as error:
                log.debug("left out: the message %s on %s: %s", event.id, event.subject, error)
                self.refused += 1
        times = [event.time for event in events if event.time is not None]
        self.since = min([*times, *([self.since] if self.since else [])], default=None)
        return found


def history_group(store: Store, read: Read) -> Group:
    """Puts back what was added and changed, in whatever order it comes."""
    group = Group(GROUP, start="first", not_ready=(StoreUnavailable,))

    # By their subjects, as only messages that are not decoded tell when they were published.
    @group.on(NewItem.__subject__, batch=_BATCH)
    async def add(events: list[Received]) -> None:
        items = read.of(events, _item)
        first = {_number(item.id): item for item in reversed(items)}
        await store.put_back([item for number, item in first.items() if number not in read.known])
        read.known.update(first)
        read.items += len(items)

    @group.on(ANY_CHANGE, batch=_BATCH)
    async def change(events: list[Received]) -> None:
        await apply(read.of(events, _change))

    @group.on(ItemAmended.__subject__, batch=_BATCH)
    async def amend(events: list[Received]) -> None:
        await apply(read.of(events, _amendment))

    async def apply(changes: list[Change]) -> None:
        if changes:
            await store.apply(changes)
        read.changes += len(changes)

    return group


def saved_group(store: Store) -> Group:
    """Puts back when items were saved first; for when these are there."""
    group = Group(GROUP, start="first", not_ready=(StoreUnavailable,))
    read = Read()

    @group.on(ItemSaved.__subject__, batch=_BATCH)
    async def date(events: list[Received]) -> None:
        items = [saved.item for saved in read.of(events, _saved)]
        await store.saved_at({item.id: item.date_saved for item in items if item.date_saved})

    @group.on(ChangeSaved.__subject__, batch=_BATCH)
    async def date_changed(events: list[Received]) -> None:
        items = [one.item for one in read.of(events, _change_saved) if one.item]
        await store.saved_at({item.id: item.date_saved for item in items if item.date_saved})

    return group


def _item(event: Received) -> Item:
    return validated_item(msgspec.convert(event.data, NewItem).item)


def _change(event: Received) -> Change:
    return validated_change(msgspec.convert(event.data, CHANGES[event.subject]))


def _amendment(event: Received) -> Change:
    return validated_change(edit_of(msgspec.convert(event.data, ItemAmended)))


def _saved(event: Received) -> ItemSaved:
    return msgspec.convert(event.data, ItemSaved)


def _change_saved(event: Received) -> ChangeSaved:
    return msgspec.convert(event.data, ChangeSaved)


def _number(id: str) -> int:
    return int.from_bytes(hashlib.blake2b(id.encode(), digest_size=8).digest())
