"""Message ids: UUIDv7 where a message is first published (RFC 9562), UUIDv5 where one causes another."""

from __future__ import annotations

import os
import re
import time
import uuid

_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def new_id() -> str:
    """A UUIDv7: sorts by the time it was made, to the millisecond."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    high, low = random >> 62 & 0xFFF, random & 0x3FFF_FFFF_FFFF_FFFF
    text = f"{milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def unique_key(id: str, source: str) -> str:
    """What no other message has: a UUID, or an id together with its source (CloudEvents 1.0, `id`)."""
    return id if not source or _UUID.fullmatch(id) else f"{source} {id}"


def derived_id(cause: str, handler: str, index: int) -> str:
    """The id of the `index`-th message that a handler publishes because of the message `cause`.

    The same three always give the same id, so that handling a message again repeats nothing.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{cause}/{handler}/{index}"))
