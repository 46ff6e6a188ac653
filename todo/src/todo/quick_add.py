"""Reads the text of a new item: when it is due, its tags, and what is left.

`Buy milk tomorrow 18:30 #shop` is due tomorrow and has a tag. A backslash before a word, and quotes
around words, leave them as they are.
"""

# ruff: noqa: RUF001 - other languages' signs

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Literal

from todo.due_phrases.choice import Due, due_in
from todo.due_phrases.phrases import Finder, Phrase
from todo.due_phrases.vocabulary import Vocabulary, vocabularies
from todo.fields import MAX_TAG_LENGTH, MAX_TAGS
from todo.items import is_blank

#: Code points of a text among which is looked; an item has far fewer.
MOST_READ = 600

_TAG = re.compile(
    r"(?:(?<=[\s(\[（【「『，。、；：！？,;])|(?<=[\u3400-\u9fff\uf900-\ufaff])|^)[#＃]"
    r"(?P<tag>[^\s#＃,;:!?()\[\]{}<>\"'`\\，。、；：！？（）【】「」『』《》“”‘’]+)(?:[#＃](?=\s|$))?"
)
_QUOTED = re.compile(
    r'"[^"]*"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|「[^」]*」|『[^』]*』|《[^》]*》|`[^`]*`'
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S+|www\.\S+", re.IGNORECASE)
_ESCAPED = re.compile(r"(?<![\w:/\\])\\(?=[\w#＃])")
#: What is left over at the ends where a phrase was taken away.
_LEFT_OVER = " \t\r\n,;:，、；：-–—"
_CLOSING = tuple(",.;:!?)，。；：！？）")

Kind = Literal["due", "tag"]


@dataclass(frozen=True)
class Found:
    """One phrase of a text, from code point `start` up to `end`."""

    kind: Kind
    start: int
    end: int
    words: str
    #: As an item has it.
    value: str


@dataclass(frozen=True)
class Read:
    """The text that is left, and what was read."""

    text: str
    due: str | None = None
    tags: tuple[str, ...] = ()
    found: tuple[Found, ...] = ()


class Parser:
    """Reads texts in all of these languages at once."""

    def __init__(self, languages: Iterable[Vocabulary]) -> None:
        self._finders = [Finder(language) for language in languages]

    def read(self, text: str, now: datetime, *, due: bool = True, tags: bool = True) -> Read:
        """What it says, at this moment in the reader's own zone; `due` and `tags` are what is looked for.

        A text that says nothing else is what is to be done, and stays whole.
        """
        start = text[:MOST_READ]
        escapes = {match.end() for match in _ESCAPED.finditer(start)}
        # A space in its place: what comes behind it is seen as if it were not there.
        plain = _ESCAPED.sub(" ", start)
        taken = [match.span() for kind in (_QUOTED, _ADDRESS) for match in kind.finditer(plain)]
        marked = [one for one in _tags(plain) if not _meets(one, taken)] if tags else []
        hidden = {one.start for one in marked} & escapes
        found = _first([one for one in marked if one.start not in hidden])
        if due:
            taken += [(one.start, one.end) for one in marked]
            phrases = [one for one in self._phrases(plain) if not _meets(one, taken)]
            held = {at for one in phrases for at in escapes if one.start <= at < one.end}
            hidden |= held
            phrases = [one for one in phrases if not any(one.start <= at < one.end for at in held)]
            found += _dues(plain, due_in(plain, phrases, now))
        found.sort(key=lambda one: one.start)
        rest = _rest(text, found, hidden)
        if is_blank(rest):
            return Read(text.strip())
        day = next((one.value for one in found if one.kind == "due"), None)
        return Read(rest, day, _unique(found), tuple(found))

    def _phrases(self, text: str) -> list[Phrase]:
        return [one for finder in self._finders for one in finder.find(text)]


@cache
def all_languages() -> Parser:
    """One for every language that the pages have; it is made once."""
    return Parser(vocabularies())


def _dues(text: str, due: Due | None) -> list[Found]:
    if due is None:
        return []
    return [
        Found("due", one.start, one.end, text[one.start : one.end], due.value)
        for one in due.phrases
    ]


def _meets(one: Found | Phrase, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start < one.end and one.start < end for start, end in spans)


def _tags(text: str) -> list[Found]:
    found: list[Found] = []
    for match in _TAG.finditer(text):
        tag = match["tag"].rstrip(".-/…")
        if _is_tag(tag):
            closed = match.end() > match.end("tag")
            end = match.end() if closed else match.start("tag") + len(tag)
            found.append(Found("tag", match.start(), end, text[match.start() : end], tag))
    return found


def _first(tags: list[Found]) -> list[Found]:
    """As many as an item may have; those that are there already go with them."""
    known: set[str] = set()
    kept: list[Found] = []
    for one in tags:
        if one.value.casefold() in known or len(known) < MAX_TAGS:
            known.add(one.value.casefold())
            kept.append(one)
    return kept


def _is_tag(tag: str) -> bool:
    """Numbers are none: "#12" is what something is called elsewhere."""
    return (
        0 < len(tag) <= MAX_TAG_LENGTH
        and any(one.isalpha() or ord(one) > 0x2FFF for one in tag)
        and tag.isprintable()
        and not is_blank(tag)
    )


def _unique(found: Iterable[Found]) -> tuple[str, ...]:
    tags: dict[str, str] = {}
    for one in found:
        if one.kind == "tag":
            tags.setdefault(one.value.casefold(), one.value)
    return tuple(tags.values())


def _rest(text: str, found: Sequence[Found], escapes: Iterable[int]) -> str:
    """The text without what was found and without its escapes, put together again."""
    cuts = [(one.start, one.end) for one in found] + [(at - 1, at) for at in escapes]
    rest, at = "", 0
    for start, end in sorted(cuts):
        rest = _joined(rest, text[at:start])
        at = end
    rest = _joined(rest, text[at:])
    if found and is_blank(text[: found[0].start]):
        rest = rest.lstrip(_LEFT_OVER)
    if found and is_blank(text[found[-1].end :]):
        rest = rest.rstrip(_LEFT_OVER)
    return rest.strip()


def _joined(one: str, other: str) -> str:
    """With no more than one space where something stood between them, and no empty brackets."""
    if one[-1:] + other[:1] in ("()", "[]", "（）"):
        one, other = one[:-1], other[1:]
    if one[-1:].isspace() and other[:1].isspace():
        other = other.lstrip()
    elif one[-1:].isspace() and other[:1] in _CLOSING:
        one = one.rstrip()
    return one + other
