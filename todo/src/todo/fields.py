"""The rules for the fields of an item, besides its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from todo.items import InvalidItem, is_blank, is_unicode

#: Unicode code points of one tag, and tags of one item.
MAX_TAG_LENGTH = 50
MAX_TAGS = 20
#: Unicode code points.
MAX_NOTES_LENGTH = 10_000
#: Of a date and time with microseconds and its offset.
MAX_DUE_LENGTH = 32

#: White space, the comma, and control characters.
_NO_PART_OF_A_TAG = re.compile("[\\s,\x00-\x1f\x7f-\x9f]")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
#: RFC 3339, section 5.6; of its fractions of a second, those that are kept.
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(\.\d{1,6})?)(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)


def checked_due(text: object) -> str | None:
    """The date, or the date and time with its offset from UTC, as it is kept; None for none.

    Raises InvalidItem.
    """
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise InvalidItem("The due date must be text, such as 2026-12-03.")
    trimmed = text.strip().upper()
    try:
        if _DATE.fullmatch(trimmed):
            datetime.fromisoformat(trimmed)
            return trimmed
        if _MOMENT.fullmatch(trimmed):
            datetime.fromisoformat(trimmed).astimezone(UTC)
            return trimmed
    except (ValueError, OverflowError):
        raise InvalidItem(f"There is no such date as {trimmed}.") from None
    raise InvalidItem(
        "The due date must be like 2026-12-03, or with a time like 2026-12-03T18:30:00+01:00."
    )


def checked_tags(tags: object) -> tuple[str, ...]:
    """The tags without repetitions, which differ in no more than case; or InvalidItem."""
    if isinstance(tags, str) or not isinstance(tags, Sequence):
        raise InvalidItem("The tags must be a list of texts.")
    found: dict[str, str] = {}
    for tag in tags:
        checked = checked_tag(tag)
        found.setdefault(checked.casefold(), checked)
    if len(found) > MAX_TAGS:
        raise InvalidItem(f"These are {len(found)} tags; {MAX_TAGS} are the most.")
    return tuple(found.values())


def checked_tag(tag: object) -> str:
    """One tag, or InvalidItem."""
    if not isinstance(tag, str):
        raise InvalidItem("A tag must be text.")
    if len(tag) > MAX_TAG_LENGTH:
        raise InvalidItem(f"A tag is {len(tag)} characters long; {MAX_TAG_LENGTH} is the most.")
    if is_blank(tag):
        raise InvalidItem("A tag must have something that can be seen.")
    if tag.startswith("#"):
        raise InvalidItem(f"The tag {tag} begins with #: leave it out.")
    if _NO_PART_OF_A_TAG.search(tag) or not is_unicode(tag):
        raise InvalidItem("A tag is one word: it has no spaces, commas or control characters.")
    return tag


def checked_notes(text: object) -> str:
    """The notes, their lines ended by \\n, "" where nothing of them is seen; or InvalidItem."""
    if not isinstance(text, str):
        raise InvalidItem("The notes must be text.")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(lines) > MAX_NOTES_LENGTH:
        raise InvalidItem(
            f"The notes are {len(lines)} characters long; {MAX_NOTES_LENGTH} is the most."
        )
    if "\0" in lines or not is_unicode(lines):
        raise InvalidItem("The notes hold characters that cannot be kept.")
    return "" if is_blank(lines) else lines
