"""Items that were accepted and are not saved yet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from dovetail import MessageQueue, QueueError, Received
from todo.events import NewItem
from todo.items import Item

#: The group that saves items.
GROUP = "save-handler"
#: Seconds that the queue has to answer.
PATIENCE = 1.5


@dataclass(frozen=True)
class Waiting:
    """What waits, as far as the queue tells."""

    #: The oldest of them, oldest first.
    items: Sequence[Item] = ()
    #: Those are all.
    complete: bool = True
    #: How many wait in all, where they are not all here; None where that is not known either.
    backlog: int | None = None
    unreachable: bool = False

    @property
    def total(self) -> int:
        """How many wait, or at least how many."""
        return len(self.items) if self.complete else max(self.backlog or 0, len(self.items))

    @property
    def more(self) -> bool:
        """Whether there are more than `total`."""
        return not self.complete and self.backlog is None

    def only(self, ids: set[str]) -> Waiting:
        """The same without those that turned out to be saved."""
        return replace(self, items=[item for item in self.items if item.id in ids])


async def read_waiting(queue: MessageQueue, most: int) -> Waiting:
    """Ask the queue for up to `most` of them. Where it cannot be reached, the answer says so."""
    if not queue.connected:
        return Waiting(unreachable=True)
    try:
        async with asyncio.timeout(PATIENCE):
            received = await queue.waiting(NewItem, GROUP, most=most)
            complete = len(received) < most
            backlog = None if complete else await _backlog(queue)
    except (QueueError, TimeoutError):
        return Waiting(unreachable=True)
    items = [item for one in received if (item := _item(one)) is not None]
    return Waiting(items, complete, backlog)


async def _backlog(queue: MessageQueue) -> int | None:
    """How many items the group has yet to save; None before the group was ever started."""
    rows = [row for row in (await queue.status()).groups if row.group == GROUP]
    rows = [row for row in rows if row.subject == NewItem.__subject__]
    return sum(row.waiting + row.in_hand for row in rows) if rows else None


def _item(received: Received) -> Item | None:
    """The item of one event; None for what is no such event: it goes to the dead letters."""
    try:
        return msgspec.convert(received.data, NewItem).item
    except msgspec.ValidationError:
        return None
