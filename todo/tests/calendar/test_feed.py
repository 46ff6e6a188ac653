"""Items as iCalendar has them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from icalendar import Calendar

from dovetail import new_id
from todo.calendar import END, feed, is_feed
from todo.items import Item

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def item(text: str = "buy milk", **fields: Any) -> Item:
    return Item(new_id(), text, NOON, **fields)


def stream(*items: Item) -> str:
    return feed.head() + feed.entries(items) + END


def entries(*items: Item) -> list[Any]:
    return Calendar.from_ical(stream(*items)).walk("VEVENT")


def test_an_item_comes_back_as_it_was() -> None:
    one = item(
        'Bücher; "a, b" \\ 🎉',
        due="2026-12-03",
        notes="first\nsecond, ; \\",
        tags=("home", "a;b"),
        date_saved=datetime(2026, 1, 3, tzinfo=UTC),
    )
    (found,) = entries(one)
    assert found["UID"] == one.id
    assert found["SUMMARY"] == one.item
    assert found["DESCRIPTION"] == one.notes
    assert found["DTSTART"].dt == date(2026, 12, 3)
    assert found["DTSTAMP"].dt == one.date_saved
    assert list(found["CATEGORIES"].cats) == ["home", "a;b"]
    assert found["TRANSP"] == "TRANSPARENT"


@pytest.mark.parametrize(
    ("due", "moment"),
    [
        ("2026-12-03T18:30:00Z", datetime(2026, 12, 3, 18, 30, tzinfo=UTC)),
        ("2026-12-03T18:30:00+01:00", datetime(2026, 12, 3, 17, 30, tzinfo=UTC)),
        ("2026-12-03T18:30:00.5-09:30", datetime(2026, 12, 4, 4, 0, tzinfo=UTC)),
    ],
)
def test_a_moment_is_in_utc(due: str, moment: datetime) -> None:
    (found,) = entries(item(due=due))
    assert found["DTSTART"].dt == moment
    assert f"DTSTART:{moment:%Y%m%dT%H%M%SZ}\r\n" in stream(item(due=due))


@pytest.mark.parametrize(
    "due", [None, "", "soon", "2026-13-01", "2026-12-03T18:30:00", "0001-01-01T00:00:00+14:00"]
)
def test_a_date_that_is_none_hurts_no_other(due: str | None) -> None:
    (found,) = entries(item(due=due), item("other", due="2026-12-03"))
    assert found["SUMMARY"] == "other"


def test_what_no_calendar_may_hold_is_left_out() -> None:
    (found,) = entries(item("a\x07b\u2028c\x0bd", due="2026-12-03", notes="1\r\n2\r\0"))
    assert found["SUMMARY"] == "a b c d"
    assert found["DESCRIPTION"] == "1\n2  "


def test_the_stream_keeps_to_the_form() -> None:
    text = stream(item("é" * 256, due="2026-12-03", notes="👨‍👩‍👧" * 400))
    *lines, last = text.split("\r\n")
    assert last == ""
    assert "\n" not in "".join(lines)
    assert max(len(line.encode()) for line in lines) <= 75
    assert (lines[0], lines[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")
    assert {"VERSION:2.0", "PRODID:-//Dovetail//To-do list//EN"} <= {*lines}


def test_long_notes_are_cut() -> None:
    (found,) = entries(item(due="2026-12-03", notes="x" * 10_000))
    assert found["DESCRIPTION"] == "x" * 1000 + "…"


def test_a_calendar_with_nothing_in_it() -> None:
    assert entries() == []


def test_which_addresses_need_no_session() -> None:
    assert is_feed("/calendar/abc/todo.ics")
    for path in ("/calendar", "/calendar/", "/calendar/abc", "/x/calendar/abc/todo.ics"):
        assert not is_feed(path)
