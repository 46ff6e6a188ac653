"""Who looks at a page: their language, their time zone, and the time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from zoneinfo import ZoneInfo

from markupsafe import Markup
from starlette.requests import HTTPConnection

from todo.web.language import Language, language_for

#: Where a script keeps the name of the browser's time zone, as the tz database has it.
ZONE_COOKIE = "tz"
_ZONE = re.compile(r"[A-Za-z0-9_+/-]{1,64}")
#: Days ahead that are called by their weekday.
_WEEK = 6


@dataclass(frozen=True)
class Due:
    """When an item is due, in words; `late` and `today` are about now."""

    words: str
    #: The same, or that it is overdue and since when.
    told: str
    #: As the item has it.
    value: str
    #: The viewer's date and time of day; the latter is None for a date alone.
    day: date
    at: time | None
    late: bool
    today: bool


@dataclass(frozen=True)
class Viewer:
    """One person at one moment. `zone` is None where only this machine's is known."""

    language: Language
    zone: tzinfo | None
    now: datetime

    @property
    def today(self) -> date:
        """The viewer's date."""
        return self.now.date()

    def local(self, moment: datetime) -> datetime:
        """The moment in the viewer's zone, as far as there is such a date there."""
        try:
            return moment.astimezone(self.zone)
        except (OverflowError, ValueError):  # the first or the last day that there is
            return moment

    def moment(self, moment: datetime) -> Markup:
        """A time for people, and for programs."""
        local = self.local(moment)
        words = self._with_time("moment", self.day(local.date()), local.time())
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            moment.isoformat(), f"{local:%Y-%m-%d %H:%M:%S %Z}".strip(), words
        )

    def due(self, value: str | None) -> Due | None:
        """When that is; None for what is no date, which only others can have written."""
        if not value:
            return None
        try:
            if len(value) == len("2026-11-29"):
                day = date.fromisoformat(value)
                return self._due(value, day, None, late=day < self.today)
            local = self.local(datetime.fromisoformat(value))
        except ValueError:
            return None
        day, at = local.date(), local.time().replace(tzinfo=None)
        return self._due(value, day, at, late=local < self.now)

    def _due(self, value: str, day: date, at: time | None, *, late: bool) -> Due:
        words = self._near(day) if at is None else self._with_time("due_time", self._near(day), at)
        overdue: str = self.language.dates["overdue"]
        told = overdue.format(due=words) if late else words
        return Due(words, told, value, day, at, late, day == self.today)

    def day(self, day: date) -> str:
        """A date; its year where it is another one."""
        dates = self.language.dates
        words: str = dates["day" if day.year == self.today.year else "day_year"]
        return words.format(day=day.day, month=dates["months"][day.month - 1], year=day.year)

    @property
    def long_day(self) -> str:
        """Today, with its weekday."""
        dates, today = self.language.dates, self.today
        words: str = dates["day_long"]
        return words.format(
            weekday=dates["weekdays_long"][today.weekday()],
            day=today.day,
            month=dates["months_long"][today.month - 1],
        )

    def _near(self, day: date) -> str:
        """As one calls a day that is near."""
        dates = self.language.dates
        ahead = (day - self.today).days
        if ahead in (-1, 0, 1):
            words: str = dates[("yesterday", "today", "tomorrow")[ahead + 1]]
            return words
        if 1 < ahead <= _WEEK:
            weekday: str = dates["weekdays_long"][day.weekday()]
            return weekday
        return self.day(day)

    def _with_time(self, key: str, day: str, at: time) -> str:
        words: str = self.language.dates[key]
        return words.format(date=day, time=f"{at:%H:%M}")


def viewer_of(connection: HTTPConnection) -> Viewer:
    """Who has sent this request."""
    zone = zone_of(connection.cookies)
    language = language_for(connection.headers.get("accept-language", ""))
    return Viewer(language, zone, datetime.now(UTC).astimezone(zone))


def zone_of(cookies: Mapping[str, str]) -> tzinfo | None:
    """The browser's time zone; None where no script has told it, or this machine does not know it."""
    name = cookies.get(ZONE_COOKIE, "").replace("%2F", "/")
    if not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # no such zone, a folder of zones, a path out of it
        return None
