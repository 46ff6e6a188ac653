"""Times as JetStream writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

SECOND = 1_000_000_000
#: Of what has never been.
_NEVER = "0001-01-01T00:00:00Z"
_FRACTION = re.compile(r"\.(\d+)")


def rfc3339(time: int | None) -> str:
    """Nanoseconds since 1970; None is never."""
    if time is None:
        return _NEVER
    whole = datetime.fromtimestamp(time // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{time % SECOND:09}".rstrip("0").rstrip(".")
    return f"{whole}{fraction}Z"


def nanoseconds(text: str) -> int:
    """The time behind it, in nanoseconds since 1970."""
    fraction = _FRACTION.search(text)
    whole = datetime.fromisoformat(_FRACTION.sub("", text))
    return int(whole.timestamp()) * SECOND + int(fraction[1].ljust(9, "0") if fraction else 0)
