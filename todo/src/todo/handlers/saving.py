"""The save-handler: puts new items into the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from dovetail import Context, Group, Reject
from todo.events import CountItems, ImportItems, ItemSaved, NewItem
from todo.items import InvalidItem, Item, checked_text, items_of
from todo.settings import SaveHandlerSettings
from todo.store import Store, StoreUnavailable

log = logging.getLogger("todo.save-handler")


def save_handler(store: Store, settings: SaveHandlerSettings) -> Group:
    """Saves what was added, a batch in one transaction, and tells how many items there are."""
    group = Group("save-handler", not_ready=(StoreUnavailable,))

    @group.on(NewItem, batch=settings.batch)
    async def save(events: list[NewItem]) -> list[ItemSaved] | None:
        log.info("received %s", _ids(event.item for event in events))
        items = [_checked(event.item) for event in events]
        if settings.delay:
            await asyncio.sleep(settings.delay)
        await store.add(items)
        log.info("saved %s", _ids(items))
        return [ItemSaved(item) for item in items] if settings.publish_item_saved else None

    @group.on(ImportItems)
    async def import_items(command: ImportItems, context: Context) -> list[NewItem]:
        try:
            items = items_of(command.texts, context.id)
        except InvalidItem as error:
            raise Reject(str(error)) from error
        log.info("import %s makes %s", context.id, _ids(items))
        return [NewItem(item) for item in items]

    @group.on(CountItems)
    async def count(_: CountItems) -> int:
        return await store.count()

    return group


def _checked(item: Item) -> Item:
    """The item as it is to be kept. Not every publisher checks what it publishes."""
    try:
        text = checked_text(item.item)
    except InvalidItem as error:
        raise Reject(f"{item.id}: {error}") from error
    return item if text == item.item else Item(item.id, text, item.date_added)


def _ids(items: Iterable[Item]) -> str:
    return " ".join(item.id for item in items)
