"""The message as a msgspec type, for the raw client and FastStream at its fastest."""

from __future__ import annotations

from datetime import datetime

import msgspec

from benchmarks.content import DATE, TEXT, item_id


class Item(msgspec.Struct, frozen=True):
    """One thing to do."""

    id: str
    item: str
    date_added: datetime


class NewItem(msgspec.Struct, frozen=True):
    """Someone added an item."""

    item: Item


def new_item(number: int) -> NewItem:
    """The message with this number."""
    return NewItem(Item(item_id(number), TEXT, DATE))
