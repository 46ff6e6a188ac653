"""Finds phrases in a text that may say when something is due, in one language."""

# ruff: noqa: RUF001 - other languages' signs

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from todo.due_phrases.vocabulary import Vocabulary

#: Forms of a time; the others are of a day.
TIMES = frozenset({"clock", "half_clock", "part_clock", "part", "bare_clock"})
_DIGIT = "[0-9０-９]"
#: Beside a phrase of a language with spaces: it is part of a word, an address, a range.
_SPACED = (r"(?<![\w\-–/@#&.'’:：+\\$€£])", r"(?![\w\-–/@%]|['’]\w|[.:：,]\w)")
#: Beside a number in a language without.
_NUMBER = (r"(?<![0-9０-９A-Za-z_.:：/\-–@#$€£¥])", r"(?![0-9０-９A-Za-z_:：/%\-–]|\.\d)")
_NAME = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, eq=False)
class Phrase:
    """One phrase of a text, with what stands before and behind and goes with it."""

    #: Its form, as Forms names it.
    form: str
    language: Vocabulary
    #: What it is made of, by name: "weekday", "h"…
    parts: Mapping[str, str]
    start: int
    end: int
    #: Words such as "on" stand before it.
    led: bool

    @property
    def is_time(self) -> bool:
        """It says what time it is, and no day."""
        return self.form in TIMES

    def number(self, name: str) -> int | None:
        """The number of this name; None where it has none."""
        text = self.parts.get(name)
        if text is None:
            return None
        return int(text) if text.isdigit() else self.language.numbers[text]


class Finder:
    """Finds the phrases of one language."""

    def __init__(self, language: Vocabulary) -> None:
        self.language = language
        words = _placeholders(language)
        self._forms = [
            (form, re.compile(_bounded(pattern, words, language), re.IGNORECASE))
            for form in language.forms.__struct_fields__
            for pattern in getattr(language.forms, form)
        ]
        before = r"(?<![\w\-–/#'’])" if language.spaced else ""
        self._lead = re.compile(f"{before}(?:{language.lead})$", re.IGNORECASE)
        self._tail = re.compile(language.tail, re.IGNORECASE)

    def find(self, text: str) -> Iterator[Phrase]:
        """All of them, in any order; they may overlap."""
        for form, pattern in self._forms:
            for match in pattern.finditer(text):
                if match.end() > match.start():
                    yield self._phrase(form, text, match)

    def _phrase(self, form: str, text: str, match: re.Match[str]) -> Phrase:
        lead = self._lead.search(text, 0, match.start())
        tail = self._tail.match(text, match.end())
        parts = {
            name: " ".join(value.casefold().split())
            for name, value in match.groupdict().items()
            if value
        }
        start = lead.start() if lead else match.start()
        end = tail.end() if tail else match.end()
        return Phrase(form, self.language, parts, start, end, led=lead is not None)


def _placeholders(language: Vocabulary) -> dict[str, str]:
    # "a march" is no date: where words stand apart, only digits count days and hours.
    numerals = [] if language.spaced else [*language.numbers]
    count = _choice(language.numbers)
    words = {
        "n": f"(?P<n>{_DIGIT}{{1,3}}{'|' if language.numbers else ''}{count})",
        "y": f"(?P<y>{_DIGIT}{{4}})",
        "min": f"(?P<min>[0-5０-５]{_DIGIT}{_or(numerals)})",
        "quarter": f"(?P<quarter>{_choice(language.minutes)})",
        "day": f"(?P<day>{_choice(language.days)})",
        "moment": f"(?P<moment>{_choice(language.moments)})",
        "weekday": f"(?P<weekday>{_choice(language.weekdays)})",
        "month": f"(?P<month>{_choice(language.months)})",
        "unit": f"(?P<unit>{_choice(language.units)})",
        "half": f"(?P<half>{_choice(language.halves)})",
        "part": f"(?P<part>{_choice(language.parts)})",
    }
    return words | {name: f"(?P<{name}>{_DIGIT}{{1,2}}{_or(numerals)})" for name in ("d", "m", "h")}


def _or(words: Iterable[str]) -> str:
    return f"|{_choice(words)}" if words else ""


def _choice(words: Iterable[str]) -> str:
    """One of them, longer ones first; where there are none, nothing matches."""
    ordered = sorted(words, key=len, reverse=True)
    return "|".join(r"\s+".join(map(re.escape, word.split())) for word in ordered) or "(?!)"


def _bounded(pattern: str, words: Mapping[str, str], language: Vocabulary) -> str:
    inner = _NAME.sub(lambda found: words[found[1]], pattern)
    if language.spaced:
        return f"{_SPACED[0]}(?:{inner}){_SPACED[1]}"
    before, after = _NUMBER
    return f"(?:{before}(?={_DIGIT})|(?!{_DIGIT}))(?:{inner})(?:(?<={_DIGIT}){after}|(?<!{_DIGIT}))"
