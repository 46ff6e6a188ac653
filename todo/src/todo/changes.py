"""Makes changes of items, with ids that give them the same order everywhere."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from datetime import UTC, datetime
from typing import Any, TypeVar

from dovetail import new_id
from todo.events import Change, ItemAmended, ItemEdited
from todo.items import Item

Kind = TypeVar("Kind", bound=Change)

#: A UUIDv7 in lower case, made before the year 2527: one from then on would win over whatever is made today.
_CHANGE = re.compile("0[0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_MOST_MILLISECONDS = 0x0FFF_FFFF_FFFF


def change_of(kind: type[Kind], item_id: str, *, after: str = "", **fields: Any) -> Kind:
    """A new change of this item, later than the change `after`, whatever the clock says.

    `after` is the `version` of the item as its author, or the server for them, knows it. `seen` is the same,
    where it is not given. The fields are not checked.
    """
    seen = fields.pop("seen", after)
    return kind(id=item_id, change=later_than(max(after, seen)), seen=seen, **fields)


def is_change_id(text: str) -> bool:
    """Whether it can be the id of a change."""
    return _CHANGE.fullmatch(text) is not None


def later_than(version: str) -> str:
    """A UUIDv7 of now, or of the next moment after this one where that is later."""
    now = new_id()
    if now > version or not is_change_id(version):
        return now
    # The rest is random: another process may be looking for one after the same.
    return _next(version, int.from_bytes(os.urandom(8)))


def derived_change_id(cause: str, part: str) -> str:
    """Always the same UUIDv7 for one part of what this UUIDv7 stands for, such as a request."""
    return _uuid(uuid.UUID(cause).int >> 64, _hash(f"{cause}/{part}"))


def amendment(item: Item, text: str) -> ItemEdited:
    """The change that makes another text of this one, always the same.

    It is later than what the item shows, and earlier than what anybody changes who has seen it.
    """
    rest = _hash(f"{item.id}/{item.item}/{text}")
    if is_change_id(item.version):
        change = _next(item.version, rest)
    else:
        since = item.date_added - datetime.fromtimestamp(0, UTC)
        milliseconds = min(max(0, int(since.total_seconds() * 1000)), _MOST_MILLISECONDS)
        change = _uuid(milliseconds << 16 | 0x7000, rest)
    return ItemEdited(id=item.id, change=change, seen=item.version, item=text)


def edit_of(event: ItemAmended) -> ItemEdited:
    """The same as a change of the text; releases before 2.0 did not number it."""
    item = event.item
    if event.change:
        return ItemEdited(id=item.id, change=event.change, seen=event.change, item=item.item)
    before = Item(item.id, "", item.date_added)
    return amendment(before, item.item)


def moment_of(change: str) -> datetime:
    """When this change was made, in UTC."""
    return datetime.fromtimestamp((uuid.UUID(change).int >> 80) / 1000, UTC)


def _next(change: str, rest: int) -> str:
    """The first moment after this one, with these last bits."""
    high = (uuid.UUID(change).int >> 64) + 1
    if high & 0xF000 != 0x7000:  # the counter has run over into the UUID's version
        high = (high >> 16) + 1 << 16 | 0x7000
    return _uuid(high, rest)


def _uuid(high: int, rest: int) -> str:
    return str(uuid.UUID(int=high << 64 | 0b10 << 62 | rest >> 2))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode(errors="replace")).digest()[:8])
