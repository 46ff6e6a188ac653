"""The mutating-handler: changes saved texts by rules."""

from __future__ import annotations

import logging

from dovetail import Group, Reject
from todo.changes import amendment
from todo.events import ItemAmended, ItemSaved
from todo.handlers.received_line import Received
from todo.items import InvalidItem, checked_text, is_id
from todo.settings import MutatingHandlerSettings, Rule
from todo.store import Store, StoreUnavailable

log = logging.getLogger("todo.mutating-handler")


def mutating_handler(store: Store, settings: MutatingHandlerSettings) -> Group:
    """Replaces what the rules find in the text of a saved item, once."""
    group = Group("mutating-handler", not_ready=(StoreUnavailable,))
    received = Received(log)

    @group.on(ItemSaved)
    async def amend(event: ItemSaved) -> ItemAmended | None:
        item_id, saved = event.item.id, event.item.item
        if not is_id(item_id):
            raise Reject("no item that is kept can have this id")
        wanted = _amended(saved, settings.rules)
        if wanted == saved:
            return None
        received.say([item_id])
        there = await store.get(item_id)
        if there is not None and there.item in (saved, wanted):
            # Always the same change, and earlier than those of people who have seen the text: theirs count.
            change = amendment(event.item, wanted)
            (answer,) = await store.apply([change])
            if answer.item is not None and answer.item.item == wanted:
                log.info("amended %s", item_id)
                return ItemAmended(answer.item, change.change)
        log.info("left %s alone: it was changed or removed since", item_id)
        return None

    return group


def _amended(text: str, rules: tuple[Rule, ...]) -> str:
    amended = text
    for rule in rules:
        amended = amended.replace(rule.find, rule.replace)
    try:
        return amended if amended == text else checked_text(amended)
    except InvalidItem as error:
        raise Reject(f"the rules make no item of {text!r}: {error}") from error
