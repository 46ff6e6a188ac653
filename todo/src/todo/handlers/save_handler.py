"""The save-handler: writes new items, and changes of items, into the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from dovetail import Context, Group, Received, Reject
from todo.events import (
    ANY_CHANGE,
    CHANGES,
    Change,
    ChangeSaved,
    CountItems,
    ImportItems,
    ItemSaved,
    NewItem,
)
from todo.handlers.imports import take_imports
from todo.handlers.received_line import Received as ReceivedLines
from todo.items import InvalidItem, Item, items_of
from todo.settings import SaveHandlerSettings
from todo.store import Store, StoreUnavailable
from todo.validation import validated_change, validated_item

log = logging.getLogger("todo.save-handler")

#: What is published for each message of a batch.
Told: TypeAlias = ItemSaved | ChangeSaved | None


def save_handler(store: Store, settings: SaveHandlerSettings) -> Group:
    """Saves what was added and changed, a batch in one transaction, and tells how many items there are."""
    group = Group("save-handler", not_ready=(StoreUnavailable,))
    new, changed = ReceivedLines(log), ReceivedLines(log)

    @group.on(NewItem, batch=settings.batch)
    async def save(events: list[NewItem]) -> list[Told] | None:
        new.say([event.item.id for event in events])
        items = [_checked(event.item) for event in events]
        if settings.delay:
            await asyncio.sleep(settings.delay)
        added = await store.add(items)
        if added.lost:
            raise Reject(f"{_ids(added.lost)}: this id belongs to an item with another text")
        log.info("saved %s", _ids(items))
        if not settings.publish_item_saved:
            return None
        return [_saved(item.id, now) for item, now in zip(items, added.items, strict=True)]

    # One subscription for all kinds: what one item's changes are is put together in one transaction.
    @group.on(ANY_CHANGE, batch=settings.batch)
    async def save_changes(events: list[Received]) -> list[Told] | None:
        changes = [_decoded(event) for event in events]
        changed.say([change.change for change in changes])
        if settings.delay:
            await asyncio.sleep(settings.delay)
        saved = await store.apply(changes)
        log.info("saved %s", " ".join(change.change for change in changes))
        return _one_each(changes, saved) if settings.publish_item_saved else None

    @group.on(ImportItems)
    async def import_items(command: ImportItems, context: Context) -> list[NewItem]:
        try:
            items = items_of(command.texts, context.id)
        except InvalidItem as error:
            raise Reject(str(error)) from error
        log.info("import %s makes %s", context.id, _ids(items))
        return [NewItem(item) for item in items]

    take_imports(group, store)

    @group.on(CountItems)
    async def count(_: CountItems) -> int:
        return await store.count()

    return group


def _checked(item: Item) -> Item:
    try:
        return validated_item(item)
    except InvalidItem as error:
        raise Reject(f"{item.id}: {error}") from error


def _decoded(event: Received) -> Change:
    kind = CHANGES.get(event.subject)
    if kind is None:
        raise Reject(f"this release knows no change {event.subject}: replay it to a newer one")
    try:
        return validated_change(msgspec.convert(event.data, kind))
    except (msgspec.ValidationError, InvalidItem) as error:
        raise Reject(str(error)) from error


def _saved(id: str, now: Item | None) -> Told:
    """An item that was removed before it came is saved, too: it is known now that it is not there."""
    return ChangeSaved(id, ()) if now is None else ItemSaved(now)


def _one_each(changes: Sequence[Change], saved: Iterable[ChangeSaved]) -> list[Told]:
    """What became of an item at its first change, nothing at the others."""
    answers = {one.id: one for one in saved}
    return [answers.pop(change.id, None) for change in changes]


def _ids(items: Iterable[Item]) -> str:
    return " ".join(item.id for item in items)
