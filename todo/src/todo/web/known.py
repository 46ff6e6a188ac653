"""One item as it is known here: what is saved of it, and what waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dovetail import MessageQueue
from todo.events import Change, ItemRemoved, ItemRestored
from todo.items import Item
from todo.merging import after_all
from todo.serving.waiting import Shown, Waiting, overlaid, read_waiting
from todo.store import Store, StoreUnavailable

#: Waiting items and changes that are looked through.
MOST = 500


@dataclass(frozen=True)
class Known:
    """What can be told of the item with this id."""

    id: str
    shown: Shown | None = None
    #: It was removed; `shown` is what it would be if it were restored.
    removed: bool = False
    #: All that could tell of it was read.
    certain: bool = True
    #: Those of its changes that wait, oldest first.
    waiting: Sequence[Change] = ()

    @property
    def item(self) -> Item | None:
        """The item, with what waits."""
        return self.shown.item if self.shown else None

    @property
    def version(self) -> str:
        """The last change that is known of it."""
        return self.shown.item.version if self.shown else ""


async def read_known(queue: MessageQueue, store: Store, item_id: str) -> Known:
    """The item with this id, as its author is to see it."""
    # First the queue and then the table: what is acked in between is in the table by then.
    waiting = (await read_waiting(queue, MOST)).of(item_id)
    certain = waiting.complete and not waiting.unreachable
    try:
        there = await store.items([item_id])
        gone = [] if there else await store.removed([item_id])
        if not there and not gone:  # it may have been restored between the two
            there = await store.items([item_id])
    except StoreUnavailable:
        there, gone, certain = [], [], False
    if shown := overlaid([*there, *(gone if _is_restored(waiting) else ())], waiting):
        return Known(item_id, shown[0], certain=certain, waiting=waiting.changes)
    # Removed, or its removal waits.
    before = gone or there or list(waiting.items)
    if not before:
        return Known(item_id, certain=certain)
    return Known(
        item_id,
        Shown(after_all(before[0], waiting.changes)[0]),
        removed=True,
        certain=certain,
        waiting=waiting.changes,
    )


def _is_restored(waiting: Waiting) -> bool:
    """Whether the last that waits of it brings it back."""
    kinds = [one for one in waiting.changes if isinstance(one, ItemRemoved | ItemRestored)]
    return bool(kinds) and isinstance(kinds[-1], ItemRestored)
