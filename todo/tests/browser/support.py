"""What several browser tests do."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Locator, Page, expect

from dovetail import MessageQueue, new_id
from todo.events import NewItem
from todo.items import Item
from todo.store import Store


async def add(queue: MessageQueue, text: str) -> Item:
    """Accept one item without saving it."""
    item = Item(new_id(), text, datetime.now(UTC))
    await queue.publish(NewItem(item), id=item.id)
    return item


async def keep(store: Store, *texts: str) -> list[Item]:
    """Items that are saved already, the last one the newest."""
    items = [made(text, number) for number, text in enumerate(texts)]
    await store.add(items)
    return items


def made(text: str, number: int = 0, **fields: Any) -> Item:
    """An item that was added this many milliseconds from now, so that their order is known."""
    added = datetime.now(UTC) + timedelta(milliseconds=number)
    later = uuid.UUID(int=uuid.UUID(new_id()).int + (number << 80))
    return Item(str(later), text, added, **fields)


async def live(page: Page) -> None:
    """The page is being kept up to date."""
    await expect(page.get_by_text("Updates by itself")).to_be_visible()


def row_of(page: Page, text: str) -> Locator:
    """The row of the item with this text."""
    return page.locator(".item").filter(has=page.get_by_role("checkbox", name=f"Done: {text}"))
