"""What every candidate sends: 170 bytes of JSON, the same for all but the number in its id."""

from __future__ import annotations

from datetime import UTC, datetime

#: Names for what each candidate makes on its own server.
#: Our client takes a confirmation of a stream with this prefix only.
STREAM = "dovetail-bench"
SUBJECT = "events.bench.newitem"

TEXT = "Ask the neighbours whether their cat would like to come Fridays"
DATE = datetime(2025, 11, 21, 8, 30, 0, 250000, tzinfo=UTC)


def item_id(number: int) -> str:
    """An id in the form of a UUIDv7, different for every number."""
    return f"01990000-0000-7000-8000-{number:012x}"
