"""Dates and times, in the zone and the words of whoever reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from todo.web.language import language
from todo.web.viewer import Viewer, zone_of

NOW = datetime(2026, 11, 29, 23, 30, tzinfo=UTC)


def reader(zone: str = "UTC", code: str = "en") -> Viewer:
    return Viewer(language(code), ZoneInfo(zone), NOW.astimezone(ZoneInfo(zone)))


@pytest.mark.parametrize(
    ("value", "zone", "words", "late", "today"),
    [
        ("2026-11-29", "UTC", "Today", False, True),
        ("2026-11-29", "Asia/Shanghai", "Yesterday", True, False),
        ("2026-11-30", "UTC", "Tomorrow", False, False),
        ("2026-12-04", "UTC", "Friday", False, False),
        ("2026-12-06", "UTC", "6 Dec", False, False),
        ("2027-01-02", "UTC", "2 Jan 2027", False, False),
        ("2026-11-29T18:30:00+01:00", "UTC", "Today, 17:30", True, True),
        ("2026-11-29T23:45:00Z", "UTC", "Today, 23:45", False, True),
        ("2026-11-29T23:45:00Z", "Asia/Shanghai", "Today, 07:45", False, True),
        ("0001-01-01T00:00:00+14:00", "America/Los_Angeles", "1 Jan 1, 00:00", True, False),
    ],
)
def test_when_something_is_due(value: str, zone: str, words: str, late: bool, today: bool) -> None:
    due = reader(zone).due(value)

    assert due is not None
    assert (due.words, due.late, due.today) == (words, late, today)
    assert due.told == (f"Overdue: {words}" if late else words)


@pytest.mark.parametrize("value", [None, "", "soon", "2026-13-01", "x" * 10])
def test_what_is_no_date(value: str | None) -> None:
    assert reader().due(value) is None


def test_in_chinese() -> None:
    chinese = reader("Asia/Shanghai", "zh")

    assert chinese.long_day == "11月30日 星期一"
    due = chinese.due("2026-12-24T18:30:00+08:00")
    assert due is not None
    assert due.words == "12月24日 18:30"
    late = chinese.due("2026-11-30T07:00:00+08:00")
    assert late is not None
    assert late.told == "已逾期\uff1a今天 07:00"


@pytest.mark.parametrize("year", [1, 9999])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles", "UTC"])
def test_every_moment_can_be_shown(year: int, zone: str) -> None:
    day = datetime(year, 1, 1) if year == 1 else datetime(year, 12, 31, 23)  # noqa: DTZ001
    for offset in (0, 14, -12):
        moment = day.replace(tzinfo=timezone(timedelta(hours=offset)))
        assert f'datetime="{moment.isoformat()}"' in reader(zone).moment(moment)


@pytest.mark.parametrize(
    ("cookie", "known"),
    [
        ("Europe/Prague", True),
        ("Europe%2FPrague", True),
        ("", False),
        ("Nowhere/Land", False),
        ("Europe", False),
        ("../../etc/passwd", False),
        ("/etc/localtime", False),
        ("a\0b", False),
        ("x" * 1000, False),
    ],
)
def test_the_zone_is_the_browsers_where_it_is_one(cookie: str, known: bool) -> None:
    assert (zone_of({"tz": cookie}) is not None) == known
