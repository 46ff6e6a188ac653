"""What an event means for open pages."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from dovetail import Received
from todo.events import CHANGES, Change, ChangeSaved, ItemAmended, ItemSaved, NewItem
from todo.items import InvalidItem
from todo.keeping import kept, kept_change
from todo.merging import field_of, value_of
from todo.web.live.deltas import ChangeDelta, SupersededDelta
from todo.web.live.due import Due
from todo.web.live.telling import Telling

log = logging.getLogger("todo.web.live")


class Hearing:
    """Events in any order, any number of times, at most once: other ways lead to what is missed."""

    def __init__(self, telling: Telling, due: Due) -> None:
        self._telling = telling
        self._due = due

    def heard(self, event: Received) -> None:
        """Whatever came."""
        try:
            self._take(event)
        except msgspec.ValidationError as error:  # it goes to the dead letters, too
            log.debug("%s on %s is no such event: %s", event.id, event.subject, error)

    def _take(self, event: Received) -> None:
        match event.subject:
            case NewItem.__subject__:
                self.accepted(msgspec.convert(event.data, NewItem))
            case ItemSaved.__subject__:
                item = msgspec.convert(event.data, ItemSaved).item
                self._due.add(item.id, (item.id,))
            case ItemAmended.__subject__:
                amended = msgspec.convert(event.data, ItemAmended)
                self._due.add(amended.item.id, (amended.change,) if amended.change else ())
            case ChangeSaved.__subject__:
                self._saved(msgspec.convert(event.data, ChangeSaved))
            case subject if subject in CHANGES:
                self.accepted(msgspec.convert(event.data, CHANGES[subject]))

    def accepted(self, event: NewItem | Change) -> None:
        """The queue has it."""
        try:
            event = NewItem(kept(event.item)) if isinstance(event, NewItem) else kept_change(event)
        except InvalidItem:  # it will be among the dead letters
            return
        item_id = event.item.id if isinstance(event, NewItem) else event.id
        if not self._telling.unsaved.add(event, asyncio.get_running_loop().time()):
            return
        if isinstance(event, NewItem):
            self._telling.item(item_id, None)
        else:
            self._telling.tell(ChangeDelta(item_id, event.change, field_of(event), value_of(event)))

    def _saved(self, event: ChangeSaved) -> None:
        self._due.add(event.id, event.changes)
        for change in event.superseded:
            self._telling.tell(SupersededDelta(event.id, change))
