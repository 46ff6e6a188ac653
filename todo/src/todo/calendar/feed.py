"""Items as an iCalendar stream (RFC 5545), by the library icalendar, in parts that fit into a message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from icalendar import Calendar, Event

from todo.calendar import END
from todo.items import Item

NAME = "To-do list"
#: How often programs that show it should look again.
REFRESH = timedelta(minutes=15)

#: What RFC 5545 does not allow in a text: control characters, but for tab and line break; what follows ends
#: lines in some programs.
_NOT_ALLOWED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
#: Characters of notes that are shown at most: a message has room for a part, whatever is in it.
_MOST_NOTES = 1000


def head() -> str:
    """What begins the stream."""
    calendar = Calendar()
    calendar.add("prodid", "-//Dovetail//To-do list//EN")
    calendar.add("version", "2.0")
    calendar.add("name", NAME)  # RFC 7986, and as older programs have it
    calendar.add("x-wr-calname", NAME)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT15M")
    text: str = calendar.to_ical().decode()
    return text.removesuffix(END)


def entries(items: Sequence[Item]) -> str:
    """An entry for each item; those whose due date is none are left out."""
    found = [_entry(item, moment) for item in items if (moment := _moment(item.due)) is not None]
    return b"".join(entry.to_ical() for entry in found).decode()


def _entry(item: Item, moment: date) -> Event:
    entry = Event()
    entry.add("uid", _clean(item.id))
    entry.add("dtstamp", (item.date_saved or item.date_added).astimezone(UTC))
    entry.add("dtstart", moment)
    entry.add("summary", _clean(item.item))
    if item.notes:
        cut = "…" if len(item.notes) > _MOST_NOTES else ""
        entry.add("description", _clean(item.notes[:_MOST_NOTES] + cut))
    if item.tags:
        entry.add("categories", [_clean(tag) for tag in item.tags])
    # What is due does not make its owner busy.
    entry.add("transp", "TRANSPARENT")
    return entry


def _moment(due: str | None) -> date | None:
    """A day, or a moment in UTC; None for what is neither."""
    if due is None:
        return None
    try:
        if len(due) == len("2026-12-03"):
            return date.fromisoformat(due)
        moment = datetime.fromisoformat(due)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _clean(text: str) -> str:
    return _NOT_ALLOWED.sub(" ", text.replace("\r\n", "\n"))
