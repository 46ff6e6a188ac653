"""The texts of the pages, one file for each language. Adding a file adds a language."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "languages"
#: What is spoken where none of a browser's languages is here.
_DEFAULT = "en"
#: Languages that a browser's list is read for; the rest of a longer list is ignored.
_MOST_ASKED = 20
_PLACEHOLDER = re.compile(r"\\\{(\w+)\\\}")


class Language:
    """One file of texts. What it lacks is taken from the default language."""

    def __init__(self, code: str, words: Mapping[str, Any]) -> None:
        self.code = code
        #: As `lang` of a page has it.
        self.tag: str = words["tag"]
        self.page: Mapping[str, Any] = words["page"]
        #: What the scripts say, by its key.
        self.script: Mapping[str, Any] = words["script"]
        self.dates: Mapping[str, Any] = words["dates"]
        self._errors = [(_pattern(said), here) for said, here in words["errors"].items()]

    def text(self, key: str, **values: object) -> str:
        """The text of this key, `{name}` replaced by the values; `n` chooses between one and other."""
        return _filled(self.page[key], values)

    def sentence(self, english: str) -> str:
        """What a rule says in English, in this language where the file has it."""
        for pattern, here in self._errors:
            if found := pattern.fullmatch(english):
                return _filled(here, found.groupdict())
        return english


def language_for(accepted: str) -> Language:
    """The best one for an Accept-Language header (RFC 9110, 12.5.4)."""
    for wanted in _by_preference(accepted):
        for code in (wanted, wanted.partition("-")[0]):
            if code in _files():
                return language(code)
    return language(_DEFAULT)


@cache
def language(code: str) -> Language:
    """The language of this code; it is read once."""
    words, default = _read(code), _read(_DEFAULT)
    tables = {
        table: {**default[table], **words.get(table, {})} for table in ("page", "script", "dates")
    }
    return Language(code, {**tables, "tag": words["tag"], "errors": words.get("errors", {})})


def _read(code: str) -> dict[str, Any]:
    return tomllib.loads(_files()[code].read_text(encoding="utf-8"))


@cache
def _files() -> Mapping[str, Path]:
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}


def _by_preference(accepted: str) -> list[str]:
    weighed: list[tuple[float, str]] = []
    for part in accepted.split(",")[:_MOST_ASKED]:
        tag, _, parameter = part.partition(";")
        weight = parameter.strip().removeprefix("q=")
        try:
            weighed.append((float(weight) if weight else 1.0, tag.strip().lower()))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighed, key=lambda one: -one[0]) if weight > 0]


def _filled(text: str | Mapping[str, str], values: Mapping[str, object]) -> str:
    if not isinstance(text, str):
        text = text["one" if values.get("n") == 1 else "other"]
    # Not str.format: a value is text that somebody wrote, and may look like a place for another.
    return re.sub(r"\{(\w+)\}", lambda found: _shown(values.get(found[1], found[0])), text)


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _pattern(said: str) -> re.Pattern[str]:
    return re.compile(_PLACEHOLDER.sub(r"(?P<\1>.*?)", re.escape(said)), re.DOTALL)
