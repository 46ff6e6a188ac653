"""Adds the items of an imported file, part of the save-handler."""

from __future__ import annotations

import logging

from dovetail import Group, Reject
from todo.changes import derived_change_id
from todo.events import ImportPart, ItemRestored, NewItem
from todo.items import InvalidItem, Item
from todo.store import Store
from todo.validation import validated_item

log = logging.getLogger("todo.save-handler")


def take_imports(group: Group, store: Store) -> None:
    """Let this group, which saves items, take the parts of imports, too."""

    # What it returns has the same ids whenever it is returned: killed in between, it does no more again.
    @group.on(ImportPart)
    async def import_part(command: ImportPart) -> list[NewItem | ItemRestored]:
        items = [_checked(item) for item in command.items]
        removed = await store.removed([item.id for item in items])
        log.info("import: a part of %d items, %d of them removed before", len(items), len(removed))
        restored = [
            ItemRestored(id=item.id, change=derived_change_id(command.change, item.id))
            for item in removed
        ]
        return [*(NewItem(item) for item in items), *restored]


def _checked(item: Item) -> Item:
    try:
        return validated_item(item)
    except InvalidItem as error:
        raise Reject(f"{item.id}: {error}") from error
