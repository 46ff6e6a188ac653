"""What an Idempotency-Key stands for: one item with one text, even if another process was told of it first.

The key is the item's id, so database and queue know it as well, after a restart and in other processes. A
key that neither knows is new. Where they cannot be read, the item is accepted all the same, under a
message id that the queue does not take for a repetition of another text. The save-handler then decides,
and makes a dead letter of what it cannot save.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from dataclasses import dataclass

from dovetail import MessageQueue
from todo.items import Item
from todo.store import Store, StoreUnavailable
from todo.waiting_changes import read_waiting

#: Keys that are remembered.
MOST = 10_000
#: Waiting items among which one is looked for, the oldest first; more would make a backlog slow to add to.
SEARCHED = 1000
#: How long database and queue have to answer, in seconds.
PATIENCE = 0.5


class KeyTaken(Exception):
    """The key stands for another item, `item`; the message says which."""

    def __init__(self, item: Item, what: str) -> None:
        super().__init__(f"the item {item.id}, which {what}")
        self.item = item


@dataclass(frozen=True)
class KeyLookup:
    """What database and queue know of a key."""

    #: None where nothing is known of it.
    item: Item | None = None
    #: The text that it has, and the one that it was added with.
    texts: frozenset[str] = frozenset()
    #: Database and queue could be asked, and could tell.
    sure: bool = False
    removed: bool = False


@dataclass
class Use:
    """A key in use."""

    item: Item
    texts: frozenset[str]
    #: The queue has it.
    accepted: bool = False
    #: Neither database nor queue has an item of this id that could not be seen.
    known: bool = True
    #: The item as it was to be added, where that was here.
    added: Item | None = None

    @property
    def message_id(self) -> str:
        """What the queue knows a repetition by: the key, or where it may stand for another text, both."""
        if self.known:
            return self.item.id
        return str(uuid.uuid5(uuid.UUID(self.item.id), repr(_content(self.item))))


class IdempotencyKeys:
    """Remembers keys that were used here lately, and looks the others up."""

    def __init__(self, queue: MessageQueue, store: Store) -> None:
        self._queue = queue
        self._store = store
        self._uses: OrderedDict[str, Use] = OrderedDict()
        self._looking: set[asyncio.Task[KeyLookup]] = set()

    async def use(self, wanted: Item) -> Use:
        """The item that the key, its id, stands for from now on; KeyTaken where that is another one."""
        use = self._uses.get(wanted.id)
        if use and not use.accepted:
            return _checked(use, wanted)
        # What was accepted may have been removed since, wherever that was.
        found = await self._find(wanted.id)
        if found.item and found.removed:
            raise KeyTaken(found.item, "was removed")
        if use is None:
            if found.item is None:
                new = Use(wanted, frozenset({wanted.item}), known=found.sure, added=wanted)
            else:
                new = Use(found.item, found.texts, accepted=True)
            use = self._uses.setdefault(wanted.id, new)  # somebody else may have been faster
            if len(self._uses) > MOST:
                self._uses.popitem(last=False)
        return _checked(use, wanted)

    async def accepted(self, use: Use) -> None:
        """The queue has confirmed it: look whether another process was faster. Raises KeyTaken."""
        use.accepted = True
        if use.known and (found := await self._find(use.item.id)).item:
            wanted, use.item, use.texts = use.item, found.item, found.texts
            _checked(use, wanted)

    async def _find(self, key: str) -> KeyLookup:
        """What database and queue can tell in time."""
        looking = asyncio.create_task(self._look(key))
        self._looking.add(looking)
        looking.add_done_callback(self._looking.discard)
        # Not cancelled after that: it ends soon, and cancelling could cost the store a connection.
        done, _ = await asyncio.wait({looking}, timeout=PATIENCE)
        return looking.result() if done else KeyLookup()

    async def _look(self, key: str) -> KeyLookup:
        waiting = await read_waiting(self._queue, SEARCHED)
        try:
            # What is acked in between is in the table by then.
            past = await self._store.history(key)
            added = frozenset(str(one.value) for one in past if one.field == "added")
            if item := await self._store.get(key):
                return KeyLookup(item, added | {item.item}, sure=True)
            for item in await self._store.removed([key]) if past else ():
                return KeyLookup(item, added, sure=True, removed=True)
        except StoreUnavailable:
            return KeyLookup()
        for item in waiting.items:
            if item.id == key:
                return KeyLookup(item, frozenset({item.item}), sure=True)
        return KeyLookup(sure=waiting.complete and not waiting.unreachable)


def _checked(use: Use, wanted: Item) -> Use:
    """Only the text of an item is compared where it was added elsewhere: the rest may have changed since."""
    if wanted.item not in use.texts:
        raise KeyTaken(use.item, "has another text")
    if use.added and _content(use.added) != _content(wanted):
        raise KeyTaken(use.item, "was added with other fields")
    return use


def _content(item: Item) -> tuple[object, ...]:
    return item.item, item.done, item.due, item.tags, item.notes, item.position
