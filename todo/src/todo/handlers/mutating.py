"""The mutating-handler: amends saved texts by rules."""

from __future__ import annotations

import logging

from dovetail import Group, Reject
from todo.events import ItemAmended, ItemSaved
from todo.items import InvalidItem, checked_text
from todo.settings import MutatingHandlerSettings, Rule
from todo.store import Store, StoreUnavailable

log = logging.getLogger("todo.mutating-handler")


def mutating_handler(store: Store, settings: MutatingHandlerSettings) -> Group:
    """Replaces what the rules find in the text of a saved item, once."""
    group = Group("mutating-handler", not_ready=(StoreUnavailable,))

    @group.on(ItemSaved)
    async def amend(event: ItemSaved) -> ItemAmended | None:
        item_id, saved = event.item.id, event.item.item
        wanted = _amended(saved, settings.rules)
        if wanted == saved:
            return None
        log.info("received %s", item_id)
        # Changes only the text that was saved, so that a message that comes twice is not applied twice.
        await store.amend(item_id, lambda text: wanted if text == saved else text)
        item = await store.get(item_id)
        if item is None or item.item != wanted:
            log.info("left %s alone: it was changed or removed since", item_id)
            return None
        log.info("amended %s", item_id)
        return ItemAmended(item)

    return group


def _amended(text: str, rules: tuple[Rule, ...]) -> str:
    amended = text
    for rule in rules:
        amended = amended.replace(rule.find, rule.replace)
    try:
        return amended if amended == text else checked_text(amended)
    except InvalidItem as error:
        raise Reject(f"the rules make no item of {text!r}: {error}") from error
