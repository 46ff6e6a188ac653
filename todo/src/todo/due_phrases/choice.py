"""Chooses the phrases of a text that say when it is due."""

# ruff: noqa: RUF001 - other languages' signs

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise

from todo.due_phrases.moments import day_of, moment_of, time_of
from todo.due_phrases.phrases import Phrase

#: Between a day and its time.
_BESIDE = re.compile(r"\s*[,，]?\s*")
_ENDS = re.compile(r"\s*(?:$|[,.;:!?)\]，。；：！？、）])")


@dataclass(frozen=True)
class Due:
    """When something is due, as an item has it, and the phrases that say so."""

    value: str
    phrases: tuple[Phrase, ...]


def due_in(text: str, phrases: Iterable[Phrase], now: datetime) -> Due | None:
    """When this is due, if it says so. Of several days the last is meant; a time may stand elsewhere."""
    apart = _apart(phrases)
    wrong = {one for one in apart if _is_told_about(text, one)} | _ranges(text, apart)
    kept = [one for one in apart if one not in wrong]
    days = [one for one in kept if not one.is_time and _counts(text, one, apart)]
    times = [one for one in kept if one.is_time]
    for day in reversed(days):
        beside = [one for one in times if _touch(text, one, day)]
        free = [one for one in times if _is_free(text, one, apart)]
        if found := _due(day, beside[-1:] or free[-1:], now):
            return found
    for one in reversed(times):
        if _is_free(text, one, apart) and (found := _due_by_time(one, now)):
            return found
    return None


def _apart(phrases: Iterable[Phrase]) -> list[Phrase]:
    """In the order of the text; of those that overlap the longest."""
    chosen: list[Phrase] = []
    for one in sorted(phrases, key=lambda one: (one.start - one.end, one.start)):
        if all(one.end <= other.start or one.start >= other.end for other in chosen):
            chosen.append(one)
    return sorted(chosen, key=lambda one: one.start)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _is_told_about(text: str, phrase: Phrase) -> bool:
    """It belongs to what the text says: "Friday's meeting", "every day"."""
    language = phrase.language
    before = _compiled(f"(?:{language.never_after})$").search(text, 0, phrase.start)
    return bool(before or _compiled(language.never_before).match(text, phrase.end))


def _ranges(text: str, phrases: Sequence[Phrase]) -> set[Phrase]:
    """Those that stand for a time from … to …, or for more than one."""
    found: set[Phrase] = set()
    for one, other in pairwise(phrases):
        between = text[one.end : other.start]
        if _compiled(one.language.ranges).fullmatch(between) and one.is_time == other.is_time:
            found |= {one, other}
    return found


def _counts(text: str, phrase: Phrase, phrases: Sequence[Phrase]) -> bool:
    """Unless it is a word of many meanings that nothing shows to be a day."""
    ends = _ENDS.match(text, phrase.end) is not None
    if any(one.is_time and _touch(text, one, phrase) for one in phrases) or "y" in phrase.parts:
        return True
    if phrase.form == "day_of_month":
        begins = phrase.start == 0 and not phrase.language.spaced
        return phrase.led and ends if phrase.language.spaced else begins or ends or phrase.led
    word = phrase.parts.get("month") or phrase.parts.get("weekday")
    if word not in phrase.language.careful:
        return True
    if phrase.led:
        return ends or "month" not in phrase.parts
    unlike = _compiled(f"(?:{phrase.language.not_careful_after})$")
    return ends and not unlike.search(text, 0, phrase.start)


def _is_free(text: str, phrase: Phrase, phrases: Sequence[Phrase]) -> bool:
    """A time that stands by itself, and beside no day that was not taken."""
    if any(not one.is_time and _touch(text, one, phrase) for one in phrases):
        return False
    if phrase.form == "part":
        return phrase.led and phrase.language.parts.get(phrase.parts["part"]) == "noon"
    if phrase.form == "bare_clock":
        alone = phrase.start == 0 or _ENDS.match(text, phrase.end)
        return bool(phrase.parts["h"].isdigit() and (alone or phrase.led))
    return True


def _touch(text: str, one: Phrase, other: Phrase) -> bool:
    first, second = sorted((one, other), key=lambda phrase: phrase.start)
    return _BESIDE.fullmatch(text, first.end, second.start) is not None


def _due(day: Phrase, times: Sequence[Phrase], now: datetime) -> Due | None:
    try:
        moment = moment_of(day, now)
        if moment is not None:
            return Due(_written(moment), (day,))
        found = day_of(day, now.date())
        if found is None:
            return None
        at = time_of(times[0]) if times else time_of(day)
        if at is None:
            return Due(found.isoformat(), (day,))
        due = _at(found + timedelta(at[0]), at[1], now)
    except (OverflowError, KeyError):
        return None
    if "moment" in day.parts and due <= now:  # "tonight", late in the evening
        return Due(found.isoformat(), (day,))
    return Due(_written(due), (*times, day))


def _due_by_time(phrase: Phrase, now: datetime) -> Due | None:
    """Today, or tomorrow where that is over."""
    if (at := time_of(phrase)) is None:
        return None
    try:
        due = _at(now.date() + timedelta(at[0]), at[1], now)
        if due <= now:
            due = _at(now.date() + timedelta(at[0] + 1), at[1], now)
    except OverflowError:
        return None
    return Due(_written(due), (phrase,))


def _at(day: date, at: time, now: datetime) -> datetime:
    """In the reader's zone; an hour that its clocks leave out is the one after it."""
    local = datetime.combine(day, at, now.tzinfo)
    return local.astimezone(UTC).astimezone(now.tzinfo)


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
