"""The domain: what an item is. Pure rules, no queue and no database."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

#: Unicode code points.
MAX_LENGTH = 256


class Item(msgspec.Struct, frozen=True):
    """One thing to do. `id` is a UUIDv7, `date_added` is in UTC."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    item: str
    date_added: Annotated[datetime, Meta(tz=True)]


class InvalidItem(ValueError):
    """This text cannot be an item; the message says why, for the person who wrote it."""


def checked_text(text: object) -> str:
    """The text trimmed, or InvalidItem. 1 to 256 code points are allowed, all but NUL."""
    if not isinstance(text, str):
        raise InvalidItem("The item must be text.")
    trimmed = text.strip()
    if not trimmed:
        raise InvalidItem("Please enter what is to be done.")
    if len(trimmed) > MAX_LENGTH:
        raise InvalidItem(f"That is {len(trimmed)} characters long; {MAX_LENGTH} is the most.")
    if "\0" in trimmed or not _is_unicode(trimmed):
        raise InvalidItem("The item holds characters that cannot be kept.")
    return trimmed


def items_of(texts: Sequence[str], cause: str) -> list[Item]:
    """Items for these texts, or InvalidItem. The same `cause`, a UUIDv7, gives the same items again."""
    moment = _milliseconds(cause)
    added = datetime.fromtimestamp(moment / 1000, UTC)
    return [
        Item(_derived_id(moment, index, cause), checked_text(text), added)
        for index, text in enumerate(texts)
    ]


def _derived_id(moment: int, index: int, cause: str) -> str:
    """A UUIDv7 (RFC 9562): of that moment, in the order of the indexes, the rest from the cause."""
    moment, counter = moment + (index >> 12), index & 0xFFF
    rest = int.from_bytes(hashlib.sha256(f"{cause}/{index}".encode()).digest()[:8]) >> 2
    return str(uuid.UUID(int=moment << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | rest))


def _milliseconds(id: str) -> int:
    """Since 1970, when this UUIDv7 was made."""
    try:
        parsed = uuid.UUID(id)
    except ValueError:
        parsed = uuid.UUID(int=0)
    if parsed.version != 7 or parsed.int >> 127:  # the latter from the year 6429 on
        raise InvalidItem(f"The id {id!r} is no UUIDv7, so the time of adding is not known.")
    return parsed.int >> 80


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
