"""The message as an event of ours; on the wire it is in a CloudEvents envelope."""

from __future__ import annotations

from datetime import datetime

import msgspec

from benchmarks.content import DATE, SUBJECT, TEXT, item_id
from dovetail import Event


class Item(msgspec.Struct, frozen=True):
    """One thing to do."""

    id: str
    item: str
    date_added: datetime


class NewItem(Event, frozen=True, subject=SUBJECT):
    """Someone added an item."""

    item: Item


def new_item(number: int) -> NewItem:
    """The message with this number."""
    return NewItem(Item(item_id(number), TEXT, DATE))
