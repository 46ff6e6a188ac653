"""Changes that could not be saved: the dead letters of the save-handler."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec

from dovetail import DeadLetter, DovetailError, MessageQueue
from todo.events import CHANGES, Change, NewItem
from todo.items import Item, is_id
from todo.merge import Value, field_of, value_of
from todo.waiting_changes import GROUP
from todo.web.item_json import Failure

#: Letters that are looked at, the newest; what is older is for those who run the queue.
MOST = 200
#: Characters of what could not be saved that are shown, to be copied.
MOST_SHOWN = 10_000
#: Seconds that the queue has to answer.
PATIENCE = 1.5
#: Seconds for which one look serves all who ask.
FRESH = 0.5


@dataclass(frozen=True)
class Failed:
    """A change that became a dead letter."""

    letter: DeadLetter
    event: NewItem | Change

    @property
    def item_id(self) -> str:
        """Of the item that it would have added or changed."""
        return self.event.item.id if isinstance(self.event, NewItem) else self.event.id

    @property
    def change(self) -> str:
        """The change's id; that of the item where it would have added one."""
        return self.event.item.id if isinstance(self.event, NewItem) else self.event.change

    @property
    def failure(self) -> Failure:
        """For people."""
        # The log says which item it was; on the page it stands beside it.
        reason = self.letter.reason.removeprefix("Reject: ").removeprefix(f"{self.item_id}: ")
        if isinstance(self.event, NewItem):
            field: str = "item"
            value: Value = self.event.item.item
        else:
            field, value = field_of(self.event), value_of(self.event)
        if isinstance(value, str):
            value = value[:MOST_SHOWN]
        return Failure(reason, self.letter.id, field, value)


class Failures:
    """Reads, retries and discards them."""

    def __init__(self, queue: MessageQueue) -> None:
        self._queue = queue
        self._found: Sequence[Failed] = ()
        self._until = 0.0
        self._reading = asyncio.Lock()

    async def read(self) -> Sequence[Failed]:
        """Newest first; as they were when the queue cannot be reached."""
        async with self._reading:
            if time.monotonic() >= self._until and self._queue.connected:
                try:
                    async with asyncio.timeout(PATIENCE):
                        self._found = await self._read()
                except (DovetailError, TimeoutError):
                    pass
                self._until = time.monotonic() + FRESH
        return self._found

    async def of(self, item_id: str, letter: str = "") -> list[Failed]:
        """Those of one item, or the one whose letter this is. Raises QueueError."""
        found = [one for one in await self._read() if one.item_id == item_id]
        return [one for one in found if letter in ("", one.letter.id)]

    async def retry(self, failed: Failed) -> None:
        """Hand it back to the save-handler. Raises QueueError."""
        await self._queue.dead_letters.replay(failed.letter)
        self._until = 0.0

    async def discard(self, failed: Failed) -> None:
        """Give it up for good. Raises QueueError."""
        await self._queue.dead_letters.drop(failed.letter)
        self._until = 0.0

    async def _read(self) -> list[Failed]:
        letters = self._queue.dead_letters
        # Counting is cheap, and nearly always there are none.
        if not (await letters.count(group=GROUP)).get(GROUP):
            return []
        found = await letters.list(group=GROUP, most=MOST)
        return [failed for letter in found if (failed := _failed(letter)) is not None]


def latest_by_item(failed: Sequence[Failed]) -> dict[str, Failed]:
    """The latest failure of each item that has one."""
    return {one.item_id: one for one in reversed(failed)}


def never_added(failed: Sequence[Failed], there: Collection[str]) -> list[Item]:
    """Items that could not be added, newest first, but for those that are there."""
    events = [one.event for one in failed]
    items = [event.item for event in events if isinstance(event, NewItem)]
    return sorted(
        (item for item in items if item.id not in there), key=lambda one: one.id, reverse=True
    )


_KINDS: dict[str, type[NewItem | Change]] = {NewItem.__subject__: NewItem, **CHANGES}


class _Envelope(msgspec.Struct):
    """As much of a CloudEvent as matters here."""

    data: msgspec.Raw


def _failed(letter: DeadLetter) -> Failed | None:
    """None for what no item can be known of: other messages, and what cannot be read."""
    kind = _KINDS.get(letter.subject)
    if kind is None:
        return None
    try:
        structured = msgspec.json.decode(letter.body, type=_Envelope)
        failed = Failed(letter, msgspec.json.decode(structured.data, type=kind))
    except msgspec.MsgspecError:
        return None
    return failed if is_id(failed.item_id) else None
