"""Items with due dates, as a calendar that other programs subscribe to."""

from __future__ import annotations

#: Ends the stream.
END = "END:VCALENDAR\r\n"


def is_feed(path: str) -> bool:
    """Whether this is the calendar's address, which has its own secret instead of a session."""
    return path.startswith("/calendar/") and path.endswith("/todo.ics")
