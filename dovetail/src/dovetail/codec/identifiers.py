"""Message ids: UUIDv7 where a message is first published (RFC 9562), UUIDv5 where one causes another."""

from __future__ import annotations

import os
import re
import uuid
from hashlib import sha1

from dovetail import clock

_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_NAMESPACE = uuid.NAMESPACE_OID.bytes
#: For each hexadecimal digit, the one with its last two bits behind those of the variant.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
#: Hexadecimal digits that are random in one id, and for how many ids they are asked for at once.
_DIGITS, _AT_ONCE = 19, 128
#: For ids to come. A child process has its own.
_random: list[str] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.clear)


def new_id() -> str:
    """A UUIDv7: sorts by the time it was made, to the millisecond."""
    now = f"{clock.time_ns() // 1_000_000:012x}"
    try:
        random = _random.pop()
    except IndexError:
        random = _more_random()
    return f"{now[:8]}-{now[8:]}-7{random[:3]}-{_VARIANT[random[3]]}{random[4:7]}-{random[7:]}"


def _more_random() -> str:
    """One now, and a number for later: asking the system for each took as long as all the rest."""
    digits = clock.random_bytes(_AT_ONCE * _DIGITS // 2).hex()
    made = [digits[start : start + _DIGITS] for start in range(0, len(digits), _DIGITS)]
    _random.extend(made[1:])
    return made[0]


def unique_key(id: str, source: str) -> str:
    """What no other message has: a UUID, or an id together with its source (CloudEvents 1.0, `id`)."""
    return id if not source or _UUID.fullmatch(id) else f"{source} {id}"


def derived_id(cause: str, handler: str, index: int) -> str:
    """The id of the `index`-th message that a handler publishes because of the message `cause`.

    The same three always give the same id, so that handling a message again repeats nothing.
    """
    # As uuid.uuid5 does it, in a third of the time.
    name = f"{cause}/{handler}/{index}".encode()
    text = sha1(_NAMESPACE + name, usedforsecurity=False).hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"
