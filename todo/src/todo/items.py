"""What an item is, and the rules for its text. No queue and no database."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

#: Unicode code points.
MAX_LENGTH = 256
#: Of an id.
MAX_ID_LENGTH = 64
#: Code points that show nothing, as a regular expression's class has them: the properties White_Space and
#: Default_Ignorable_Code_Point, the categories Cc, Cs and Zs, and the signs that are blank by design.
INVISIBLE = (
    "\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    "\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)

_VISIBLE = re.compile(f"[^{INVISIBLE}]")
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing to do. `id` is a UUIDv7; `date_added` and `date_saved` are in UTC.

    `due` is a date, or a date and time with its offset from UTC (RFC 3339). Items are in the order of their
    `position`, texts that are compared by code point; an empty one is where it was added. `version` is the
    last change that shows in it, empty where there was none.
    """

    id: Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)]
    item: str
    date_added: Annotated[datetime, Meta(tz=True)]
    done: bool = False
    due: str | None = None
    tags: tuple[str, ...] = ()
    notes: str = ""
    position: str = ""
    date_saved: Annotated[datetime, Meta(tz=True)] | None = None
    version: str = ""


class InvalidItem(ValueError):
    """This text cannot be an item; the message says why, for the person who wrote it."""


def checked_text(text: object) -> str:
    """The text trimmed, or InvalidItem. 1 to 256 code points are allowed, all but NUL, and one is seen."""
    if not isinstance(text, str):
        raise InvalidItem("The item must be text.")
    trimmed = text.strip()
    if not trimmed:
        raise InvalidItem("Please enter what is to be done.")
    if len(trimmed) > MAX_LENGTH:
        raise InvalidItem(f"That is {len(trimmed)} characters long; {MAX_LENGTH} is the most.")
    if "\0" in trimmed or not is_unicode(trimmed):
        raise InvalidItem("The item holds characters that cannot be kept.")
    if is_blank(trimmed):
        raise InvalidItem("Please enter what is to be done: nothing of this text can be seen.")
    return trimmed


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen: spaces, zero-width and other invisible characters alone."""
    if text.isascii() and text.isprintable():  # nearly always, and quick
        return not text.strip()
    return _VISIBLE.search(text) is None


def is_uuid(text: str) -> bool:
    """Whether it is a UUID in its usual form."""
    return _UUID.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Whether an item that is kept can have this id: ours are UUIDs, other publishers may have others."""
    return 0 < len(text) <= MAX_ID_LENGTH and "\0" not in text and is_unicode(text)


def items_of(texts: Sequence[str], cause: str) -> list[Item]:
    """Items for these texts, or InvalidItem. The same `cause`, a UUIDv7, gives the same items again."""
    moment = _milliseconds(cause)
    added = datetime.fromtimestamp(moment / 1000, UTC)
    return [
        Item(derived_id(moment, index, cause), checked_text(text), added)
        for index, text in enumerate(texts)
    ]


def derived_id(moment: int, index: int, cause: str) -> str:
    """A UUIDv7 (RFC 9562): of that moment in milliseconds since 1970, in the order of the indexes, the rest
    from the cause."""
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


def is_unicode(text: str) -> bool:
    """Whether it can be encoded: there is no half of a surrogate pair in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
