"""The message as a pydantic model, FastStream's natural type."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from benchmarks.content import DATE, TEXT, item_id


class Item(BaseModel):
    """One thing to do."""

    id: str
    item: str
    date_added: datetime


class NewItem(BaseModel):
    """Someone added an item."""

    item: Item


def new_item(number: int) -> NewItem:
    """The message with this number."""
    return NewItem(item=Item(id=item_id(number), item=TEXT, date_added=DATE))
