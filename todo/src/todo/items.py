"""The domain: what an item is. Pure rules, no queue and no database."""

from __future__ import annotations

from datetime import datetime

import msgspec

#: Unicode code points.
MAX_LENGTH = 256


class Item(msgspec.Struct, frozen=True):
    """One thing to do. `id` is a UUIDv7, `date_added` is in UTC."""

    id: str
    item: str
    date_added: datetime


class InvalidItem(ValueError):
    """This text cannot be an item; the message says why, for the person who wrote it."""


def checked_text(text: object) -> str:
    """The text trimmed, or InvalidItem. 1 to 256 code points are allowed."""
    if not isinstance(text, str):
        raise InvalidItem("The item must be text.")
    trimmed = text.strip()
    if not trimmed:
        raise InvalidItem("Please enter what is to be done.")
    if len(trimmed) > MAX_LENGTH:
        raise InvalidItem(f"That is {len(trimmed)} characters long; {MAX_LENGTH} is the most.")
    return trimmed
