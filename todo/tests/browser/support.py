"""What several browser tests do."""

from __future__ import annotations

from datetime import UTC, datetime

from dovetail import MessageQueue, new_id
from todo.events import NewItem
from todo.items import Item


async def add(queue: MessageQueue, text: str) -> Item:
    """Accept one item without saving it."""
    item = Item(new_id(), text, datetime.now(UTC))
    await queue.publish(NewItem(item), id=item.id)
    return item
