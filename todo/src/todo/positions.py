"""Positions of items in the list: texts between which there is always room for another.

They are fractions in base 36 without their point, so comparing them as texts compares their values.
"""

from __future__ import annotations

import hashlib
import random
import re
from datetime import UTC, datetime

from todo.items import InvalidItem, Item, is_uuid

#: Characters. Each five moves into the same gap make it one longer.
MAX_POSITION_LENGTH = 1000

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_POSITION = re.compile("[0-9a-z]*[1-9a-z]")
#: There are so many places at least in the gap from which one is taken at random: two who put something
#: into the same gap at once must not take the same one.
_LEAST_GAP = 36**3
#: At either end of the list only so far away, so that what is added later still is the newest.
_LONGEST_STEP = 36**2
#: Digits in which that is counted, one of the ends having a UUID's 32 and one more.
_END_DIGITS = 37


def position_of(item: Item) -> str:
    """Its place, also where nobody has moved it: then it is that of its id, newer ones later."""
    return item.position or added_position(item.id, item.date_added)


def added_position(id: str, date_added: datetime) -> str:
    """Where an item stands that nobody has moved."""
    if is_uuid(id):
        return f"{id.replace('-', '').lower()}h"
    milliseconds = max(0, int((date_added - datetime.fromtimestamp(0, UTC)).total_seconds() * 1000))
    rest = hashlib.sha256(id.encode(errors="replace")).hexdigest()[:20]
    return f"{milliseconds:012x}{rest}h"


def is_position(text: str) -> bool:
    """Whether it can be one."""
    return len(text) <= MAX_POSITION_LENGTH and _POSITION.fullmatch(text) is not None


def checked_position(text: object) -> str:
    """The position, or InvalidItem."""
    if not isinstance(text, str) or not _POSITION.fullmatch(text):
        raise InvalidItem("The position must be of the digits 0-9 and a-z, and not end in 0.")
    if len(text) > MAX_POSITION_LENGTH:
        raise InvalidItem(
            f"The position is {len(text)} characters long; {MAX_POSITION_LENGTH} is the most."
        )
    return text


def between(before: str | None, after: str | None) -> str:
    """A position that is greater than `before` and less than `after`; None for the ends of the list.

    InvalidItem where one of them is no position. Where they leave no gap, it is right behind `before`.
    """
    low = None if before is None else checked_position(before)
    high = None if after is None else checked_position(after)
    if low is None:
        return _near(high, -1) if high is not None else _text(_within(0, 36**4), 4)
    if high is None or high <= low:
        return _near(low, +1)
    length = max(len(low), len(high))
    start, end = _number(low, length), _number(high, length)
    while end - start < _LEAST_GAP:
        length, start, end = length + 1, start * 36, end * 36
    return checked_position(_text(_within(start, end), length))


def _near(end: str, direction: int) -> str:
    """A little before or behind the one that is the first or last."""
    length = max(len(end), min(len(end) + 4, _END_DIGITS))
    while True:
        found = _number(end, length) + direction * random.randint(1, _LONGEST_STEP)
        if 0 < found < 36**length:
            return checked_position(_text(found, length))
        length += 1


def _within(start: int, end: int) -> int:
    """Any number from the middle half of the gap."""
    quarter = (end - start) // 4
    return random.randint(start + quarter, end - quarter)


def _number(position: str, length: int) -> int:
    number = int(position, 36)
    for _ in range(length - len(position)):
        number *= 36
    return number


def _text(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits)).rstrip("0")
