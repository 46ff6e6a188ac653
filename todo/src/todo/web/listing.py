"""What the pages show of the list: items that are saved, and items that wait to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dovetail import MessageQueue
from todo.items import Item
from todo.serving.waiting import Waiting, read_waiting
from todo.store import Store, StoreUnavailable

#: Saved items on one page.
PAGE_SIZE = 50
#: Waiting items that are shown at most; the longest waiting ones.
WAITING_SHOWN = 100


@dataclass(frozen=True)
class Saved:
    """What the database has, as far as it tells."""

    #: Newest first, as the page shows them.
    items: Sequence[Item] = ()
    #: How many are saved in all.
    total: int = 0
    #: The id to give as `before` for the page of older items; None on the last.
    older: str | None = None
    unreachable: bool = False


@dataclass(frozen=True)
class Listing:
    """One page of the list."""

    saved: Saved
    waiting: Waiting
    #: The page begins behind this id; None for the newest.
    before: str | None = None

    @property
    def unsettled(self) -> bool:
        """Whether the next reading is likely to differ."""
        down = self.saved.unreachable or self.waiting.unreachable
        return down or self.waiting.total > 0


async def read_listing(queue: MessageQueue, store: Store, before: str | None = None) -> Listing:
    """One page of the list; what cannot be reached is left out and marked."""
    # First the queue and then the table: what is acked in between is in the table by then.
    waiting = await read_waiting(queue, WAITING_SHOWN)
    try:
        saved, missing = await _read_saved(store, before, [item.id for item in waiting.items])
    except StoreUnavailable:
        return Listing(Saved(unreachable=True), waiting, before)
    return Listing(saved, waiting.only(missing), before)


async def _read_saved(
    store: Store, before: str | None, waiting: Sequence[str]
) -> tuple[Saved, set[str]]:
    """One page of the table, and which of the waiting ids it does not have."""
    missing = await store.missing(waiting)
    # One more than is shown tells whether there are older ones.
    newest = await store.newest(PAGE_SIZE + 1, before=before)
    total = await store.count()
    items = list(reversed(newest))[:PAGE_SIZE]
    older = items[-1].id if len(newest) > PAGE_SIZE else None
    # An item that was saved between the two readings would else stand there twice.
    return Saved(items, total, older), missing - {item.id for item in newest}
