"""One item as it is now: as the database has it, with what was accepted since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dovetail import MessageQueue
from todo.api.schemas import Status
from todo.events import Change, ItemRestored
from todo.items import Item, is_id, is_uuid
from todo.serving.waiting import overlaid, read_waiting
from todo.store import Store

#: Waiting messages among which those of one item are looked for.
SEARCHED = 1000


@dataclass(frozen=True)
class Found:
    """What there is of one id."""

    id: str
    #: None where there is no such item, or where it is to be removed.
    item: Item | None = None
    status: Status = "saved"
    #: Its changes that wait to be saved, in the order of their ids.
    waiting: Sequence[Change] = ()
    #: Everything that waits to be saved was seen.
    complete: bool = True


async def find(queue: MessageQueue, store: Store, wanted: str) -> Found:
    """The item of this id. Raises StoreUnavailable."""
    found = Found(wanted)
    if not is_id(wanted):
        return found
    # What is acked between the two is in the table by then.
    waiting = await read_waiting(queue, SEARCHED)
    complete = waiting.complete and not waiting.unreachable
    # Ours are in lower case, those of other publishers need not be.
    for name in dict.fromkeys((wanted, wanted.lower() if is_uuid(wanted) else wanted)):
        mine = waiting.of(name)
        saved = await store.get(name)
        there = [saved] if saved else []
        if saved is None and any(isinstance(change, ItemRestored) for change in mine.changes):
            there = await store.removed([name])
            if not there:  # it may have been restored between the two
                there = await store.items([name])
        found = Found(name, waiting=mine.changes, complete=complete)
        for shown in overlaid(there, mine):
            return replace(found, item=shown.item, status=shown.state)
    return found
