"""One item as its author is to see it: as the database has it, with what was accepted since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dovetail import MessageQueue
from todo.events import Change, ItemRestored
from todo.items import Item, is_id, is_uuid
from todo.merge import after_all
from todo.store import Store, StoreUnavailable
from todo.store.query import KeptAndRemoved
from todo.waiting_changes import ShownItem, WaitingChanges, read_waiting, with_waiting

#: Waiting messages among which those of one item are looked for.
MOST_WAITING = 1000


@dataclass(frozen=True)
class CurrentItem:
    """What can be told of the item with this id."""

    id: str
    shown: ShownItem | None = None
    #: It was removed, or its removal waits; `shown` is what it would be if it were restored.
    removed: bool = False
    #: All that could tell of it was read.
    certain: bool = True
    #: Those of its changes that wait, oldest first.
    waiting: Sequence[Change] = ()

    @property
    def item(self) -> Item | None:
        """The item with what waits, also of one that was removed."""
        return self.shown.item if self.shown else None

    @property
    def there(self) -> Item | None:
        """The item with what waits; None where there is none, or where it was removed."""
        return None if self.removed else self.item

    @property
    def status(self) -> Literal["saved", "accepted"]:
        """Whether something of it waits to be saved."""
        return self.shown.state if self.shown else "saved"

    @property
    def version(self) -> str:
        """The last change that is known of it."""
        return self.shown.item.version if self.shown else ""


async def read_current_item(
    queue: MessageQueue, store: Store, wanted: str, *, partial: bool = False
) -> CurrentItem:
    """The item with this id.

    Where the database cannot be read, StoreUnavailable is raised; if `partial`, what waits is told alone.
    """
    if not is_id(wanted):
        return CurrentItem(wanted)
    # First the queue and then the table: what is acked in between is in the table by then.
    waiting = await read_waiting(queue, MOST_WAITING)
    current = CurrentItem(wanted)
    # Our ids are in lower case, those of other publishers need not be.
    for name in dict.fromkeys((wanted, wanted.lower() if is_uuid(wanted) else wanted)):
        try:
            saved, readable = await store.kept_and_removed([name]), True
        except StoreUnavailable:
            if not partial:
                raise
            saved, readable = KeptAndRemoved(), False
        current = _current(name, saved, waiting.of(name))
        if not readable:
            current = replace(current, certain=False)
        if current.shown:
            break
    return current


def _current(id: str, saved: KeptAndRemoved, waiting: WaitingChanges) -> CurrentItem:
    current = CurrentItem(
        id, certain=waiting.complete and not waiting.unreachable, waiting=waiting.changes
    )
    # One that is removed is there again where its restoring waits.
    restored = any(isinstance(change, ItemRestored) for change in waiting.changes)
    there = [*saved.kept, *(saved.removed if restored else ())]
    if shown := with_waiting(there, waiting):
        return replace(current, shown=shown[0])
    before = saved.removed or saved.kept or waiting.items
    if not before:
        return current
    would_be, _ = after_all(before[0], waiting.changes)
    return replace(current, shown=ShownItem(would_be), removed=True)
