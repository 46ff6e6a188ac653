"""The date and time that a phrase means on a given day."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from todo.due_phrases.phrases import Phrase
from todo.due_phrases.vocabulary import Part

#: When a part of the day is, where no hour is given.
_HOURS: dict[Part, int] = {
    "am": 9,
    "pm": 15,
    "morning": 9,
    "noon": 12,
    "afternoon": 15,
    "evening": 18,
    "night": 20,
}
_DAYS = {"day": 1, "week": 7}
_MINUTES = {"minute": 1, "half-hour": 30, "hour": 60}
_MONTHS = {"month": 1, "year": 12}
_SATURDAY, _WEEK = 6, 7


def day_of(phrase: Phrase, today: date) -> date | None:
    """The day that it means; None where there is no such day. Raises OverflowError after the year 9999."""
    if phrase.form in _FIXED:
        return _FIXED[phrase.form](today)
    if phrase.form.endswith("weekday"):
        return _weekday(phrase, today)
    if phrase.form.endswith("day_of_month"):
        return _day_of_month(phrase, today)
    if phrase.form in ("date", "next_year_date"):
        return _date(phrase, today)
    if phrase.form == "ahead":
        return _days_ahead(phrase, today)
    offset = phrase.language.days.get(phrase.parts.get("day", ""))
    if offset is None:
        offset = phrase.language.moments[phrase.parts["moment"]][1]
    return today + timedelta(offset)


def moment_of(phrase: Phrase, now: datetime) -> datetime | None:
    """The moment for "in 3 hours"; None where it is another phrase."""
    unit = phrase.language.units.get(phrase.parts.get("unit", ""))
    if unit not in _MINUTES:
        return None
    count = phrase.number("n")
    if (count is None) != (unit == "half-hour"):
        return None
    # By the clock of the world: an hour is an hour when clocks are changed, too.
    passed = timedelta(minutes=_MINUTES[unit] * (count or 1))
    whole = now.replace(second=0, microsecond=0)
    return (whole.astimezone(UTC) + passed).astimezone(now.tzinfo)


def time_of(phrase: Phrase) -> tuple[int, time] | None:
    """The days after the day that is meant, nearly always none, and the time; None where there is none."""
    part = _part(phrase)
    hour = phrase.number("h")
    if hour is None:
        return None if part is None else (0, time(_HOURS[part]))
    minute = phrase.number("min") or phrase.language.minutes.get(phrase.parts.get("quarter", ""), 0)
    found = _hour(hour, part)
    if found is None or minute > 59:
        return None
    return divmod(found, 24)[0], time(found % 24, minute)


def _part(phrase: Phrase) -> Part | None:
    language, parts = phrase.language, phrase.parts
    if "moment" in parts:
        return language.moments[parts["moment"]][0]
    if "half" in parts:
        return language.halves[parts["half"]]
    return language.parts.get(parts.get("part", ""))


def _hour(hour: int, part: Part | None) -> int | None:
    """Of 24; 24 itself is midnight at the end of the day."""
    if part is None:
        return hour if hour < 24 else None
    if hour > 12:
        return hour if hour < 24 else None
    if part in ("am", "morning"):
        return (hour % 12 if part == "am" else hour) if hour or part == "am" else None
    if part == "noon":
        return hour + 12 if hour <= 2 else hour if hour >= 11 else None
    if part in ("evening", "night") and hour == 12:
        return 24
    return hour % 12 + 12


def _weekday(phrase: Phrase, today: date) -> date:
    wanted = phrase.language.weekdays[phrase.parts["weekday"]]
    if phrase.form == "next_weekday":
        return _next_week(today) + timedelta(wanted - 1)
    ahead = (wanted - today.isoweekday()) % _WEEK
    # Who means today says "today".
    return today + timedelta(ahead or (0 if phrase.form == "this_weekday" else _WEEK))


def _date(phrase: Phrase, today: date) -> date | None:
    day = phrase.number("d")
    month = phrase.number("m") or phrase.language.months.get(phrase.parts.get("month", ""))
    year = phrase.number("y")
    assert day is not None
    assert month is not None
    if phrase.form == "next_year_date":
        year = today.year + 1
    if year is not None:
        return _valid(year, month, day)
    # The 29th of February may be years away.
    years = (_valid(year, month, day) for year in range(today.year, today.year + 9))
    return next((one for one in years if one is not None and one >= today), None)


def _day_of_month(phrase: Phrase, today: date) -> date | None:
    day = phrase.number("d")
    assert day is not None
    if phrase.form == "next_day_of_month":
        following = _months_on(today, 1)
        return _valid(following.year, following.month, day)
    months = (_months_on(today.replace(day=1), ahead) for ahead in range(12))
    days = (_valid(one.year, one.month, day) for one in months)
    return next((one for one in days if one is not None and one >= today), None)


def _days_ahead(phrase: Phrase, today: date) -> date | None:
    unit, count = phrase.language.units[phrase.parts["unit"]], phrase.number("n")
    if count is None:
        return None
    if unit in _DAYS:
        return today + timedelta(_DAYS[unit] * count)
    return _months_on(today, _MONTHS[unit] * count)


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _months_on(day: date, months: int) -> date:
    """The same day of the month so many months on, or its last."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if year > date.max.year:
        raise OverflowError
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _next_week(today: date) -> date:
    return today + timedelta(_WEEK + 1 - today.isoweekday())


def _weekend(today: date) -> date:
    """The coming Saturday; on a Sunday it is today."""
    return (
        today if today.isoweekday() == _WEEK else today + timedelta(_SATURDAY - today.isoweekday())
    )


_FIXED: dict[str, Callable[[date], date]] = {
    "next_week": _next_week,
    "next_month": lambda today: _months_on(today.replace(day=1), 1),
    "next_year": lambda today: _months_on(today.replace(month=1, day=1), 12),
    "weekend": _weekend,
    "next_weekend": lambda today: _next_week(today) + timedelta(_SATURDAY - 1),
    "month_end": lambda today: today.replace(day=calendar.monthrange(today.year, today.month)[1]),
    "year_end": lambda today: today.replace(month=12, day=31),
}
