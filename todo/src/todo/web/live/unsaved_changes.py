"""Changes that the queue has accepted, and that are not known to be saved."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from todo.events import Change, NewItem
from todo.items import Item
from todo.merge import applied

#: Changes that are remembered: those that wait, and those that turned out to be saved.
MOST, MOST_SAVED = 5000, 5000


@dataclass(frozen=True)
class Accepted:
    """One of them, and when it was received, by the event loop's clock."""

    event: NewItem | Change
    since: float

    @property
    def item_id(self) -> str:
        """Of the item that it adds or changes."""
        return self.event.item.id if isinstance(self.event, NewItem) else self.event.id


class UnsavedChanges:
    """The changes by their ids, oldest first."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Accepted] = OrderedDict()
        self._by_item: dict[str, list[str]] = {}
        self._saved: OrderedDict[str, None] = OrderedDict()
        #: Some were forgotten, because there were too many.
        self.lossy = False

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[tuple[str, Accepted]]:
        return iter(self._waiting.items())

    def add(self, event: NewItem | Change, now: float) -> bool:
        """Whether it is news: neither known already nor known to be saved."""
        change = event.item.id if isinstance(event, NewItem) else event.change
        if change in self._waiting or change in self._saved:
            return False
        accepted = self._waiting[change] = Accepted(event, now)
        self._by_item.setdefault(accepted.item_id, []).append(change)
        if len(self._waiting) > MOST:
            self.lossy = True
            self._forget(next(iter(self._waiting)))
        return True

    def saved(self, changes: Collection[str]) -> None:
        """These are in the database, or given up."""
        for change in changes:
            self._forget(change)
            self._saved[change] = None
            self._saved.move_to_end(change)
        while len(self._saved) > MOST_SAVED:
            self._saved.popitem(last=False)

    def again(self, change: str) -> None:
        """A change that was given up is to be tried again."""
        self._saved.pop(change, None)

    def over(self, item_id: str, item: Item | None) -> tuple[Item | None, list[str]]:
        """The item as it will be once all of this is saved, and the ids of what waits for it."""
        changes = self._by_item.get(item_id, [])
        now = item
        for change in sorted(changes):
            event = self._waiting[change].event
            if isinstance(event, NewItem):
                now = item = item or event.item
            else:
                # After a removal that waits comes, at most, what brings it back.
                now = applied(now if now is not None else item, event)
        return now, list(changes)

    def oldest(self) -> float | None:
        """Since when the first of them waits."""
        return next((one.since for one in self._waiting.values()), None)

    def _forget(self, change: str) -> None:
        if accepted := self._waiting.pop(change, None):
            others = self._by_item[accepted.item_id]
            others.remove(change)
            if not others:
                del self._by_item[accepted.item_id]
