"""Turns events from the queue into deltas for open pages."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from dovetail import Received
from todo.events import CHANGES, Change, ChangeSaved, ItemAmended, ItemSaved, NewItem
from todo.items import InvalidItem
from todo.merge import field_of, value_of
from todo.validation import validated_change, validated_item
from todo.web.live.broadcast import Broadcast
from todo.web.live.deltas import ChangeDelta, SupersededDelta
from todo.web.live.stale_items import StaleItems

log = logging.getLogger("todo.web.live")


class EventEffects:
    """Takes events in any order and any number of times. What is missed here is found by `Poll`."""

    def __init__(self, broadcast: Broadcast, stale: StaleItems) -> None:
        self._broadcast = broadcast
        self._stale = stale

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
                self._stale.add(item.id, (item.id,))
            case ItemAmended.__subject__:
                amended = msgspec.convert(event.data, ItemAmended)
                self._stale.add(amended.item.id, (amended.change,) if amended.change else ())
            case ChangeSaved.__subject__:
                self._saved(msgspec.convert(event.data, ChangeSaved))
            case subject if subject in CHANGES:
                self.accepted(msgspec.convert(event.data, CHANGES[subject]))

    def accepted(self, event: NewItem | Change) -> None:
        """The queue has it."""
        try:
            event = (
                NewItem(validated_item(event.item))
                if isinstance(event, NewItem)
                else validated_change(event)
            )
        except InvalidItem:  # it will be among the dead letters
            return
        item_id = event.item.id if isinstance(event, NewItem) else event.id
        if not self._broadcast.unsaved.add(event, asyncio.get_running_loop().time()):
            return
        if isinstance(event, NewItem):
            self._broadcast.item(item_id, None)
        else:
            self._broadcast.tell(
                ChangeDelta(item_id, event.change, field_of(event), value_of(event))
            )

    def _saved(self, event: ChangeSaved) -> None:
        self._stale.add(event.id, event.changes)
        for change in event.superseded:
            self._broadcast.tell(SupersededDelta(event.id, change))
