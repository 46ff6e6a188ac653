"""The words of one language for dates and times, and the forms in which they are written."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

import msgspec

#: "half-hour" is one of its own: it has no number before it.
Unit = Literal["minute", "half-hour", "hour", "day", "week", "month", "year"]
Part = Literal["am", "pm", "morning", "noon", "afternoon", "evening", "night"]


class Forms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Regular expressions by what they mean, with names in braces for words and numbers."""

    #: Those of a day.
    day: tuple[str, ...] = ()
    moment: tuple[str, ...] = ()
    weekday: tuple[str, ...] = ()
    this_weekday: tuple[str, ...] = ()
    next_weekday: tuple[str, ...] = ()
    date: tuple[str, ...] = ()
    next_year_date: tuple[str, ...] = ()
    day_of_month: tuple[str, ...] = ()
    next_day_of_month: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    next_week: tuple[str, ...] = ()
    next_month: tuple[str, ...] = ()
    next_year: tuple[str, ...] = ()
    weekend: tuple[str, ...] = ()
    next_weekend: tuple[str, ...] = ()
    month_end: tuple[str, ...] = ()
    year_end: tuple[str, ...] = ()
    #: Those of a time; `part` and `bare_clock` count beside a day only.
    clock: tuple[str, ...] = ()
    half_clock: tuple[str, ...] = ()
    part_clock: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    bare_clock: tuple[str, ...] = ()


class Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `reading` of a language's file, which says what each of these is for."""

    spaced: bool
    lead: str
    never_after: str
    never_before: str
    ranges: str
    forms: Forms
    tail: str = ""
    careful: frozenset[str] = frozenset()
    not_careful_after: str = ""
    numbers: dict[str, int] = {}
    minutes: dict[str, int] = {}
    days: dict[str, int] = {}
    moments: dict[str, tuple[Part, int]] = {}
    weekdays: dict[str, int] = {}
    months: dict[str, int] = {}
    units: dict[str, Unit] = {}
    halves: dict[str, Part] = {}
    parts: dict[str, Part] = {}


def vocabularies() -> list[Vocabulary]:
    """Those of all languages that the pages have; a language without one is left out."""
    folder = files("todo.web") / "languages"
    found = sorted((one for one in folder.iterdir() if one.name.endswith(".toml")), key=_name)
    tables = [tomllib.loads(one.read_text("utf-8")).get("reading") for one in found]
    return [msgspec.convert(table, Vocabulary) for table in tables if table is not None]


def _name(file: Traversable) -> str:
    return file.name
