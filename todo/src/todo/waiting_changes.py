"""Reads from the queue what was accepted and is not saved yet: new items, and changes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from dovetail import MessageQueue, QueueError, Received
from todo.events import ANY_CHANGE, CHANGES, Change, NewItem
from todo.items import InvalidItem, Item, is_id
from todo.merge import after_all
from todo.validation import validated_change

#: The group that saves items and changes.
GROUP = "save-handler"
#: Seconds that the queue has to answer.
PATIENCE = 1.5


@dataclass(frozen=True)
class WaitingChanges:
    """The new items and changes that wait to be saved, as far as the queue tells."""

    #: The oldest of the new items, oldest first.
    items: Sequence[Item] = ()
    #: Those are all, and so are the changes.
    complete: bool = True
    #: How many wait in all, where they are not all here; None where that is not known either.
    backlog: int | None = None
    unreachable: bool = False
    #: The oldest of the changes, in the order of their ids.
    changes: Sequence[Change] = ()

    @property
    def total(self) -> int:
        """How many items and changes wait, or at least how many."""
        here = len(self.items) + len(self.changes)
        return here if self.complete else max(self.backlog or 0, here)

    @property
    def more(self) -> bool:
        """Whether there are more than `total`."""
        return not self.complete and self.backlog is None

    def of(self, item_id: str) -> WaitingChanges:
        """What waits of this item alone."""
        items = [item for item in self.items if item.id == item_id]
        return replace(
            self, items=items, changes=[one for one in self.changes if one.id == item_id]
        )

    def only(self, ids: set[str]) -> WaitingChanges:
        """The same without those new items that turned out to be saved."""
        return replace(self, items=[item for item in self.items if item.id in ids])

    def without(self, saved: Collection[str]) -> WaitingChanges:
        """The same without those changes that turned out to be saved."""
        return replace(self, changes=[one for one in self.changes if one.change not in saved])


@dataclass(frozen=True)
class ShownItem:
    """An item as its author is to see it, whether it is saved or not."""

    item: Item
    #: "accepted": it waits to be added, or a change of it waits.
    state: Literal["saved", "accepted"] = "saved"
    #: The ids of the changes that wait.
    waiting: tuple[str, ...] = ()


def with_waiting(items: Iterable[Item], waiting: WaitingChanges) -> list[ShownItem]:
    """The items with the changes that wait, then those that wait to be added, oldest first.

    Those whose removal waits are left out. `items` are those of the database, read after what waits.
    """
    changes: dict[str, list[Change]] = {}
    for change in waiting.changes:
        changes.setdefault(change.id, []).append(change)
    saved = {item.id: item for item in items}
    shown = [_shown(item, changes.get(item.id, ()), new=False) for item in saved.values()]
    new = {item.id: item for item in waiting.items if item.id not in saved}
    shown += [_shown(item, changes.get(item.id, ()), new=True) for item in new.values()]
    return [one for one in shown if one is not None]


def _shown(item: Item, changes: Sequence[Change], *, new: bool) -> ShownItem | None:
    now, there = after_all(item, changes)
    if not there:
        return None
    state: Literal["saved", "accepted"] = "accepted" if new or changes else "saved"
    return ShownItem(now, state, tuple(change.change for change in changes))


async def read_waiting(queue: MessageQueue, most: int) -> WaitingChanges:
    """Ask the queue for up to `most` items and changes. Where it cannot be reached, the answer says so."""
    if not queue.connected:
        return WaitingChanges(unreachable=True)
    try:
        async with asyncio.timeout(PATIENCE):
            new, changes = await asyncio.gather(
                queue.waiting(NewItem, GROUP, most=most),
                queue.waiting(ANY_CHANGE, GROUP, most=most),
            )
            complete = max(len(new), len(changes)) < most
            backlog = None if complete else await _backlog(queue)
    except (QueueError, TimeoutError):
        return WaitingChanges(unreachable=True)
    items = [item for one in new if (item := _item(one)) is not None]
    found = [change for one in changes if (change := _change(one)) is not None]
    return WaitingChanges(
        items, complete, backlog, changes=sorted(found, key=lambda one: one.change)
    )


async def _backlog(queue: MessageQueue) -> int | None:
    """How many items and changes the group has yet to save; None before the group was ever started."""
    rows = [row for row in (await queue.status()).groups if row.group == GROUP]
    rows = [row for row in rows if row.subject in (NewItem.__subject__, ANY_CHANGE)]
    return sum(row.waiting + row.in_hand for row in rows) if rows else None


def _item(received: Received) -> Item | None:
    """The item of one event; None for what is no such event: it goes to the dead letters."""
    try:
        item = msgspec.convert(received.data, NewItem).item
    except msgspec.ValidationError:
        return None
    return item if is_id(item.id) else None


def _change(received: Received) -> Change | None:
    """The change that an event is; None for what is none: it goes to the dead letters."""
    try:
        return validated_change(msgspec.convert(received.data, CHANGES[received.subject]))
    except (KeyError, msgspec.ValidationError, InvalidItem):
        return None
